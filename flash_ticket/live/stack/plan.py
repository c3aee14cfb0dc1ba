"""The plan of one deployment: everything that is read, compiled and proven before the first resource is declared."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.change.adopting.taking_over import Step, step
from flash_ticket.firewall.change.adoption import Adoption
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.ownership.pod_layer import PodLayerStep, pod_layer_notices, pod_layer_step
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.prove.proof import Proof
from flash_ticket.live.asking.ahead import connect
from flash_ticket.live.beside.preview import judge, preview_warnings
from flash_ticket.live.deployed import read_adoption, read_deployed
from flash_ticket.live.inventory import to_deploy
from flash_ticket.live.stack.running_program import read_state
from flash_ticket.live.stack.settings import StackConfiguration


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment declares, with its proof and what a person should know before it.

    Attributes:
        planned: The firewall to deploy.
        proof: The proof of it, in the cluster where it is deployed.
        adopted: What it adopts.
        deployed: What the cluster and the account hold of it now.
        pod_layer: What it does with the NetworkPolicies.
        change: What it changes.
        notices: What the declaration and the state call for.
        beside: What the cluster and the account call for.
    """

    planned: CompiledFirewall
    proof: Proof
    adopted: Adoption
    deployed: Deployed
    pod_layer: PodLayerStep
    change: Step
    notices: tuple[str, ...]
    beside: tuple[str, ...]

    def warnings(self, of_change: Iterable[str]) -> Iterator[str]:
        """Yield what a person should know, in the order of a preview.

        Args:
            of_change: The warnings about `change`, in words.
        """
        yield from self.notices
        yield from of_change
        yield from self.beside


def make_plan(matrix: Matrix, configuration: StackConfiguration) -> Plan:
    """Read the cluster, the account and the state, compile the firewall, prove it, and compare it with what is there.

    It changes nothing. It runs inside a Pulumi program, because it asks the engine for the state.

    Args:
        matrix: The declaration.
        configuration: The stack: where the names of the declaration are.

    Raises:
        InputError: The declaration and the environment do not fit, or an API cannot be asked.
    """
    cluster, account = connect(configuration, matrix)
    labels = cluster.require_namespaces(matrix, configuration.stack)
    environment = bind(matrix, configuration.binding, configuration.stack, account)
    planned = compile_firewall(matrix, environment, configuration.suspensions)
    before = read_state()
    deployed = read_deployed(cluster, account, planned.owner, environment.vpc, before.ids, labels, environment.adopting)
    planned = to_deploy(cluster, account, planned, deployed, before.ids)
    adopted = read_adoption(account, deployed, planned, before.ids)
    judged = judge(cluster, planned, labels)
    beside = tuple(preview_warnings(cluster, account, deployed, judged, labels))
    return Plan(
        planned,
        judged.proof,
        adopted,
        deployed,
        pod_layer_step(planned, before.policies),
        step(deployed, planned, adopted.taken),
        tuple(map(str, (*planned.notices(), *pod_layer_notices(planned, deployed, before.policies)))),
        beside,
    )
