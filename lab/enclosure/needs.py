"""What a node needs of the machine that it is to run on."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from lab.enclosure import cgroups
from lab.toolchain.node_kits import Enforcer

_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr", "runc", "ip", "iptables", "ipset", "conntrack", "unshare")
_FILES = ("/bin/busybox", "/bin/bash-static", "/usr/lib/cni/loopback")
_KERNEL_TYPES = Path("/sys/kernel/btf/vmlinux")
_CGROUPS = Path("/sys/fs/cgroup")
_ENCLOSED = ("unshare", "--net", "--mount", "--pid", "--fork", "--propagation", "private", "sh", "-c")
_TRIED = "mount -t bpf bpf /mnt && ip link add lab0 type veth peer name lab1 && tc qdisc add dev lab0 clsact"


def missing(enforcer: Enforcer = Enforcer.AWS) -> str:
    """Return in one line what this machine lacks to run a node with an enforcer; empty if it lacks nothing."""
    return next(_lacking(), "") or (next(_lacking_for_cilium(), "") if enforcer is Enforcer.CILIUM else "")


def _lacking_for_cilium() -> Iterator[str]:
    if shutil.which("clang") is None:
        yield "Cilium compiles its programs for the kernel with clang: run `make node-packages`"
    if cgroups.unified() is None:
        yield f"Cilium needs control groups of version 2, in a folder below {_CGROUPS}"


def _lacking() -> Iterator[str]:
    """Yield what is lacking, the cheapest to find out first; the later ones rest on the earlier."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        yield "a node needs Linux on x86-64"
    if os.geteuid() != 0:
        yield "a node needs root"
    programs = [name for name in _PROGRAMS if shutil.which(name) is None]
    absent = [*programs, *(name for name in _FILES if not Path(name).exists())]
    if absent:
        yield f"a node needs {', '.join(absent)}: run `make node-packages`"
    if not _KERNEL_TYPES.exists():
        yield f"a node needs a kernel that says its types in {_KERNEL_TYPES}"
    if not (_CGROUPS / "memory" / "cgroup.procs").exists():
        yield f"a node needs control groups of version 1 in {_CGROUPS}; it has not been tried with version 2"
    tried = subprocess.run([*_ENCLOSED, _TRIED], capture_output=True, text=True, check=False)  # noqa: S603 - as above
    if tried.returncode != 0:
        yield f"a node needs namespaces, BPF, veth and traffic control: {tried.stderr.strip().splitlines()[-1]}"
    name = f"{cgroups.PREFIX}{os.getpid()}-needs"
    try:
        cgroups.make(name)
        cgroups.remove(name)
    except OSError as error:
        yield f"a node needs to make control groups: {error}"
