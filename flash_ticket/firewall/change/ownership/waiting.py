"""Services whose running pods lack the group of all pods, because an earlier version of this program attached them.

A pod's interface keeps the groups that it had when the pod was scheduled (EKS Best Practices Guide, "Security Groups
Per Pod"). Such a pod needs rules of its service's own group for DNS and probes. They stay until it has restarted.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flash_ticket.firewall.bind.environment import Environment, Group
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.compile.vpc_layer import OwnGroup, group_of_all_pods
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.matrix import Labels, Matrix, Service
from flash_ticket.firewall.terms.ports import DNS_PORTS
from flash_ticket.firewall.terms.verdict import Direction


@dataclass(frozen=True, slots=True)
class RunningPod:
    """A pod that runs in one of our namespaces.

    Attributes:
        labels: Its labels, as sorted pairs.
        groups: The ids of the groups on its interface; None if the interface is not known.
    """

    labels: Labels
    groups: frozenset[str] | None
    namespace: str | None = None
    """Its namespace, if that is not the one that the firewall is named after."""


def attached_before(matrix: Matrix, environment: Environment, deployed: Deployed) -> frozenset[str]:
    """Return the services whose own groups have rules for DNS, which shows an earlier version of this program."""
    if Attachment.PODS not in environment.cluster.in_use:
        return frozenset()
    names = {service.name for service in matrix.services}
    return frozenset(
        rule.holder.label
        for rule in deployed.firewall(environment).rules
        if isinstance(rule.holder, OwnGroup)
        and rule.holder.label in names
        and rule.direction is Direction.EGRESS
        and rule.ports in DNS_PORTS
        and isinstance(rule.peer, Group)
        and f"{rule.holder.label} to DNS" in rule.flows
    )


def waiting_services(
    matrix: Matrix, environment: Environment, deployed: Deployed, pods: Iterable[RunningPod] | None
) -> frozenset[str]:
    """Return the services with pods that an earlier version of this program attached, and that may still run.

    A service no longer waits if its SecurityGroupPolicy is deployed with the group of all pods, and if every running
    pod is known to carry that group, or none of ours.

    Args:
        matrix: The declared services.
        environment: Where they run.
        deployed: What is deployed.
        pods: The running pods of our namespaces; None if they cannot be read.
    """
    before = attached_before(matrix, environment, deployed)
    if not before or pods is None:
        return before
    running, every = tuple(pods), group_of_all_pods(matrix.namespace)
    ids: dict[str, set[str]] = {}
    for id_, label in deployed.group_labels.items():
        ids.setdefault(label, set()).add(id_)
    attached = {each.service: each.groups for each in deployed.firewall(environment).attachments}

    def has_restarted(pod: RunningPod, service: str) -> bool:
        if pod.groups is None:
            return False
        return not pod.groups & ids.get(service, set()) or bool(pod.groups & ids.get(every.label, set()))

    def waits(service: Service) -> bool:
        if every not in attached.get(service.name, (every,)):
            return True
        there = (pod for pod in running if (pod.namespace or matrix.namespace) == matrix.namespace_of(service))
        return not all(has_restarted(pod, service.name) for pod in there if set(service.pods) <= set(pod.labels))

    return frozenset(each.name for each in matrix.services if each.name in before and waits(each))
