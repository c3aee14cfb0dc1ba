"""What the files of an enclosure look like from inside: its own run-time folders, its own view of devices."""

import subprocess
from pathlib import Path

RUN = Path("/run/lab")
"""Where everything of the lab lies; in memory, and gone with the enclosure."""

_IN_MEMORY = ("/run", "/var/log", "/var/lib")
# kubelet and Cilium write these for the whole machine. They read the values that they want here, and leave the machine
# alone.
_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
    "kernel/unprivileged_bpf_disabled": "1",
    "kernel/timer_migration": "0",
}


def mount_all() -> None:
    """Make the mounts. Call it first inside."""
    for folder in _IN_MEMORY:
        _mount("-t", "tmpfs", "tmpfs", folder)
    RUN.mkdir()
    kept = RUN / "cgroup"
    kept.mkdir()
    # A network namespace is seen in a sysfs of its own; the control groups in it are the machine's.
    _mount("--rbind", "/sys/fs/cgroup", str(kept))
    _mount("-t", "sysfs", "sysfs", "/sys")
    _mount("--rbind", str(kept), "/sys/fs/cgroup")
    _mount("-t", "bpf", "bpf", "/sys/fs/bpf")
    for name, value in _SETTINGS.items():
        shown = RUN / "settings" / name
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(f"{value}\n")
        _mount("--bind", str(shown), f"/proc/sys/{name}")
    _mount("--make-rshared", "/")


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)  # noqa: S603, S607 - the arguments are this file's own
