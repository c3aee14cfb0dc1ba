"""The live cluster and account of a stack compared with the declaration: all findings, and what was checked.

Alerts, saved queries and guard rails are left out on purpose: they decide nothing about traffic. ``pulumi preview
--refresh`` shows what somebody changed in them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from flash_ticket.firewall.change.frozen_lists import changed_lists
from flash_ticket.firewall.change.ownership.waiting import waiting_services
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.suspensions import Suspensions
from flash_ticket.firewall.prove.administrators import NO_ADMINISTRATORS
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.prove.proof import NO_OTHERS, Blur, GroupsOfOthers
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.verify.attachment import Attachments
from flash_ticket.verify.finding import Finding, FindingKind
from flash_ticket.verify.flow_log import FlowLogState
from flash_ticket.verify.observed import Observed
from flash_ticket.verify.plugin.cilium_agents import CiliumAgents
from flash_ticket.verify.plugin.plugin_limits import PluginLimits
from flash_ticket.verify.pod_addresses import PodAddresses
from flash_ticket.verify.pod_layer import PodLayer
from flash_ticket.verify.resolvers import Resolvers
from flash_ticket.verify.running_pods import RunningPods, ServiceAddresses, pods_with_groups
from flash_ticket.verify.vpc_layer import VpcLayer


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a verification.

    Attributes:
        stack: The stack whose cluster and account were checked.
        taken: When they were read, in seconds since 1970.
        findings: The most urgent first.
        looked_at: What was checked and how many of it, such as ``("pods", 12)``.
        unseen: What was not checked, in words.
        of_others: What rules of others mean in the security groups to which this program only adds rules.
        let_through: What rules of others let through both layers, because it looks like something declared.
    """

    stack: str
    taken: float
    findings: tuple[Finding, ...]
    looked_at: tuple[tuple[str, int], ...]
    unseen: tuple[str, ...]
    of_others: GroupsOfOthers = NO_OTHERS
    let_through: tuple[Blur, ...] = ()

    @property
    def drift(self) -> tuple[Finding, ...]:
        """The findings that somebody has to fix."""
        return tuple(each for each in self.findings if each.is_drift)

    @property
    def holds(self) -> bool:
        """Whether everything that was checked is as declared."""
        return not self.drift


def verify(planned: CompiledFirewall, observed: Observed) -> Verification:
    """Compare what is declared with what was observed.

    Args:
        planned: Compiled for the observed environment, with the suspensions in force at that moment.
        observed: The live state of the same stack.

    Raises:
        InputError: A live policy or selector cannot be read, or the inventory does not contain what is deployed.
    """
    others = observed.policies_of_others(planned.matrix.namespace)
    vpc, proof = VpcLayer(planned, observed), planned.proof(others.administrators if others else NO_ADMINISTRATORS)
    found = [
        *PodLayer(planned, observed, proof).findings(),
        *vpc.findings(),
        *vpc.opened_by_others(proof),
        *Attachments(planned, observed, vpc.group_ids).findings(),
        *RunningPods(planned, observed, vpc.group_ids).findings(),
        *ServiceAddresses(planned, observed).findings(),
        *PodAddresses(planned, observed).findings(),
        *Resolvers(planned, observed).findings(),
        *PluginLimits(planned, observed).findings(),
        *CiliumAgents(planned, observed).findings(),
        *_changed_lists(planned, observed),
        *(FlowLogState(planned, observed.flow_logs).findings() if observed.flow_logs else ()),
        *(observed.left_behind if isinstance(observed.left_behind, tuple) else ()),
    ]
    urgency = {kind: number for number, kind in enumerate(FindingKind)}
    findings = tuple(sorted(found, key=lambda each: (urgency[each.kind], each.where, each.what)))
    stack, taken = planned.environment.name, observed.inventory.taken
    let_through = tuple(blur for blur in proof.blurs if blur.because)
    looked_at = _looked_at(planned, observed)
    return Verification(stack, taken, findings, looked_at, observed.unseen, proof.others, let_through)


def _changed_lists(planned: CompiledFirewall, observed: Observed) -> Iterator[Finding]:
    for each in changed_lists(planned, observed.deployed):
        yield Finding(each.where, each.what, each.why, each.remedy, FindingKind.CHANGED)


def compiled(matrix: Matrix, observed: Observed, suspensions: Suspensions) -> CompiledFirewall:
    """Return what is declared, compiled for what was observed: with the rules that running pods still need."""
    environment, inventory = observed.environment, observed.inventory
    here = (pod for pod in inventory.pods if pod.namespace in matrix.namespaces)
    pods = pods_with_groups(here, inventory.interfaces)
    waiting = waiting_services(matrix, environment, observed.deployed, pods)
    return compile_firewall(matrix, replace(environment, waiting=waiting), suspensions)


def verify_saved(matrix: Matrix, observed: Observed, suspensions: Suspensions) -> Verification:
    """Compare what is declared with a saved inventory, which may contain objects that no API would return.

    Args:
        matrix: The declared traffic.
        observed: From saved inventories, with an environment.
        suspensions: The current suspensions of the same stack.

    Raises:
        InputError: As for ``verify``, and if an object is not in the form that the APIs return.
    """
    try:
        return verify(compiled(matrix, observed, suspensions), observed)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        problem = f"an object is not in the form that the APIs return ({type(error).__name__}: {error})"
        raise InputError("--inventory", "inventory", problem, "Save it again") from None


def _looked_at(planned: CompiledFirewall, observed: Observed) -> tuple[tuple[str, int], ...]:
    deployed, ours = observed.deployed, planned.matrix.namespaces
    pods = [pod for pod in observed.inventory.pods if pod.namespace in ours and pod.until is None]
    rules = deployed.rules if observed.group_rules is None else observed.group_rules
    return (
        ("NetworkPolicies", len(deployed.policies) + len(deployed.foreign_policies)),
        ("SecurityGroupPolicies", len(deployed.attachments) + len(deployed.foreign_attachments)),
        ("security groups", len(deployed.groups)),
        ("rules", len(rules)),
        ("pods", len(pods)),
        *((("flow logs", len(observed.flow_logs.flow_logs)),) if observed.flow_logs else ()),
    )
