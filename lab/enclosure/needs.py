"""What a node needs of the machine that it is to run on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr", "runc", "ip", "iptables", "ipset", "conntrack", "unshare")
_FILES = ("/bin/busybox", "/bin/bash-static", "/usr/lib/cni/loopback")
_KERNEL_TYPES = Path("/sys/kernel/btf/vmlinux")
_ENCLOSED = ("unshare", "--net", "--mount", "--pid", "--fork", "--propagation", "private", "sh", "-c")
_TRIED = "mount -t bpf bpf /mnt && ip link add lab0 type veth peer name lab1 && tc qdisc add dev lab0 clsact"


def missing() -> str:
    """Return in one line what this machine lacks to run a node; empty where nothing does."""
    if sys.platform != "linux":
        return "a node needs Linux"
    if os.geteuid() != 0:
        return "a node needs root"
    programs = [name for name in _PROGRAMS if shutil.which(name) is None]
    absent = [*programs, *(name for name in _FILES if not Path(name).exists())]
    if absent:
        return f"a node needs {', '.join(absent)}: run `make node-packages`"
    if not _KERNEL_TYPES.exists():
        return f"a node needs a kernel that says its types in {_KERNEL_TYPES}"
    tried = subprocess.run([*_ENCLOSED, _TRIED], capture_output=True, text=True, check=False)  # noqa: S603 - as above
    if tried.returncode != 0:
        return f"a node needs namespaces, BPF, veth and traffic control: {tried.stderr.strip().splitlines()[-1]}"
    return ""
