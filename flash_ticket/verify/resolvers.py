"""Where DNS is: the groups that the pods of kube-dns have, compared with those that the rules let DNS pass to."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flash_ticket.firewall.bind.environment import Cluster, Environment
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.choices import Attachment, ClusterGroup
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.traffic.attribution.inventory import Interface, Interfaces, Pod
from flash_ticket.verify.finding import Comparison, Finding, FindingKind
from flash_ticket.verify.observed import Observed

DNS_NAMESPACE = "kube-system"
DNS_LABEL = ("k8s-app", "kube-dns")
"""The label of CoreDNS pods in every EKS cluster, which the compiled policies select, too."""

_NAMED = 3


@dataclass(frozen=True)
class Resolvers(Comparison):
    """The running pods of kube-dns, as far as the inventory has them."""

    observed: Observed

    def findings(self) -> Iterator[Finding]:
        """Yield a finding if the rules of the VPC layer do not reach some pod of kube-dns."""
        inventory = self.observed.inventory
        found = lost_resolvers(self.planned.environment, inventory.pods, inventory.interfaces)
        if found:
            yield Finding(found.where, found.what, found.why, found.remedy, FindingKind.CUT_OFF)


def resolver_notices(
    environment: Environment, pods: Iterable[Pod], interfaces: tuple[Interface, ...]
) -> Iterator[Notice]:
    """Yield what a person should know about the groups of DNS before a deployment.

    Args:
        environment: The environment of the stack.
        pods: The pods of the cluster; only those of kube-dns count.
        interfaces: The interfaces of the VPC.
    """
    carriers = list(_carriers(pods, interfaces))
    cluster = environment.cluster
    lost = lost_resolvers(environment, (pod for pod, _ in carriers), interfaces)
    if lost:
        yield lost
    elif carriers and not cluster.dns_groups:
        carried = {group for _, interface in carriers for group in interface.groups}
        needless = [group.id for group in cluster.groups_of_dns if group.id not in carried]
        if needless:
            yield Notice(
                f"{BINDING_KEY}.cluster.dns.groups",
                f"no pod of kube-dns has {', '.join(needless)}, so the rules that let DNS pass to it are not needed",
                f"Write groups: {_written(cluster, carriers)} under cluster.dns in {stack_file(environment.name)}",
            )


def lost_resolvers(environment: Environment, pods: Iterable[Pod], interfaces: tuple[Interface, ...]) -> Notice | None:
    """Return a notice if the interface of a pod of kube-dns has none of the groups of DNS.

    Pods whose interface is not known do not count: with some network plug-ins a pod has no address of the VPC.
    """
    cluster = environment.cluster
    declared = {group.id for group in cluster.groups_of_dns}
    carriers = list(_carriers(pods, interfaces))
    lost = [(pod, interface) for pod, interface in carriers if not declared & set(interface.groups)]
    if not lost:
        return None
    named = [f"{pod.name} at {interface.id} has {_listed(interface.groups)}" for pod, interface in lost]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return Notice(
        f"{BINDING_KEY}.cluster.dns.groups",
        f"pods of kube-dns have none of the groups that the rules let DNS pass to ({_listed(sorted(declared))}): "
        f"{'; '.join(named[:_NAMED])}{more}",
        "Add the groups of every pod of kube-dns: write "
        f"groups: {_written(cluster, carriers)} under cluster.dns in {stack_file(environment.name)}, and deploy",
        why=_consequence(cluster, some_answer=len(lost) < len(carriers)),
    )


def _consequence(cluster: Cluster, *, some_answer: bool) -> str:
    if Attachment.PODS not in cluster.in_use:
        return "pods have the nodes' group, so only rules of others can let queries to them pass"
    return "queries to them are dropped" + ("" if some_answer else ", so no name resolves")


def _carriers(pods: Iterable[Pod], interfaces: tuple[Interface, ...]) -> Iterator[tuple[Pod, Interface]]:
    """Yield the running pods of kube-dns with their interfaces, as far as these are known."""
    known = Interfaces(interfaces)
    for pod in pods:
        if pod.namespace == DNS_NAMESPACE and DNS_LABEL in pod.labels and pod.until is None:
            interface = next((found for each in pod.addresses if (found := known.at(each))), None)
            if interface:
                yield pod, interface


def _written(cluster: Cluster, carriers: Sequence[tuple[Pod, Interface]]) -> str:
    """Return the value of the key that names a group of each interface, in the form of YAML."""
    written = {each.id: f"{{id: {each.id}}}" for each in cluster.dns_groups}
    written |= {group.id: ClusterGroup.NODES.value for group in cluster.nodes}
    written[cluster.group.id] = ClusterGroup.CLUSTER.value
    found: set[str] = set()
    for _, interface in carriers:
        known = {written[group] for group in interface.groups if group in written}
        if not known & found:
            found.add(min(known, default=f"{{id: {next(iter(interface.groups), 'sg-...')}}}"))
    return f"[{', '.join(sorted(found))}]"


def _listed(groups: Sequence[str]) -> str:
    return ", ".join(groups) or "none"
