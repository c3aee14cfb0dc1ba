"""Downloads tools from the archives that their projects publish, where checksums are pinned and the network allows it.

The checksums are in ``archives.sha256``. A checksum beside an archive proves nothing: a person who can replace the one
can replace the other. No checksum is pinned yet: the published archives could not be reached to compute them.
A failure here is never an error, because the build from Go modules follows.
"""

import concurrent.futures
import hashlib
import os
import platform
import socket
import tarfile
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

_HOST = "github.com"
_REACH_SECONDS = 3.0
_READ_SECONDS = 30.0
_MEBIBYTE = 1 << 20

PINNED = Path(__file__).with_name("archives.sha256")
LARGEST_BYTES = 1 << 30
"""Of an archive, and of a program in it. The largest is the AWS provider, with some 800 MB."""


class DownloadError(Exception):
    """The download of an archive failed, or the archive differs from the published one."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A ``.tar.gz`` of a GitHub release, whose checksum is pinned.

    ``{system}`` and ``{machine}`` mean Go's names of this platform (``linux``, ``amd64``). ``{x64}`` means the name
    that Pulumi's own archives use instead of ``amd64``.

    Attributes:
        release: The path of the release on the host, such as ``pulumi/pulumi/releases/download/v3.259.0``.
        file: The name of the archive.
        executables: The base names of the files to take out of the archive.
    """

    release: str
    file: str
    executables: tuple[str, ...]

    def make(self, folder: Path) -> None:
        """Download the archive, verify it, and unpack it into ``folder``.

        Raises:
            DownloadError: No checksum is pinned, the host does not answer, the archive is too large, the checksum
                differs, or an executable is missing in the archive.
        """
        name = self._named(self.file)
        expected = pinned(PINNED.read_text(encoding="utf-8")).get(name)
        if expected is None:
            raise DownloadError(f"{name}: no checksum is pinned for it in {PINNED.name}")
        try:
            content = _fetch(f"https://{_HOST}/{self.release}/{name}")
        except (OSError, ValueError) as error:
            raise DownloadError(f"{name}: {error}") from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise DownloadError(f"{name}: its checksum is not the pinned one")
        self._unpack(content, folder)

    def _unpack(self, content: bytes, folder: Path) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:gz") as archive:
                for member in archive:
                    base = Path(member.name).name
                    source = archive.extractfile(member) if base in self.executables and member.isfile() else None
                    if source is not None:
                        if member.size > LARGEST_BYTES:
                            raise DownloadError(f"{self.file}: {base} is larger than {LARGEST_BYTES:,} bytes")
                        (folder / base).write_bytes(source.read())
                        (folder / base).chmod(0o755)
        missing = [name for name in self.executables if not (folder / name).exists()]
        if missing:
            raise DownloadError(f"{self.file}: it holds no {', '.join(missing)}")

    def _named(self, pattern: str) -> str:
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        x64 = "x64" if machine == "amd64" else machine
        return pattern.format(system=platform.system().lower(), machine=machine, x64=x64)


def pinned(text: str) -> dict[str, str]:
    """Return the SHA-256 of each archive by its name, from a text in the format of ``sha256sum``."""
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {line[1].lstrip("*"): line[0] for line in lines if len(line) == 2}  # noqa: PLR2004  # a digest and a name


def reachable() -> bool:
    """Return within four seconds whether the host of the archives answers.

    If ``FLASH_FIREWALL_DOWNLOADS`` is ``off``, return False.
    """
    if os.environ.get("FLASH_FIREWALL_DOWNLOADS") == "off":
        return False
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
    try:
        # This runs in a thread, because a name lookup has no time limit.
        return pool.submit(_connect).result(timeout=_REACH_SECONDS + 1)
    except (OSError, concurrent.futures.TimeoutError):
        return False
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _connect() -> bool:
    with socket.create_connection((_HOST, 443), timeout=_REACH_SECONDS):
        return True


def _fetch(url: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    with urllib.request.urlopen(url, timeout=_READ_SECONDS) as response:  # noqa: S310 - the address is https, see make
        while part := response.read(_MEBIBYTE):
            parts.append(part)
            size += len(part)
            if size > LARGEST_BYTES:
                raise DownloadError(f"{url}: larger than {LARGEST_BYTES:,} bytes")
    return b"".join(parts)
