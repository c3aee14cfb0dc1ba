"""``kubectl``, as tests call it on a lab."""

import subprocess

from lab.running.firewall_command import Ran
from lab.running.lab import Lab


def kubectl(lab: Lab, stack: str, *arguments: str) -> Ran:
    """Run kubectl on a stack's cluster, and return its exit status and output.

    Args:
        lab: The lab with the cluster.
        stack: The stack whose cluster it is.
        arguments: Such as ``get``, ``networkpolicies``.
    """
    return subprocess.run(  # noqa: S603 - the kubectl of the lab's toolchain
        [str(lab.toolchain.path("kubectl")), *arguments],
        env=lab.env(stack),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
