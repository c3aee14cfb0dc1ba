import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.toolchain import download, go_build
from lab.toolchain.cache import Cache
from lab.toolchain.download import Archive, DownloadError
from lab.toolchain.go_build import GoBuild
from lab.toolchain.kits import Kit, provide

ARCHIVE = Archive("shop/tool/releases/download/v1", "tool.tar.gz", ("tool",))


@dataclass(frozen=True, slots=True)
class Nowhere:
    def find(self) -> Path | None:
        return None


@dataclass(frozen=True, slots=True)
class At:
    folder: Path

    def find(self) -> Path | None:
        return self.folder


@dataclass(frozen=True, slots=True)
class FakeBuild(GoBuild):
    def key(self) -> str:
        return "1"

    def make(self, folder: Path) -> None:
        (folder / self.executable).write_text("built")


BUILDS = (FakeBuild("tool", "tool", "."),)


def packed(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("some/folder/tool")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def publish(monkeypatch: pytest.MonkeyPatch, content: bytes, checksum: str) -> None:
    files = {"tool.tar.gz": content}
    monkeypatch.setattr(download, "pinned", lambda _: {"tool.tar.gz": checksum})
    monkeypatch.setattr(download, "reachable", lambda: True)
    monkeypatch.setattr(download, "_fetch", lambda url: files[url.rpartition("/")[2]])


def test_what_is_installed_comes_first(tmp_path: Path) -> None:
    kit = Kit("tool", At(tmp_path / "installed"), ARCHIVE, BUILDS)

    assert provide([kit], Cache(tmp_path / "cache")).folders == (tmp_path / "installed",)


def test_what_is_published_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = packed(b"published")
    publish(monkeypatch, content, hashlib.sha256(content).hexdigest())

    (folder,) = provide([Kit("tool", Nowhere(), ARCHIVE, BUILDS)], Cache(tmp_path)).folders

    assert (folder / "tool").read_text() == "published"


def test_an_archive_that_is_not_the_published_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, packed(b"something else"), hashlib.sha256(b"the real one").hexdigest())

    with pytest.raises(DownloadError, match="checksum"):
        ARCHIVE.make(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_downloaded_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, packed(b"something else"), hashlib.sha256(b"the real one").hexdigest())

    (folder,) = provide([Kit("tool", Nowhere(), ARCHIVE, BUILDS)], Cache(tmp_path)).folders

    assert (folder / "tool").read_text() == "built"


def test_where_nothing_can_be_reached_it_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def unreachable() -> bool:
        asked.append("once")
        return False

    monkeypatch.setattr(download, "reachable", unreachable)
    kits = [Kit(name, Nowhere(), ARCHIVE, (FakeBuild(name, name, "."),)) for name in ("one", "two")]

    provide(kits, Cache(tmp_path))

    assert asked == ["once"]


def test_what_was_built_is_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "reachable", lambda: False)
    kit = Kit("tool", Nowhere(), ARCHIVE, BUILDS)
    first = provide([kit], Cache(tmp_path))
    monkeypatch.setattr(download, "reachable", lambda: pytest.fail("the network is asked"))

    assert provide([kit], Cache(tmp_path)) == first


def test_a_build_without_a_part_is_another_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go_build, "go_version", lambda: "go1.26.0")

    assert GoBuild("tool", "aws-bridge", ".", tags=("small",)).key() != GoBuild("tool", "aws-bridge", ".").key()


def test_a_machine_without_go_says_that_go_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(go_build.BuildError, match="install Go"):
        go_build.go()
