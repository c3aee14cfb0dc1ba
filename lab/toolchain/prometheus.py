"""promtool checks and tests Prometheus rules. It comes from this machine or from Debian's package.

The cache holds the unpacked package ``prometheus``. Nothing installs it, so no service starts, and it needs no root.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab.toolchain.cache import Cache, default_root

_NAME = "promtool"
_PACKAGE = "prometheus"
_KEY = "debian"
_SECONDS = 300.0


class PromtoolError(Exception):
    """promtool is not available. The message says why."""


def promtool(cache: Cache | None = None) -> Path:
    """Return the path of promtool. If it is missing, download and unpack Debian's package once.

    Raises:
        PromtoolError: PATH has no promtool, and apt or the package is not available.
    """
    installed = shutil.which(_NAME)
    if installed:
        return Path(installed)
    return (cache or Cache(default_root())).get(_NAME, _KEY, _unpack) / _NAME


def _unpack(folder: Path) -> None:
    missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise PromtoolError(f"promtool is not on PATH, and there is no {' and no '.join(missing)} to fetch it with")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        archive = _fetched(Path(scratch))
        _run(["dpkg-deb", "--extract", str(archive), str(Path(scratch) / "tree")], Path(scratch))
        (Path(scratch) / "tree" / "usr" / "bin" / _NAME).rename(folder / _NAME)


def _fetched(folder: Path) -> Path:
    """Download the package with the system's package lists. If that fails, use new package lists in ``folder``."""
    download = ["download", _PACKAGE]
    if os.geteuid() == 0:
        # Otherwise apt downloads as another user, which may not write here, and prints a warning.
        download += ["--option", "APT::Sandbox::User=root"]
    try:
        _run(["apt-get", *download], folder)
    except PromtoolError:
        for name in ("lists/partial", "archives/partial"):
            (folder / name).mkdir(parents=True)
        own = ["--option", f"Dir::State::Lists={folder / 'lists'}", "--option", f"Dir::Cache={folder}"]
        if os.geteuid() == 0:
            own += ["--option", "APT::Sandbox::User=root"]
        _run(["apt-get", "update", *own], folder)
        _run(["apt-get", *download, *own], folder)
    return next(folder.glob(f"{_PACKAGE}_*.deb"))


def _run(command: list[str], folder: Path) -> None:
    try:
        result = subprocess.run(  # noqa: S603 - the arguments are this file's own
            command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PromtoolError(f"promtool is not on PATH, and {command[0]} does not run: {error}") from error
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()
        raise PromtoolError(f"promtool is not on PATH, and {' '.join(command[:2])} fails: {said[-1] if said else ''}")
