"""Tools built from published Go modules.

Every folder under ``lab/tools`` is a Go module. Its committed ``go.mod`` and ``go.sum`` pin what it builds.
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
    """The build of a tool failed. The message names the tool and quotes the compiler."""


def _nothing_more(_folder: Path) -> None:
    """Do nothing, because most tools are only executables."""


@dataclass(frozen=True, slots=True)
class GoBuild:
    """One executable from one Go module, and the files that belong beside it.

    Attributes:
        executable: The name of the executable.
        module: The folder under ``lab/tools``.
        package: The main package: an import path or ``.``.
        variables: Strings that the linker sets, such as the version of a release build.
        beside: Other executables in the same folder.
        tags: Build tags that leave out the parts that the lab never uses.
        finish: A function that adds files that need no build. It receives the folder of the executables.
        processor_seconds: About how much processor time the build takes after the builds before it. The progress uses
            this to show the time left.
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
        """Return the cache key of this build. It changes with the sources, the pinned modules and the Go release."""
        settings = repr((self.package, self.variables, [build.key() for build in self.beside]))
        within = (MODULES / self.module).rglob("*")
        files = sorted(path for path in within if path.is_file() and not path.name.endswith("_test.go"))
        return fingerprint(settings, go_version(), *self.tags, *files)

    def make(self, folder: Path) -> None:
        """Build the executables into ``folder``.

        Raises:
            BuildError: The Go toolchain is missing, or the build failed.
        """
        flags = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self.variables)])
        command = [go(), "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", flags]
        command += ["-tags", ",".join(self.tags), "-o", str(folder / self.executable), self.package]
        result = subprocess.run(  # noqa: S603 - the arguments are this file's own
            command,
            cwd=MODULES / self.module,
            env={**os.environ, "GOFLAGS": "", "GOWORK": "off", "GOMAXPROCS": ""},  # a build uses all cores
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
        """Return the folder of the executable. If the cache does not have it, build it first."""
        return cache.get(self.executable, self.key(), self.make)


def go() -> str:
    """Return the path of the Go toolchain.

    Raises:
        BuildError: PATH has no Go toolchain.
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
    """Return the folder of the unpacked Go module ``path@version``. If it is missing, download it first.

    Args:
        module: The folder under ``lab/tools`` that pins the Go module.
        path: The path and the version of the Go module.
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
