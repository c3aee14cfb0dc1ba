"""Finds tools that are already on this machine, in a version that fits."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_ANSWER_SECONDS = 60.0  # on a machine that others keep busy, too

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Installed:
    """How an installed tool prints its version, and which versions fit.

    Attributes:
        executable: The name of the tool.
        arguments: The arguments that make it print its version.
        at_least: The oldest version that fits.
        below: The first version that no longer fits.
        beside: Executables that must be in the same folder.
    """

    executable: str
    arguments: tuple[str, ...]
    at_least: Version
    below: Version
    beside: tuple[str, ...] = ()

    def find(self) -> Path | None:
        """Return the folder of the first executable on PATH if it fits, or None."""
        path = shutil.which(self.executable)
        if path is None:
            return None
        folder = Path(path).parent
        if any(shutil.which(name, path=str(folder)) is None for name in self.beside):
            return None
        version = self._version(path)
        return folder if version is not None and self.at_least <= version < self.below else None

    def _version(self, path: str) -> Version | None:
        try:
            result = subprocess.run(  # noqa: S603 - the tool comes from PATH, and this asks for its version
                [path, *self.arguments], capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return parse_version(result.stdout)


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """An official provider plugin that ``pulumi plugin install`` has added to Pulumi's home.

    Attributes:
        name: The name of the provider, such as ``aws``.
        major: The major version that the SDK of the program uses.
    """

    name: str
    major: int

    def find(self) -> Path | None:
        """Return the folder of the newest plugin that fits, or None."""
        executable = f"pulumi-resource-{self.name}"
        home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
        folders = [
            (version, folder)
            for folder in home.glob(f"plugins/resource-{self.name}-v*")
            if (version := parse_version(folder.name)) and version[0] == self.major and (folder / executable).exists()
        ]
        return max(folders)[1] if folders else None


def parse_version(text: str) -> Version | None:
    """Return the first version with three numbers in a text, or None."""
    match = _VERSION.search(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def terraform_provider(name: str, major: int) -> Path | None:
    """Return the newest binary of a HashiCorp provider in a Terraform filesystem mirror, or None.

    A mirror has the layout ``registry.terraform.io/hashicorp/NAME/VERSION/SYSTEM_MACHINE/``. This searches the folders
    that Terraform documents ("Provider Installation": ``filesystem_mirror`` in the CLI configuration and the implied
    mirror folders). It also searches every folder in the system's folder for optional software.
    """
    found = [
        (version, binary)
        for mirror in _mirrors()
        for binary in mirror.glob(f"registry.terraform.io/hashicorp/{name}/*/*/terraform-provider-{name}_v*")
        if (version := parse_version(binary.name)) and version[0] == major and os.access(binary, os.X_OK)
    ]
    return max(found)[1] if found else None


def _mirrors() -> Iterator[Path]:
    configuration = Path(os.environ.get("TF_CLI_CONFIG_FILE") or Path.home() / ".terraformrc")
    if configuration.is_file():
        for path in re.findall(r'filesystem_mirror\s*\{[^}]*?path\s*=\s*"([^"]+)"', configuration.read_text()):
            yield Path(path)
    yield Path.home() / ".terraform.d" / "plugins"
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    yield Path(data) / "terraform" / "plugins"
    for folder in (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":"):
        yield Path(folder) / "terraform" / "plugins"
    yield from Path("/opt").glob("*")
