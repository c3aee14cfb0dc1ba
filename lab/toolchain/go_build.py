"""Tools built from published Go modules.

Every folder under ``lab/tools`` is a Go module that pins, in a committed ``go.mod`` and ``go.sum``, what it builds.
"""

import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.toolchain.cache import Cache, fingerprint

MODULES = Path(__file__).parents[1] / "tools"


class BuildError(Exception):
    """A tool could not be built; says which and what the compiler said."""


def _nothing_more(_folder: Path) -> None:
    """Do nothing: most tools are executables only."""


@dataclass(frozen=True, slots=True)
class GoBuild:
    """One executable out of one Go module, and what belongs beside it.

    Attributes:
        executable: The name of the executable.
        module: The folder under ``lab/tools``.
        package: The main package, an import path or ``.``.
        variables: Strings that the linker sets, such as the version that a release build would carry.
        beside: Other executables for the same folder.
        tags: Build tags, which leave out what the lab never uses.
        finish: Adds files that are not built; is given the folder that holds the executables.
        processor_seconds: About how much processor time the build takes after the builds before it; progress shows
            what is left by it.
    """

    executable: str
    module: str
    package: str
    variables: tuple[tuple[str, str], ...] = ()
    beside: "tuple[GoBuild, ...]" = ()
    tags: tuple[str, ...] = ()
    finish: Callable[[Path], None] = _nothing_more
    processor_seconds: float = 0.0

    def key(self) -> str:
        """Return what the cache knows this build by: it changes with sources, pinned modules and the Go release."""
        settings = repr((self.package, self.variables, [build.key() for build in self.beside]))
        files = sorted(path for path in (MODULES / self.module).iterdir() if not path.name.endswith("_test.go"))
        return fingerprint(settings, go_version(), *self.tags, *files)

    def make(self, folder: Path) -> None:
        """Build into ``folder``.

        Raises:
            BuildError: The Go toolchain is missing or refuses.
        """
        flags = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self.variables)])
        command = [go(), "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", flags]
        command += ["-tags", ",".join(self.tags), "-o", str(folder / self.executable), self.package]
        result = subprocess.run(  # noqa: S603 - the arguments are this file's own
            command,
            cwd=MODULES / self.module,
            env={**os.environ, "GOFLAGS": "", "GOWORK": "off"},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise BuildError(f"{self.executable} does not build in lab/tools/{self.module}:\n{result.stderr[-4000:]}")
        for build in self.beside:
            build.make(folder)
        self.finish(folder)

    def get(self, cache: Cache) -> Path:
        """Return the folder that holds the executable, built if it is not in the cache."""
        return cache.get(self.executable, self.key(), self.make)


def go() -> str:
    """Return the path of the Go toolchain.

    Raises:
        BuildError: There is none on PATH.
    """
    path = shutil.which("go")
    if path is None:
        raise BuildError("the tools of the lab are built with Go, which is not on PATH: install Go 1.26 or later")
    return path


@functools.cache
def go_version() -> str:
    """Return the release of the Go toolchain, such as ``go1.26.8``."""
    return _go_output("env", "GOVERSION")


def module_folder(module: str, path: str) -> Path:
    """Return where the Go module ``path@version`` lies unpacked, downloaded if need be.

    Args:
        module: The folder under ``lab/tools`` that pins it.
        path: The module's path and version.
    """
    _go_output("mod", "download", path, folder=MODULES / module)
    return Path(_go_output("list", "-m", "-f", "{{.Dir}}", path.partition("@")[0], folder=MODULES / module))


def _go_output(*arguments: str, folder: Path = MODULES) -> str:
    result = subprocess.run(  # noqa: S603 - the arguments are this file's own
        [go(), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise BuildError(f"go {' '.join(arguments)} fails: {result.stderr[-2000:]}")
    return result.stdout.strip()
