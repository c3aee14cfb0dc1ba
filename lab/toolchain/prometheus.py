"""Prometheus evaluates alert rules, and promtool tests them. They come from this machine or from Debian's package.

The cache holds both programs of the package ``prometheus``. Nothing installs it, so no service starts, and it needs no
root.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab.toolchain.cache import Cache, default_root

_PACKAGE = "prometheus"
_PROGRAMS = ("promtool", "prometheus")
_KEY = "debian"
_SECONDS = 300.0


class PrometheusError(Exception):
    """A program of Prometheus is not available. The message says why."""


def promtool(cache: Cache | None = None) -> Path:
    """Return the path of promtool. If it is missing, download and unpack Debian's package once.

    Raises:
        PrometheusError: PATH has no promtool, and apt or the package is not available.
    """
    return _program("promtool", cache)


def prometheus(cache: Cache | None = None) -> Path:
    """Return the path of Prometheus itself, found like promtool.

    Raises:
        PrometheusError: PATH has no prometheus, and apt or the package is not available.
    """
    return _program("prometheus", cache)


def _program(name: str, cache: Cache | None) -> Path:
    installed = shutil.which(name)
    if installed:
        return Path(installed)
    try:
        return (cache or Cache(default_root())).get(_PACKAGE, _KEY, _unpack) / name
    except _UnavailableError as error:
        raise PrometheusError(f"{name} is not on PATH, and {error}") from error


class _UnavailableError(Exception):
    """The package is not available."""


def _unpack(folder: Path) -> None:
    missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise _UnavailableError(f"there is no {' and no '.join(missing)} to fetch it with")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        archive = _fetched(Path(scratch))
        _run(["dpkg-deb", "--extract", str(archive), str(Path(scratch) / "tree")], Path(scratch))
        for name in _PROGRAMS:
            (Path(scratch) / "tree" / "usr" / "bin" / name).rename(folder / name)


def _fetched(folder: Path) -> Path:
    """Download the package with the system's package lists. If that fails, use new package lists in ``folder``."""
    download = ["download", _PACKAGE]
    if os.geteuid() == 0:
        # Otherwise apt downloads as another user, which may not write here, and prints a warning.
        download += ["--option", "APT::Sandbox::User=root"]
    try:
        _run(["apt-get", *download], folder)
    except _UnavailableError:
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
        raise _UnavailableError(f"{command[0]} does not run: {error}") from error
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()
        raise _UnavailableError(f"{' '.join(command[:2])} fails: {said[-1] if said else ''}")
