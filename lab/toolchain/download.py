"""Tools from the archives that their projects publish, where the network lets them through.

Untried: written from the projects' published file names, on a machine that reaches package registries only. What goes
wrong here is never an error: the build from Go modules follows.
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


class DownloadError(Exception):
    """An archive cannot be had, or is not what its project published."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A pinned ``.tar.gz`` of a GitHub release with the checksum file that is published beside it.

    ``{system}`` and ``{machine}`` stand for Go's names of this platform (``linux``, ``amd64``), ``{x64}`` for the name
    that Pulumi's own archives use in place of ``amd64``.

    Attributes:
        release: The release's address below the host, such as ``pulumi/pulumi/releases/download/v3.259.0``.
        file: The archive's name.
        checksums: The name of the file with the SHA-256 or SHA-512 sums, in the format of ``sha256sum``.
        executables: The files wanted out of the archive, by base name.
    """

    release: str
    file: str
    checksums: str
    executables: tuple[str, ...]

    def make(self, folder: Path) -> None:
        """Download, verify and unpack into ``folder``.

        Raises:
            DownloadError: The host is out of reach, or the archive or its checksum is not as pinned.
        """
        name = self._named(self.file)
        try:
            sums = _fetch(f"https://{_HOST}/{self.release}/{self._named(self.checksums)}").decode()
            content = _fetch(f"https://{_HOST}/{self.release}/{name}")
        except (OSError, ValueError) as error:
            raise DownloadError(f"{name}: {error}") from error
        expected = {line.split()[-1].lstrip("*"): line.split()[0] for line in sums.splitlines() if line.split()}.get(
            name, ""
        )
        algorithm = "sha512" if len(expected) == hashlib.sha512().digest_size * 2 else "sha256"
        if hashlib.new(algorithm, content).hexdigest() != expected:
            raise DownloadError(f"{name}: its checksum is not the published one")
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
                        (folder / base).write_bytes(source.read())
                        (folder / base).chmod(0o755)
        missing = [name for name in self.executables if not (folder / name).exists()]
        if missing:
            raise DownloadError(f"{self.file}: it holds no {', '.join(missing)}")

    def _named(self, pattern: str) -> str:
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        x64 = "x64" if machine == "amd64" else machine
        return pattern.format(system=platform.system().lower(), machine=machine, x64=x64)


def reachable() -> bool:
    """Say within four seconds whether the archives' host answers; no where ``FLASH_FIREWALL_DOWNLOADS`` is ``off``."""
    if os.environ.get("FLASH_FIREWALL_DOWNLOADS") == "off":
        return False
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
    try:
        # In a thread, because looking a name up cannot be given a time limit.
        return pool.submit(_connect).result(timeout=_REACH_SECONDS + 1)
    except (OSError, concurrent.futures.TimeoutError):
        return False
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _connect() -> bool:
    with socket.create_connection((_HOST, 443), timeout=_REACH_SECONDS):
        return True


def _fetch(url: str) -> bytes:
    parts = []
    with urllib.request.urlopen(url, timeout=_READ_SECONDS) as response:  # noqa: S310 - the address is https, see make
        while part := response.read(_MEBIBYTE):
            parts.append(part)
    return b"".join(parts)
