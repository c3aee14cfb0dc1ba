"""The network policy agent of AWS, as a process of the node."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lab.enclosure.mounts import RUN
from lab.node import settings
from lab.running import child
from lab.toolchain.kits import Toolchain

SOCKET = Path("/run/aws-node/npa.sock")
"""Where network plugins announce a pod before it starts."""

FOLDER = RUN / "agent"
"""Where its programs for the kernel and what it prints are."""

NAME = "aws-network-policy-agent"

_METADATA = "http://127.0.0.1:50052"
_TC = ("tc.v4ingress.bpf.o", "tc.v4egress.bpf.o")
_BPF = ("v4events.bpf.o", *_TC, "aws-eks-na-cli")
_ROOT = RUN / "agent-root"
# After a restart, these files tell it that its programs are the same.
_HOST = "host/opt/cni/bin"
_IN_FOLDER = 'cd "$0" && exec "$@"'


class Denials(StrEnum):
    """Where the agent logs what it stops; on EKS it does not unless it is asked."""

    UNLOGGED = "nowhere"
    LOGGED = "its file"
    SHIPPED = "its file and the log group of the cluster"


_FLAGS = {
    Denials.UNLOGGED: (),
    Denials.LOGGED: ("--enable-policy-event-logs=true",),
    Denials.SHIPPED: ("--enable-policy-event-logs=true", "--enable-cloudwatch-logs=true"),
}


class Mode(StrEnum):
    """What the agent lets through before a new pod's policies are known, by the words of the VPC CNI."""

    STANDARD = "standard"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent, as it is started.

    Attributes:
        toolchain: With its program.
        kubeconfig: Of the cluster.
        denials: Where it logs what it stops.
        account: The variables that lead it to an account, where it ships its log.
    """

    toolchain: Toolchain
    kubeconfig: Path
    denials: Denials
    account: Mapping[str, str]

    def prepare(self) -> None:
        """Make its folders. On a node /host is the host's root for it; here it is a folder that ends with the lab."""
        FOLDER.mkdir()
        program = self.toolchain.path(NAME)
        for file in _BPF:
            shutil.copy(program.with_name(file), FOLDER / file)
        _ROOT.mkdir()
        _mount("-t", "tmpfs", "tmpfs", str(_ROOT))
        _mount("--make-private", str(_ROOT))
        (_ROOT / _HOST).mkdir(parents=True)
        for entry in Path("/").iterdir():
            shown = _ROOT / entry.name
            if entry.is_symlink():
                shown.symlink_to(entry.readlink())
            elif entry.is_dir() and not shown.exists():
                shown.mkdir()
                _mount("--rbind", str(entry), str(shown))
                _mount("--make-rprivate", str(shown))

    def change_programs(self, number: int) -> None:
        """Give it programs for the kernel that do the same in other bytes, different ones for each number.

        At its next start, it drops what it has in the kernel.
        """
        for file in _TC:
            shutil.copy(FOLDER / file, FOLDER / "before.o")
            section = RUN / "section"
            section.write_text(str(number))
            subprocess.run(  # noqa: S603 - the arguments are this file's own
                ["llvm-objcopy", f"--add-section=.lab{number}={section}", str(FOLDER / "before.o"), str(FOLDER / file)],  # noqa: S607 - beside clang
                check=True,
            )

    def start(self) -> subprocess.Popen[str]:
        """Start it. It serves its socket a moment later."""
        SOCKET.unlink(missing_ok=True)
        command = [
            str(self.toolchain.path(NAME)),
            f"--kubeconfig={self.kubeconfig}",
            "--enable-network-policy=true",
            *_FLAGS[self.denials],
        ]
        environment = {"MY_NODE_NAME": settings.NAME, "AWS_EC2_METADATA_SERVICE_ENDPOINT": _METADATA, **self.account}
        inside = ["chroot", str(_ROOT), "/bin/sh", "-c", _IN_FOLDER, str(FOLDER), *command]
        return child.start(inside, FOLDER, f"{NAME}.log", environment)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)  # noqa: S603, S607 - the arguments are this file's own
