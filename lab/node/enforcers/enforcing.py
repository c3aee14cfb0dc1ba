"""The shape that every enforcer of the node has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab.node.addresses import Addresses
from lab.node.api import Api
from lab.node.programs import Programs


@dataclass(frozen=True, slots=True)
class Site:
    """What an enforcer finds on its node.

    Attributes:
        programs: What runs there.
        api: The cluster's API; it answers already.
        kubeconfig: The file that points programs at it.
        addresses: Where the node, pods and Services are.
    """

    programs: Programs
    api: Api
    kubeconfig: Path
    addresses: Addresses


class Enforcing(Protocol):
    """An enforcer on a node, with the network plugin and the translation of Services that belong to it."""

    def before_kubelet(self) -> None:
        """Start what has to be there before the first pod."""

    def after_kubelet(self) -> None:
        """Start what needs kubelet, or the node that it registers."""

    def kill(self) -> None:
        """Kill the enforcer's own program; what it has put into the kernel stays."""

    def restart(self) -> None:
        """Start the program after `kill`, and return when it works."""
