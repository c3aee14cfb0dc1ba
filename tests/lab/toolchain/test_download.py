"""An archive is downloaded only if its checksum is pinned, and only up to a size."""

import hashlib
import io
import re
import tarfile
from pathlib import Path

import pytest

from lab.toolchain import download
from lab.toolchain.download import PINNED, Archive, DownloadError, pinned

ARCHIVE = Archive("a/b/releases/download/v1", "tool.tar.gz", ("tool",))


def packed(content: bytes, name: str = "bin/tool") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A host that serves one archive, whose checksum is pinned; the addresses that it was asked for."""
    asked: list[str] = []
    content = packed(b"#!/bin/sh\n")

    def fetch(url: str) -> bytes:
        asked.append(url)
        return content

    pins = tmp_path / "archives.sha256"
    pins.write_text(f"# a note\n{hashlib.sha256(content).hexdigest()}  tool.tar.gz\n")
    monkeypatch.setattr(download, "PINNED", pins)
    monkeypatch.setattr(download, "_fetch", fetch)
    return asked


def test_an_archive_with_its_pinned_checksum_is_unpacked(served: list[str], tmp_path: Path) -> None:
    ARCHIVE.make(tmp_path)

    assert (tmp_path / "tool").read_bytes() == b"#!/bin/sh\n"
    assert served == ["https://github.com/a/b/releases/download/v1/tool.tar.gz"]


def test_an_archive_without_a_pinned_checksum_is_not_even_asked_for(served: list[str], tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="no checksum is pinned for it"):
        Archive("a/b", "other.tar.gz", ("tool",)).make(tmp_path)

    assert served == []


def test_an_archive_that_is_not_the_pinned_one_is_refused(
    served: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_fetch", lambda _: packed(b"other"))
    with pytest.raises(DownloadError, match="its checksum is not the pinned one"):
        ARCHIVE.make(tmp_path)

    assert served == []
    assert not (tmp_path / "tool").exists()


def test_a_program_that_unpacks_without_end_is_refused(
    served: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST_BYTES", 5)
    with pytest.raises(DownloadError, match="tool is larger than 5 bytes"):
        ARCHIVE.make(tmp_path)

    assert served


def test_an_answer_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = tmp_path / "endless"
    endless.write_bytes(b"x" * 100)
    monkeypatch.setattr(download, "LARGEST_BYTES", 50)
    with pytest.raises(DownloadError, match="larger than 50 bytes"):
        download._fetch(endless.as_uri())  # noqa: SLF001 - the download itself


def test_every_pinned_checksum_is_one() -> None:
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in pinned(PINNED.read_text(encoding="utf-8")).values())
