"""Downloads tools from the archives that their projects publish, if the network allows it.

Nobody has tried this yet: the machine of its author reached only package registries. The code follows the file names
that the projects publish. A failure here is never an error, because the build from Go modules follows.
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
    """The download of an archive failed, or the archive differs from the published one."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A pinned ``.tar.gz`` of a GitHub release, with the checksum file of the same release.

    ``{system}`` and ``{machine}`` mean Go's names of this platform (``linux``, ``amd64``). ``{x64}`` means the name
    that Pulumi's own archives use instead of ``amd64``.

    Attributes:
        release: The path of the release on the host, such as ``pulumi/pulumi/releases/download/v3.259.0``.
        file: The name of the archive.
        checksums: The name of the file with the SHA-256 or SHA-512 sums, in the format of ``sha256sum``.
        executables: The base names of the files to take out of the archive.
    """

    release: str
    file: str
    checksums: str
    executables: tuple[str, ...]

    def make(self, folder: Path) -> None:
        """Download the archive, verify it, and unpack it into ``folder``.

        Raises:
            DownloadError: The host does not answer, the checksum differs, or an executable is missing in the archive.
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
    parts = []
    with urllib.request.urlopen(url, timeout=_READ_SECONDS) as response:  # noqa: S310 - the address is https, see make
        while part := response.read(_MEBIBYTE):
            parts.append(part)
    return b"".join(parts)
