"""The programs of the lab's node, see `lab.node`. Only tests and commands that need packets make them."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lab.toolchain.go_build import BuildError, GoBuild, module_folder
from lab.toolchain.kits import KITS, Kit
from lab.toolchain.path_search import Installed

_KUBERNETES = "1.36.3"
_KUBERNETES_VERSION = (
    ("k8s.io/component-base/version.gitVersion", f"v{_KUBERNETES}"),
    ("k8s.io/component-base/version.gitMajor", "1"),
    ("k8s.io/component-base/version.gitMinor", "36"),
)
_AGENT = "github.com/aws/aws-network-policy-agent"
_AGENT_VERSION = "v1.4.3"
_KERNEL_TYPES = Path("/sys/kernel/btf/vmlinux")
_BPF_OBJECTS = ("v4events", "tc.v4ingress", "tc.v4egress")
_BPF_FLAGS = ("-g", "-O2", "-Wall", "-fpie", "-target", "bpf", "-DCORE", "-D__BPF_TRACING__", "-march=bpf")
_CILIUM_MODULE = "github.com/cilium/cilium"
_CILIUM_VERSION = "v1.20.2"
_SERVERS = {"etcd", "kube-apiserver"}


class Enforcer(StrEnum):
    """What stops packets on the node, by the words of the command line."""

    AWS = "aws"
    KUBE_ROUTER = "kube-router"
    CILIUM = "cilium"


@dataclass(frozen=True, slots=True)
class _Nowhere:
    """Finds nothing: these programs are not installed on PATH, or may lack a part that the lab needs."""

    def find(self) -> None:
        """Return None."""


def _compile_bpf(folder: Path) -> None:
    """Compile the agent's programs for the kernel, as its own Makefile does, against the types of the running one."""
    source = module_folder("aws-node", f"{_AGENT}@{_AGENT_VERSION}") / "pkg" / "ebpf" / "c"
    scratch = folder / "source"
    shutil.copytree(source, scratch, copy_function=shutil.copyfile)
    scratch.chmod(0o755)
    types = _run(["bpftool", "btf", "dump", "file", str(_KERNEL_TYPES), "format", "c"], scratch)
    (scratch / "vmlinux.h").write_text(types)
    for name in _BPF_OBJECTS:
        command = ["clang", *_BPF_FLAGS, "-D__TARGET_ARCH_x86", "-c", f"{name}.bpf.c", "-o", f"../{name}.bpf.o"]
        _run(command, scratch)
    shutil.rmtree(scratch)
    # The agent copies this to the host, where people find it; it never runs it.
    (folder / "aws-eks-na-cli").write_text("#!/bin/sh\nexit 1\n")


def _add_sources(folder: Path) -> None:
    """Add what Cilium's agent compiles for the kernel at its start, and the definitions of its objects."""
    module = module_folder("cilium", f"{_CILIUM_MODULE}@{_CILIUM_VERSION}")
    left_out = shutil.ignore_patterns("tests", "complexity-tests", "test-progs")
    _copy(module / "bpf", folder / "lib" / "bpf", left_out)
    for version in ("v2", "v2alpha1"):
        definitions = module / "pkg" / "k8s" / "apis" / "cilium.io" / "client" / "crds" / version
        _copy(definitions, folder / "crds" / version, shutil.ignore_patterns("*.go"))


def _copy(source: Path, target: Path, left_out: Callable[[str, list[str]], set[str]]) -> None:
    shutil.copytree(source, target, copy_function=shutil.copyfile, ignore=left_out)
    for each in (target, *target.rglob("*")):
        each.chmod(0o755)  # a Go module is read-only; the cache removes what it made


def _run(command: list[str], folder: Path) -> str:
    try:
        result = subprocess.run(  # noqa: S603 - the arguments are this file's own
            command, cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BuildError(f"the agent's BPF programs need {command[0]}: run `make node-packages`") from error
    if result.returncode != 0:
        raise BuildError(f"{' '.join(command[:3])} fails: {result.stderr[-2000:]}")
    return result.stdout


def _kubernetes(name: str, processor_seconds: float) -> Kit:
    build = GoBuild(
        name,
        "kubernetes-node",
        f"k8s.io/kubernetes/cmd/{name}",
        _KUBERNETES_VERSION,
        processor_seconds=processor_seconds,
    )
    return Kit(name, Installed(name, ("--version",), (1, 36, 0), (1, 37, 0)), None, (build,))


_AWS_NODE = Kit(
    "the VPC CNI and its network policy agent",
    _Nowhere(),
    None,
    (
        GoBuild("aws-network-policy-agent", "aws-node", _AGENT, finish=_compile_bpf, processor_seconds=240),
        GoBuild(
            "aws-cni",
            "aws-node",
            "github.com/aws/amazon-vpc-cni-k8s/cmd/routed-eni-cni-plugin",
            processor_seconds=90,
        ),
        GoBuild("aws-node-stub", "aws-node", ".", processor_seconds=10),
    ),
)
_COREDNS = Kit(
    "CoreDNS",
    _Nowhere(),
    None,
    (GoBuild("coredns", "coredns", ".", processor_seconds=126),),
)
_KUBE_ROUTER = Kit(
    "kube-router",
    _Nowhere(),
    None,
    (
        GoBuild(
            "kube-router",
            "kube-router",
            "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
            processor_seconds=180,
        ),
    ),
)
_CILIUM = Kit(
    "Cilium",
    _Nowhere(),
    None,
    (
        GoBuild("cilium-agent", "cilium", f"{_CILIUM_MODULE}/daemon", finish=_add_sources, processor_seconds=480),
        GoBuild("cilium-cni", "cilium", f"{_CILIUM_MODULE}/plugins/cilium-cni", processor_seconds=20),
        GoBuild("hubble", "cilium", f"{_CILIUM_MODULE}/hubble", processor_seconds=30),
    ),
)
_ALWAYS = (
    *(kit for kit in KITS if {build.executable for build in kit.builds} & _SERVERS),
    _kubernetes("kubelet", 170),
    _kubernetes("kube-controller-manager", 100),
    _COREDNS,
)
_BESIDE_VPC_CNI = (_kubernetes("kube-proxy", 25), _AWS_NODE)
_OF = {
    Enforcer.AWS: _BESIDE_VPC_CNI,
    Enforcer.KUBE_ROUTER: (*_BESIDE_VPC_CNI, _KUBE_ROUTER),
    Enforcer.CILIUM: (_CILIUM,),
}


def node_kits(enforcer: Enforcer = Enforcer.AWS) -> tuple[Kit, ...]:
    """Return what a node needs: with every enforcer but Cilium, the network plugin of AWS and kube-proxy, too."""
    return (*_ALWAYS, *_OF[enforcer])
