"""``kubectl``, as tests call it on a lab."""

import subprocess

from lab.running.lab import Lab

Told = subprocess.CompletedProcess[str]


def kubectl(lab: Lab, stack: str, *arguments: str, given: str = "") -> Told:
    """Run kubectl on a stack's cluster, and return its exit status and output.

    Args:
        lab: The lab with the cluster.
        stack: The stack whose cluster it is.
        arguments: Such as ``get``, ``networkpolicies``.
        given: Its standard input.
    """
    return subprocess.run(  # noqa: S603 - the kubectl of the lab's toolchain
        [str(lab.toolchain.path("kubectl")), *arguments],
        env=lab.env(stack),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
