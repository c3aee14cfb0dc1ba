"""Starts a lab whose cluster of dev has a node, and the shop on it. Call it inside an enclosure."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from lab.enclosure.answer import exit_code
from lab.node.addresses import Addresses
from lab.node.api import Api
from lab.node.control_plane import node_side
from lab.node.enforcers.aws.agent import Denials
from lab.node.enforcers.cilium_settings import CiliumSettings
from lab.node.node import Node
from lab.node.programs import NodeError
from lab.node.settings import INSTANCE
from lab.packets.connections import allow_many_files
from lab.running.aws_session import aws_client
from lab.running.engine import EngineError
from lab.running.lab import Lab, LabError
from lab.shop.shop import Serving, Shop
from lab.surroundings import SURROUNDINGS
from lab.toolchain.kits import KITS, provide
from lab.toolchain.node_kits import Enforcer, node_kits

_REPOSITORY = Path(__file__).parents[2]
_DEV = next(each for each in SURROUNDINGS if each.stack == "dev")


@contextmanager
def running_node(
    stack: str,
    enforcer: Enforcer = Enforcer.AWS,
    denials: Denials = Denials.LOGGED,
    cilium: CiliumSettings | None = None,
) -> Iterator[tuple[Lab, Node]]:
    """Run a lab for the length of a ``with`` block, with a node in the cluster of one environment.

    Raises:
        BuildError: A tool is missing and cannot be built.
        LabError: A server does not start.
        NodeError: The node does not start.
    """
    toolchain = provide((*KITS, *node_kits(enforcer)))
    addresses = Addresses.within(next(each for each in SURROUNDINGS if each.stack == stack))
    node = Node(toolchain, addresses, enforcer, denials=denials, cilium=cilium or CiliumSettings())
    node.prepare()
    with Lab.start(toolchain, {stack: node_side(addresses)}, clusters=(stack,)) as lab:
        if denials is Denials.SHIPPED:
            node.account = _account(lab, stack)
        node.start(Api.of(lab.kubeconfigs[stack]))
        yield lab, node


@contextmanager
def running_shop(
    enforcer: Enforcer = Enforcer.AWS,
    denials: Denials = Denials.LOGGED,
    cilium: CiliumSettings | None = None,
    serving: Serving = Serving.CONTAINERS,
) -> Iterator[tuple[Lab, Shop]]:
    """Run a lab with the shop in dev for the length of a ``with`` block; prod has no node.

    Args:
        enforcer: What stops packets.
        denials: Where the agent of AWS logs what it stops.
        cilium: How Cilium is started, where it stops packets.
        serving: Who answers on the ports of the pods.

    Raises:
        BuildError: A tool is missing and cannot be built.
        LabError: A server does not start.
        NodeError: The node or a pod does not start.
    """
    with running_node(_DEV.stack, enforcer, denials, cilium) as (lab, node):
        shop = Shop(node, read_matrix(_REPOSITORY / MATRIX_FILE), _DEV.network, serving)
        shop.open()
        yield lab, shop


def _account(lab: Lab, stack: str) -> dict[str, str]:
    """Return the variables that lead to the lab's account, where EC2 now knows the cluster of the node, as on EKS."""
    variables = lab.variables(stack)
    cluster = {"Key": "aws:eks:cluster-name", "Value": f"flash-ticket-{stack}"}
    aws_client(lab.aws_endpoint, "ec2").create_tags(Resources=[INSTANCE], Tags=[cluster])
    return {name: variables[name] for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


def run_with_shop(
    run: Callable[[Lab, Shop], None], enforcer: Enforcer = Enforcer.AWS, denials: Denials = Denials.LOGGED
) -> int:
    """Run something with the shop, and return the exit code; what goes wrong is one line on standard error."""
    allow_many_files()

    def run_there() -> None:
        with running_shop(enforcer, denials) as (lab, shop):
            run(lab, shop)

    return exit_code(run_there, NodeError, LabError, EngineError)
