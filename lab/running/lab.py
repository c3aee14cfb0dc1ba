"""A running lab and the environment variables that point programs at it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from lab.aws_api.beyond_moto.vault import vault_variables
from lab.kubernetes_api.servers import NodeSide, kubeconfig_path
from lab.running.child import LITTLE_GARBAGE
from lab.running.supervisor import POOL_SOCKET
from lab.running.warm_python import write_stand_in
from lab.surroundings import REGION, STACKS
from lab.toolchain.kits import Toolchain, provide

_REPOSITORY = Path(__file__).parents[2]
_END_SECONDS = 60.0
# It leads the lab's AWS plugin to loaded providers; where it is empty, each engine loads its own.
_PROVIDER_POOL = "FLASH_FIREWALL_PROVIDER_POOL"
# Variables of the caller that would lead a program to a real account, cluster or backend.
FOREIGN = ("AWS_", "PULUMI_", "KUBE", "TF_", "ARM_", "GOOGLE_")


class Checkpoints(StrEnum):
    """When an engine writes its state; the value is that of ``PULUMI_SKIP_CHECKPOINTS``."""

    EACH_STEP = ""
    """As outside the lab: an engine that is killed leaves what it has done so far in the state."""
    AT_THE_END = "true"
    """Once, when the operation ends or fails: writing it after each step takes half of the engine's own time."""

    @property
    def variables(self) -> Mapping[str, str]:
        """The variables that make an engine do so."""
        return {"PULUMI_SKIP_CHECKPOINTS": self.value}


class LabError(Exception):
    """The lab does not start; the error holds the output of its servers."""


def _answer(supervisor: subprocess.Popen[str]) -> dict[str, str]:
    """Wait for the supervisor's next line.

    Raises:
        LabError: It ends instead.
    """
    line = supervisor.stdout.readline() if supervisor.stdout else ""
    if not line:
        _, errors = supervisor.communicate(timeout=_END_SECONDS)
        raise LabError(f"the lab does not start: {errors[-4000:]}")
    return dict(json.loads(line))


def state_in(folder: Path) -> dict[str, str]:
    """Return the variables that make an engine keep its state in a folder, which exists."""
    # The engine writes a file's metadata in two steps; a reader in between, the engine too, finds no state.
    return {"PULUMI_BACKEND_URL": f"file://{folder}?metadata=skip"}


@dataclass(frozen=True)
class Clusters(Mapping[str, Path]):
    """The kubeconfig of each stack. Who asks for one waits until the stack's API server runs.

    Attributes:
        folder: The lab's folder.
        supervisor: The process that starts the servers.
        running: The stacks whose servers run.
    """

    folder: Path
    supervisor: subprocess.Popen[str]
    running: set[str]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __getitem__(self, stack: str) -> Path:
        if stack not in STACKS:
            raise KeyError(stack)
        with self._lock:
            if stack not in self.running and self.supervisor.stdin:
                self.supervisor.stdin.write(f"{stack}\n")
                self.supervisor.stdin.flush()
                _answer(self.supervisor)
                self.running.add(stack)
        return kubeconfig_path(self.folder, stack)

    def __iter__(self) -> Iterator[str]:
        return iter(STACKS)

    def __len__(self) -> int:
        return len(STACKS)


@dataclass(frozen=True, slots=True)
class Lab:
    """Kubernetes and AWS on the loopback interface, with the environments ``dev`` and ``prod`` in both.

    Attributes:
        folder: The lab's folder, which holds all state. The lab removes it at its end.
        toolchain: The programs: ``lab.toolchain.path("pulumi")``.
        aws_endpoint: The URL of every AWS service.
        kubeconfigs: The kubeconfig file of each stack. Each has an API server of its own, which starts at the latest
            when somebody asks for its file.
        checkpoints: When the engines write their state.
    """

    folder: Path
    toolchain: Toolchain
    aws_endpoint: str
    kubeconfigs: Mapping[str, Path]
    checkpoints: Checkpoints = Checkpoints.EACH_STEP

    @classmethod
    @contextmanager
    def start(
        cls,
        toolchain: Toolchain | None = None,
        nodes: Mapping[str, NodeSide] | None = None,
        clusters: Iterable[str] = STACKS,
        checkpoints: Checkpoints = Checkpoints.EACH_STEP,
    ) -> Iterator["Lab"]:
        """Run a lab for the length of a ``with`` block.

        It leaves nothing behind, even if this process is killed: see `lab.running.supervisor`.

        Args:
            toolchain: The programs; if None, they are found or made first.
            nodes: The node of each stack whose cluster has one, see `lab.node`.
            clusters: The stacks whose API servers start at once.
            checkpoints: When the engines write their state.

        Raises:
            BuildError: A tool is missing and cannot be built.
            LabError: A server does not start.
        """
        toolchain = toolchain or provide()
        folder = Path(tempfile.mkdtemp(prefix="flash-ticket-lab-"))
        executables = {name: str(toolchain.path(name)) for name in ("etcd", "kube-apiserver")}
        if pool := toolchain.provider_pool:
            executables["providers"] = str(pool)
        sides = {stack: (node.address, str(node.certificates)) for stack, node in (nodes or {}).items()}
        at_once = set(clusters)
        orders = {"executables": executables, "nodes": sides, "clusters": sorted(at_once)}
        (folder / "orders.json").write_text(json.dumps(orders))
        supervisor = subprocess.Popen(  # noqa: S603 - this package's own module
            [sys.executable, "-m", "lab.running.supervisor", str(folder)],
            cwd=_REPOSITORY,
            env={**os.environ, **toolchain.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # an interrupt on the terminal goes to the caller, which then ends the lab in order
        )
        try:
            yield replace(cls._joined(supervisor, folder, toolchain, at_once), checkpoints=checkpoints)
        finally:
            supervisor.communicate(timeout=_END_SECONDS)
            shutil.rmtree(folder, ignore_errors=True)

    @classmethod
    def _joined(
        cls, supervisor: subprocess.Popen[str], folder: Path, toolchain: Toolchain, clusters: set[str]
    ) -> "Lab":
        answer = _answer(supervisor)
        (folder / "state").mkdir()
        write_stand_in(folder)
        toolchain.link_plugins(folder / "pulumi-home")
        # A file where the engine looks for a folder: without its own log it needs a tenth less time.
        (folder / "pulumi-home" / "logs").touch()
        return cls(folder, toolchain, answer["aws"], Clusters(folder, supervisor, clusters))

    def variables(self, stack: str) -> dict[str, str]:
        """Return the variables that point pulumi, kubectl and aws at one environment of the lab."""
        return {
            "PATH": os.pathsep.join([str(self.folder / "bin"), self.unshared()["PATH"]]),
            "PULUMI_HOME": str(self.folder / "pulumi-home"),
            **state_in(self.folder / "state"),
            "PULUMI_CONFIG_PASSPHRASE": "lab",
            **vault_variables(self.aws_endpoint),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **self.checkpoints.variables,
            "AWS_ENDPOINT_URL": self.aws_endpoint,
            "AWS_ACCESS_KEY_ID": "lab",
            "AWS_SECRET_ACCESS_KEY": "lab",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,  # version 1 of the CLI reads it
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "KUBECONFIG": str(self.kubeconfigs[stack]),
            **LITTLE_GARBAGE,
            _PROVIDER_POOL: str(self.folder / POOL_SOCKET),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            **self.toolchain.environment,
        }

    def unshared(self) -> dict[str, str]:
        """Return the variables that make an engine start each program and provider itself, as outside the lab."""
        folders = [Path(sys.executable).parent, *self.toolchain.folders]
        path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
        return {"PATH": path, _PROVIDER_POOL: ""}

    def env(self, stack: str) -> dict[str, str]:
        """Return the whole environment of a process: the caller's, without what leads past the lab, and `variables`."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        # Compiling the AWS SDK takes a program longer than all its other work, so bytecode is kept. Output is buffered,
        # as in every pipe.
        for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
            kept.pop(name, None)
        return {**kept, **self.variables(stack)}
