"""Finds or makes the programs that the lab runs.

It searches for each program on this machine, then in the cache, then in the archive that its project publishes. If all
that fails, it builds the program from Go modules.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab.toolchain import download
from lab.toolchain.cache import Cache, default_root, fingerprint
from lab.toolchain.download import Archive, DownloadError
from lab.toolchain.go_build import MODULES, BuildError, GoBuild, module_folder
from lab.toolchain.path_search import Installed, InstalledPlugin, terraform_provider
from lab.toolchain.progress import Progress, Step

_PULUMI = "3.259.0"
_KUBERNETES = "1.36.3"
_TERRAFORM_PROVIDER_MAJOR = 5
_LAUNCHER = "terraform-provider-aws"
_AWS_PLUGIN_FILE = "pulumi-resource-aws"
_INTERPRETER = "pulumi-language-python-interpreter"


class Finder(Protocol):
    """Finds the place where a tool is installed."""

    def find(self) -> Path | None:
        """Return the folder of the installed tool, or None."""


@dataclass(frozen=True, slots=True)
class Kit:
    """Executables that come together.

    Attributes:
        name: The name of the kit in progress and errors.
        installed: Finds the kit on this machine.
        archive: The archive that its project publishes, or None.
        builds: The builds that replace the archive.
        plugin: The folder in Pulumi's home where the engine expects the kit. Empty for a kit on PATH.
    """

    name: str
    installed: Finder
    archive: Archive | None
    builds: tuple[GoBuild, ...]
    plugin: str = ""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Where the programs are.

    Attributes:
        folders: The folders to put first on PATH, in order. A program that is already on PATH needs no folder.
        plugins: The folders of the provider plugins, by their names in Pulumi's home.
        environment: Variables that the programs need.
    """

    folders: tuple[Path, ...]
    plugins: dict[str, Path]
    environment: dict[str, str]

    def path(self, executable: str) -> Path:
        """Return where an executable is.

        Raises:
            LookupError: The executable does not exist.
        """
        folders = [*map(str, self.folders), os.environ.get("PATH", os.defpath)]
        found = shutil.which(executable, path=os.pathsep.join(folders))
        if found is None:
            raise LookupError(f"the toolchain has no {executable}")
        return Path(found)

    @property
    def provider_pool(self) -> Path | None:
        """The lab's own AWS plugin, which can keep loaded providers for many engines; None for the official plugin."""
        own = [folder / _AWS_PLUGIN_FILE for folder in self.plugins.values() if (folder / _LAUNCHER).is_symlink()]
        return own[0] if own else None

    def link_plugins(self, home: Path) -> None:
        """Link the plugins into the folder where the engine expects them. ``home`` must become its ``PULUMI_HOME``.

        The engine would also find them on PATH, but then it prints a warning in every run.
        """
        for name, folder in self.plugins.items():
            (home / "plugins" / name).mkdir(parents=True)  # the engine ignores a link instead of a folder
            for file in folder.iterdir():
                (home / "plugins" / name / file.name).symlink_to(file)


def _add_python_scripts(folder: Path) -> None:
    # The language host starts the script of the SDK, and expects that file beside itself.
    sdk = module_folder("pulumi-cli", f"github.com/pulumi/pulumi/sdk/v3@v{_PULUMI}")
    scripts = sdk / "python" / "cmd" / "pulumi-language-python-exec", MODULES / "pulumi-python-host" / _INTERPRETER
    for script in scripts:
        (folder / script.name).write_bytes(script.read_bytes())
        (folder / script.name).chmod(0o755)


def _add_launcher(folder: Path) -> None:
    # With this name, the plugin acts as the Terraform provider: see lab/tools/aws-bridge/processes.go.
    (folder / _LAUNCHER).symlink_to(_AWS_PLUGIN_FILE)


_KUBERNETES_VERSION = (
    ("k8s.io/component-base/version.gitVersion", f"v{_KUBERNETES}"),
    ("k8s.io/component-base/version.gitMajor", "1"),
    ("k8s.io/component-base/version.gitMinor", "36"),
)

_ENGINE = Kit(
    "Pulumi",
    Installed("pulumi", ("version",), (3, 259, 0), (4, 0, 0), beside=("pulumi-language-python",)),
    Archive(
        f"pulumi/pulumi/releases/download/v{_PULUMI}",
        f"pulumi-v{_PULUMI}-{{system}}-{{x64}}.tar.gz",
        ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"),
    ),
    (
        GoBuild(
            "pulumi",
            "pulumi-cli",
            "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            (("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version", f"v{_PULUMI}"),),
            beside=(
                GoBuild(
                    "pulumi-language-python",
                    "pulumi-python-host",
                    "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
                ),
            ),
            tags=(
                "disable_grpc_modules",
            ),  # Google storage through a service mesh: 135 packages that the lab never uses
            finish=_add_python_scripts,
            processor_seconds=700,
        ),
    ),
)
_AWS_PLUGIN = Kit(
    "Pulumi's AWS plugin",
    InstalledPlugin("aws", 7),
    Archive(
        "pulumi/pulumi-aws/releases/download/v7.51.1",
        "pulumi-resource-aws-v7.51.1-{system}-{machine}.tar.gz",
        ("pulumi-resource-aws",),
    ),
    (
        GoBuild(
            "pulumi-resource-aws",
            "aws-bridge",
            ".",
            beside=(
                GoBuild(
                    "pulumi-terraform-bridge",
                    "aws-bridge",
                    "github.com/pulumi/pulumi-terraform-bridge/v3/dynamic",
                ),
            ),
            finish=_add_launcher,
            processor_seconds=330,
        ),
    ),
    "resource-aws-v7.51.1",
)
_KUBERNETES_PLUGIN = Kit(
    "Pulumi's Kubernetes plugin",
    InstalledPlugin("kubernetes", 4),
    Archive(
        "pulumi/pulumi-kubernetes/releases/download/v4.25.0",
        "pulumi-resource-kubernetes-v4.25.0-{system}-{machine}.tar.gz",
        ("pulumi-resource-kubernetes",),
    ),
    (GoBuild("pulumi-resource-kubernetes", "kubernetes-provider", ".", processor_seconds=1300),),
    "resource-kubernetes-v4.25.0",
)
_API_SERVER = Kit(
    "the Kubernetes API server",
    Installed("kube-apiserver", ("--version",), (1, 31, 0), (2, 0, 0), beside=("etcd",)),
    Archive(
        "kubernetes-sigs/controller-tools/releases/download/envtest-v1.36.0",
        "envtest-v1.36.0-{system}-{machine}.tar.gz",
        ("kube-apiserver", "etcd", "kubectl"),
    ),
    (
        GoBuild("etcd", "kubernetes-api", "go.etcd.io/etcd/server/v3", processor_seconds=160),
        GoBuild(
            "kube-apiserver",
            "kubernetes-api",
            "k8s.io/kubernetes/cmd/kube-apiserver",
            _KUBERNETES_VERSION,
            processor_seconds=540,
        ),
    ),
)
_KUBECTL = Kit(
    "kubectl",
    Installed("kubectl", ("version", "--client"), (1, 30, 0), (2, 0, 0)),
    None,
    (
        GoBuild(
            "kubectl",
            "kubernetes-api",
            "k8s.io/kubernetes/cmd/kubectl",
            _KUBERNETES_VERSION,
            processor_seconds=60,
        ),
    ),
)
KITS = (_API_SERVER, _ENGINE, _AWS_PLUGIN, _KUBERNETES_PLUGIN, _KUBECTL)
"""All kits, in the order in which a lab needs them."""


def provide(kits: Iterable[Kit] = KITS, cache: Cache | None = None) -> Toolchain:
    """Return the toolchain. Download or build missing tools first, and show the progress on standard error.

    With an empty cache, this takes about 25 minutes on two cores, once. Other processes that need the tools wait.

    Raises:
        BuildError: A tool is not installed, its download failed, and its build failed too.
    """
    cache = cache or Cache(default_root())
    wanted = list(kits)
    present = {kit.name: folders for kit in wanted if (folders := _present(kit, cache))}
    missing = [kit for kit in wanted if kit.name not in present]
    if missing:
        present |= _make(missing, cache)
    plugins = {kit.plugin: present[kit.name][0] for kit in wanted if kit.plugin}
    searched = [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)]
    tools = [folder for kit in wanted if not kit.plugin for folder in present[kit.name] if folder not in searched]
    return Toolchain(tuple(dict.fromkeys(tools)), plugins, _environment([*tools, *plugins.values()]))


def _environment(folders: list[Path]) -> dict[str, str]:
    """Return the variables that lead the built programs to the files that the lab did not build."""
    environment = {}
    for folder in folders:
        if (folder / _LAUNCHER).is_symlink():
            environment["FLASH_FIREWALL_TERRAFORM_PROVIDER_AWS"] = str(_terraform_provider())
        if (folder / _INTERPRETER).exists():
            environment["PULUMI_PYTHON_CMD"] = str(folder / _INTERPRETER)
    return environment


def _present(kit: Kit, cache: Cache) -> list[Path]:
    installed = kit.installed.find()
    if installed:
        return [installed]
    if kit.archive:
        downloaded = cache.found(*_archive_entry(kit.archive))
        if downloaded:
            return [downloaded]
    built = [cache.found(build.executable, build.key()) for build in kit.builds]
    return [folder for folder in built if folder] if all(built) else []


def _archive_entry(archive: Archive) -> tuple[str, str]:
    return f"{archive.executables[0]}-release", fingerprint(repr(archive))


def _make(kits: list[Kit], cache: Cache) -> dict[str, list[Path]]:
    """Download or build the kits, and return their folders by the kits' names."""
    made: dict[str, list[Path]] = {}
    if download.reachable():
        progress = Progress("downloading", [Step(kit.name) for kit in kits if kit.archive])
        for kit in kits:
            folder = _downloaded(kit, cache, progress)
            made |= {kit.name: [folder]} if folder else {}
    rest = [kit for kit in kits if kit.name not in made]
    if _AWS_PLUGIN in rest:
        _terraform_provider()  # the plugin needs it, so this fails now and not after 25 minutes
    builds = [build for kit in rest for build in kit.builds]
    progress = Progress("building", [Step(build.executable, build.processor_seconds) for build in builds])
    for kit in rest:
        made[kit.name] = []
        for build in kit.builds:
            with progress.next():
                made[kit.name].append(build.get(cache))
    return made


def _downloaded(kit: Kit, cache: Cache, progress: Progress) -> Path | None:
    archive = kit.archive
    if archive is None:
        return None
    try:
        with progress.next():
            return cache.get(*_archive_entry(archive), archive.make)
    except DownloadError:
        return None


def _terraform_provider() -> Path:
    provider = terraform_provider("aws", _TERRAFORM_PROVIDER_MAJOR)
    if provider is None:
        raise BuildError(
            "the lab needs either Pulumi's official AWS plugin or HashiCorp's Terraform provider 5.x in a filesystem "
            "mirror, and finds neither: run `pulumi plugin install resource aws 7.51.1`"
        )
    return provider
