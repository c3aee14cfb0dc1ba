"""A stack's live cluster and account against what is declared: all findings, and what they were looked for in.

Not here on purpose: alerts, saved queries and guard rails, which decide nothing about traffic; ``pulumi preview
--refresh`` tells what somebody changed of them.
"""

from dataclasses import dataclass

from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.suspensions import Suspensions
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.verify.attachment import Attachments
from flash_ticket.verify.finding import Finding, FindingKind
from flash_ticket.verify.flow_log import RecordedTraffic
from flash_ticket.verify.observed import Observed
from flash_ticket.verify.pod_layer import PodLayer
from flash_ticket.verify.running_pods import RunningPods, ServiceAddresses
from flash_ticket.verify.vpc_layer import VpcLayer


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found.

    Attributes:
        stack: Whose cluster and account.
        taken: When they were asked, in seconds since 1970.
        findings: The most urgent first.
        looked_at: How many of what were looked at, in words.
        unseen: What was not looked at, in words.
    """

    stack: str
    taken: float
    findings: tuple[Finding, ...]
    looked_at: tuple[tuple[str, int], ...]
    unseen: tuple[str, ...]

    @property
    def drift(self) -> tuple[Finding, ...]:
        """What is to be mended."""
        return tuple(each for each in self.findings if each.is_drift)

    @property
    def holds(self) -> bool:
        """Whether all that was looked at is as declared."""
        return not self.drift


def verify(planned: CompiledFirewall, observed: Observed) -> Verification:
    """Hold what is declared against what was observed.

    Args:
        planned: Compiled for the environment that was observed, with the suspensions of the moment.
        observed: Of the same stack.

    Raises:
        InputError: A policy or selector that stands is not understood, or the inventory does not tell what stands.
    """
    vpc = VpcLayer(planned, observed)
    found = [
        *PodLayer(planned, observed).findings(),
        *vpc.findings(),
        *Attachments(planned, observed, vpc.group_ids).findings(),
        *RunningPods(planned, observed, vpc.group_ids).findings(),
        *ServiceAddresses(planned, observed).findings(),
        *(RecordedTraffic(planned, observed.recording).findings() if observed.recording else ()),
    ]
    urgency = {kind: number for number, kind in enumerate(FindingKind)}
    findings = tuple(sorted(found, key=lambda each: (urgency[each.kind], each.where, each.what)))
    stack, taken = planned.environment.name, observed.inventory.taken
    return Verification(stack, taken, findings, _looked_at(planned, observed), observed.unseen)


def verify_saved(matrix: Matrix, observed: Observed, suspensions: Suspensions) -> Verification:
    """Hold what is declared against what somebody saved; a file may hold anything, and objects as no API tells them.

    Args:
        matrix: What is declared.
        observed: From saved inventories, with an environment.
        suspensions: Of the same stack, at the present.

    Raises:
        InputError: As ``verify``, and where an object is not as the APIs tell it.
    """
    try:
        return verify(compile_firewall(matrix, observed.environment, suspensions), observed)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        problem = f"an object is not as the APIs tell it ({type(error).__name__}: {error})"
        raise InputError("--inventory", "inventory", problem, "Save it again") from None


def _looked_at(planned: CompiledFirewall, observed: Observed) -> tuple[tuple[str, int], ...]:
    deployed, namespace = observed.deployed, planned.matrix.namespace
    pods = [pod for pod in observed.inventory.pods if pod.namespace == namespace and pod.until is None]
    rules = deployed.rules if observed.group_rules is None else observed.group_rules
    return (
        ("NetworkPolicies", len(deployed.policies) + len(deployed.foreign_policies)),
        ("SecurityGroupPolicies", len(deployed.attachments) + len(deployed.foreign_attachments)),
        ("security groups", len(deployed.groups)),
        ("rules", len(rules)),
        ("pods", len(pods)),
        *((("flow logs", len(observed.recording.flow_logs)),) if observed.recording else ()),
    )
