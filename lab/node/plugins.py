"""The network plugins of a node, which containerd runs for each pod."""

import shlex
from pathlib import Path

from lab.node import settings

_FIRST = "nice -n -20"
"""What lets a plugin go before everything else on the processors.

containerd waits for a plugin while the plugin's threads still end, and spins in the kernel until they are gone
(``shrink_dcache_parent``). Beside other work, that took a quarter of the processors.
"""


def install(plugin: Path) -> None:
    """Put a plugin where containerd looks for it."""
    settings.CNI_BINARIES.mkdir(parents=True, exist_ok=True)
    installed = settings.CNI_BINARIES / plugin.name
    installed.write_text(f'#!/bin/sh\nexec {_FIRST} {shlex.quote(str(plugin))} "$@"\n')
    installed.chmod(0o755)
