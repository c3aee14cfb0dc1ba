"""The folder that keeps what was built or downloaded once."""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def default_root() -> Path:
    """Return the cache's folder: ``FLASH_FIREWALL_CACHE``, or the user's cache folder by the XDG specification."""
    own = os.environ.get("FLASH_FIREWALL_CACHE")
    if own:
        return Path(own)
    user = os.environ.get("XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache") / "flash-ticket-firewall"


def fingerprint(*parts: str | Path) -> str:
    """Return 16 hexadecimal digits that change with any of the texts or, for paths, with the files' content."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(len(content).to_bytes(8))
        digest.update(content)
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of finished entries.

    An entry is made under a temporary name and renamed when it is whole: what can be seen under its own name is never
    half-made.
    """

    root: Path

    def found(self, name: str, key: str) -> Path | None:
        """Return the entry's folder, or None where it was never finished."""
        folder = self.root / f"{name}-{key}"
        return folder if folder.is_dir() else None

    def get(self, name: str, key: str, make: Callable[[Path], None]) -> Path:
        """Return the entry's folder, made by ``make`` in the folder that it is given if it is not there.

        Only one process makes an entry at a time; the others wait for it.

        Raises:
            Exception: Whatever ``make`` raises; nothing of the entry is kept then.
        """
        finished = self.found(name, key)
        if finished:
            return finished
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock(name):
            finished = self.found(name, key)
            if finished:
                return finished
            for interrupted in self.root.glob(f".{name}-*.making"):
                shutil.rmtree(interrupted, ignore_errors=True)
            making = Path(tempfile.mkdtemp(prefix=f".{name}-", suffix=".making", dir=self.root))
            try:
                making.chmod(0o755)
                make(making)
                making.rename(self.root / f"{name}-{key}")
            finally:
                shutil.rmtree(making, ignore_errors=True)
        return self.root / f"{name}-{key}"

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        with (self.root / f".{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sys.stderr.write(f"lab: another run is making {name}; waiting for it\n")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
