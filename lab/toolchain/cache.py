"""The folder that keeps built and downloaded tools."""

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
    """Return the folder of the cache: ``FLASH_FIREWALL_CACHE``, or a folder in the user's XDG cache folder."""
    own = os.environ.get("FLASH_FIREWALL_CACHE")
    if own:
        return Path(own)
    user = os.environ.get("XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache") / "flash-ticket-firewall"


def fingerprint(*parts: str | Path) -> str:
    """Return 16 hexadecimal digits that change if a text changes or, for a path, if the content of the file changes."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(len(content).to_bytes(8))
        digest.update(content)
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of finished entries.

    The cache makes an entry under a temporary name, and renames it when it is complete. So an entry with its own name
    is always complete.
    """

    root: Path

    def found(self, name: str, key: str) -> Path | None:
        """Return the folder of the entry, or None if no complete entry exists."""
        folder = self.root / f"{name}-{key}"
        return folder if folder.is_dir() else None

    def get(self, name: str, key: str, make: Callable[[Path], None]) -> Path:
        """Return the folder of the entry. If it does not exist, ``make`` fills the folder that it receives.

        Only one process at a time makes an entry. Other processes wait for it.

        Raises:
            Exception: ``make`` raised it. The cache then keeps nothing of the entry.
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
