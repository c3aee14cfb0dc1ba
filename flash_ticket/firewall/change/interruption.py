"""Changes that no order of single writes makes safe: what a deployment interrupts on its way, and how to avoid it.

Pulumi changes one object after the other, and a pod's interface keeps the security groups that it had when the pod was
scheduled (EKS Best Practices Guide, "Security Groups Per Pod"). So running pods keep groups that a change removes. The
order of the resources makes every other change safe.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flash_ticket.firewall.analyse.names.reading import is_for_names
from flash_ticket.firewall.change.deployed import Deployed, identity, labels_of, namespace_of
from flash_ticket.firewall.compile.pod_layer import NAME_LABEL
from flash_ticket.firewall.compile.vpc_layer import OwnGroup, VpcFirewall
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.fields import default_deny_of
from flash_ticket.firewall.declare.matrix import Labels, label_text
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.ports import DNS_PORTS
from flash_ticket.firewall.terms.verdict import Direction

_NAME_TAG = "Name"


@dataclass(frozen=True, slots=True)
class Interruption(Notice):
    """A step of a deployment that interrupts what is declared before and after.

    Attributes:
        ends: Services and externals; one of them is an end of each interrupted connection.
    """

    ends: frozenset[str]

    def __str__(self) -> str:
        """Return one paragraph, with control and invisible characters escaped."""
        return f"Interrupting step: {Notice.__str__(self)}"


def interruptions(deployed: Deployed, planned: BothLayers) -> tuple[Interruption, ...]:
    """Return what a deployment interrupts of what is deployed; empty for a first deployment."""
    if deployed.is_first:
        return ()
    change = _PlannedChange(deployed, planned, deployed.firewall(planned.environment))
    return (
        *change.moved(),
        *change.attached_again(),
        *change.renamed(),
        *change.moved_services(),
        *change.relabelled(),
        *change.handed_over(),
    )


@dataclass(frozen=True, slots=True)
class _Governor:
    """An allow policy: the service and pods that it governs, their namespace, and the directions."""

    service: str
    namespace: str
    pods: Labels
    directions: frozenset[Direction]


@dataclass(frozen=True)
class _PlannedChange:
    deployed: Deployed
    planned: BothLayers
    standing: VpcFirewall

    def moved(self) -> Iterator[Interruption]:
        """Yield changes of the VPC, namespace, cluster or nodes, which replace the whole firewall."""
        matrix, environment = self.planned.matrix, self.planned.environment
        own_stack = "Use a separate stack for the new firewall, and destroy this one when nothing uses it any more"
        vpcs = {group["VpcId"] for group in self.deployed.groups if "VpcId" in group} - {environment.vpc}
        if vpcs:
            yield Interruption(
                f"vpc changes from {_listed(vpcs)} to {environment.vpc}",
                "every security group is created again there, and running pods in the old VPC lose the rules of "
                "their groups",
                own_stack,
                self._ends,
            )
        for left in sorted(self._left_namespaces):
            there = {name for name, before in self._namespaces_before.items() if left in before}
            grouped = any(OwnGroup(name) in self.standing.groups for name in there)
            yield Interruption(
                f"the namespace {left} is no longer declared",
                "its default-deny is deleted with its other policies, and pods that still run there are open"
                + (" to what their groups allow; the groups of running pods lose their rules" if grouped else ""),
                "Move or stop these pods first, or declare them in a firewall of their own",
                self._ends | there,
            )
        if former := self._former_namespaces:
            yield Interruption(
                f"namespace changes from {_listed(former)} to {matrix.namespace}",
                "default-deny is deleted from the old namespace with everything else, and pods that still run there "
                "are open",
                own_stack,
                self._ends,
            )
        cluster = environment.cluster
        dns, asked = {group.id for group in cluster.groups_of_dns}, self._groups_at(Direction.INGRESS, " to DNS")
        nodes = self._groups_at(Direction.EGRESS, " to DNS", "kubelet probes to ")
        bound_nodes = {group.id for group in cluster.nodes}
        of_cluster = "cluster.name" if cluster.group.id in dns - asked else "cluster.dns.groups"
        bound = (
            (of_cluster, dns, asked - (nodes - bound_nodes)),
            ("cluster.nodes", bound_nodes, nodes),
        )
        for key, now, before in bound:
            if others := before - now:
                groups = "the security groups" if len(now) > 1 else "the security group"
                yield Interruption(
                    f"{key} now means {groups} {_listed(now)} instead of {_listed(others)}",
                    "rules name only the new group, and interfaces with the former group are cut off",
                    "Attach the new group to every interface with the former one, in addition to it, and then bind "
                    "the new group",
                    self._ends,
                )

    def attached_again(self) -> Iterator[Interruption]:
        """Yield the change to an attachment that running pods do not have, and the end of one that they can have."""
        cluster = self.planned.environment.cluster
        for left in set(Attachment) - set(cluster.in_use):
            services = self._on_nodes if left is Attachment.NODES else self._in_own_groups
            if not services:
                continue
            theirs = "the nodes' group" if left is Attachment.NODES else "their own groups"
            namespace = self.planned.matrix.namespace
            restart = f"restart every pod (kubectl --namespace {namespace} rollout restart deployment)"
            if self._was(cluster.attachment):
                yield Interruption(
                    f"cluster.leaving {left.value} ends",
                    f"pods that have not restarted still have {theirs} and are cut off, because the old rules are "
                    "deleted",
                    f"Check this, or {restart} first, and then remove the key",
                    frozenset(services),
                )
            else:
                yield Interruption(
                    f"cluster.attachment changes from {left.value} to {cluster.attachment.value}",
                    f"running pods have {theirs} until they restart and are cut off, because the old rules are deleted",
                    f"Add cluster.leaving: {left.value} and deploy, {restart}, and then remove it",
                    frozenset(services),
                )

    def renamed(self) -> Iterator[Interruption]:
        """Yield deleted groups that a declared service or load balancer still has."""
        standing = {group.label for group in self.standing.groups}
        fronts = [name for name in self.planned.environment.fronts if name not in standing]
        for group in self._groups_that_go:
            if any(f"clients to {group.label}" in rule.flows for rule in self.standing.rules if rule.holder == group):
                now = f"is now named {fronts[0]}" if len(fronts) == 1 else "is not bound any more"
                yield Interruption(
                    f"the load balancer {group.label} {now}",
                    f"the load balancer has the group of {group.label} until its Ingress names another, and the "
                    "rules of that group are deleted",
                    f"Keep the name {group.label}" if fronts else "Delete the load balancer first",
                    frozenset({group.label, *fronts}),
                )
        for former, now in self._renamed:
            yield Interruption(
                f"the service {former} is now named {now}",
                f"running pods have the group of {former} until they restart, and its rules are deleted",
                f"Declare {now} in addition to {former} with its own pod labels and the same flows, deploy, move "
                f"the pods to these labels, and then remove {former}",
                frozenset({former, now}),
            )

    def moved_services(self) -> Iterator[Interruption]:
        """Yield services that are declared in another namespace, while their pods run in the former one."""
        matrix = self.planned.matrix
        now = {service.name: matrix.namespace_of(service) for service in matrix.services}
        for name, before in sorted(self._namespaces_before.items()):
            if name in now and now[name] not in before:
                former = _listed(before)
                yield Interruption(
                    f"the service {name} is now in the namespace {now[name]} instead of {former}",
                    f"for its pods that still run in {former} only default-deny remains; they are open if nothing else "
                    f"is declared in {former}",
                    f"Declare a service in addition to {name} with namespace: {now[name]} and the same flows, deploy, "
                    f"start the pods there, and then remove {name}",
                    frozenset({name}),
                )

    def relabelled(self) -> Iterator[Interruption]:
        """Yield services with new pod labels that running pods may lack."""
        for name, pods in self._pods_now.items():
            former = self._pods_before.get(name, pods)
            if not set(pods) <= set(former):
                way = (
                    "Give the pods the new labels in addition to the former ones first, and change this when all "
                    "pods have both"
                    if _may_be_one(former, pods)
                    else f"Declare a service in addition to {name} with the new labels and the same flows, deploy, "
                    f"move the pods to these labels, and then remove {name}"
                )
                yield Interruption(
                    f"the pods of {name} are now selected by {label_text(pods)} instead of {label_text(former)}",
                    "for running pods without the new labels only default-deny remains, and they are cut off",
                    way,
                    frozenset({name}),
                )

    def handed_over(self) -> Iterator[Interruption]:
        """Yield policies whose names pass to other pods or to the other direction in one write."""
        now = _governors(self.planned.manifests, self.planned.matrix.namespace)
        for name, former in self._governors_before.items():
            new = now.get(name)
            if not new:
                continue
            lost = former.directions - (new.directions if set(new.pods) <= set(former.pods) else set())
            others = [each for each in now.values() if each is not new and each.directions & lost]
            there = [each for each in others if each.namespace == former.namespace]
            if bereft := {each.service for each in there if _may_be_one(each.pods, former.pods)}:
                yield Interruption(
                    f"the policy {name} now belongs to {_described(new)} instead of {_described(former)}",
                    f"one write takes it from {former.service}, whose other policy may not exist yet",
                    f"Give {_described(former)} another name for its policy first and deploy, and then use {name} for "
                    f"{_described(new)}",
                    frozenset({*bereft, former.service}),
                )

    @property
    def _ends(self) -> frozenset[str]:
        return frozenset(self.planned.matrix.endpoints)

    @cached_property
    def _pods_before(self) -> Mapping[str, Labels]:
        return {each.service: each.pods for each in self._governors_before.values()}

    @cached_property
    def _namespaces_before(self) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for each in self._governors_before.values():
            found[each.service].add(each.namespace)
        return found

    @cached_property
    def _governors_before(self) -> Mapping[str, _Governor]:
        return _governors(self.deployed.policies, self.planned.matrix.namespace)

    @cached_property
    def _left_namespaces(self) -> set[str]:
        """The namespaces with a default-deny of this firewall that it no longer names."""
        denied = {
            namespace
            for namespace, name in map(identity, self.deployed.policies)
            if namespace and name == default_deny_of(namespace, self.planned.matrix.namespace)
        }
        return denied - set(self.planned.matrix.namespaces)

    @cached_property
    def _pods_now(self) -> Mapping[str, Labels]:
        return {service.name: service.pods for service in self.planned.matrix.services}

    @cached_property
    def _on_nodes(self) -> set[str]:
        """The services whose running pods can have the nodes' group; the nodes' DNS rule shows it."""
        cluster = self.planned.environment.cluster
        asked = any(
            rule.holder in cluster.nodes
            and rule.direction is Direction.EGRESS
            and rule.peer in {cluster.group, *cluster.groups_of_dns}
            and rule.ports in DNS_PORTS
            for rule in self.standing.rules
        )
        return {name for name in self._pods_now if name in self._pods_before} if asked else set()

    @cached_property
    def _in_own_groups(self) -> set[str]:
        """The services whose running pods can have their own group."""
        return {name for name in self._pods_now if OwnGroup(name) in self.standing.groups}

    def _was(self, attachment: Attachment) -> bool:
        """Return whether running pods can already have this attachment."""
        return bool(self._in_own_groups if attachment is Attachment.PODS else self._on_nodes)

    @cached_property
    def _groups_that_go(self) -> tuple[OwnGroup, ...]:
        return tuple(group for group in self.standing.groups if group not in self.planned.firewall.groups)

    @property
    def _renamed(self) -> Iterator[tuple[str, str]]:
        """Yield services that will be deleted, each with a declared service that may have the same pods."""
        for group in self._groups_that_go:
            if former := self._pods_before.get(group.label):
                now = (name for name, pods in self._pods_now.items() if _may_be_one(former, pods))
                yield from ((group.label, name) for name in now if name != group.label)

    @property
    def _former_namespaces(self) -> set[str]:
        stack = self.planned.environment.name
        found = set()
        for group in self.deployed.groups:
            label = self.deployed.group_labels[group["GroupId"]]
            name = next((tag["Value"] for tag in group.get("Tags", ()) if tag["Key"] == _NAME_TAG), "")
            if name.endswith(f"-{stack}-{label}"):
                found.add(name.removesuffix(f"-{stack}-{label}"))
        return found - {self.planned.matrix.namespace}

    def _groups_at(self, end: Direction, *purposes: str) -> set[str]:
        """Return the ids of the groups of others at one end of the rules with some purposes."""
        found = set()
        for rule in self.deployed.rules:
            if "ReferencedGroupInfo" in rule and any(each in rule.get("Description", "") for each in purposes):
                holds = rule["IsEgress"] == (end is Direction.EGRESS)
                found.add(rule["GroupId"] if holds else rule["ReferencedGroupInfo"]["GroupId"])
        return found - set(self.deployed.group_labels)


def _governors(manifests: Iterable[Mapping[str, Any]], home: str) -> dict[str, _Governor]:
    """Return the allow policies by name."""
    return {
        policy["metadata"]["name"]: _Governor(
            policy["metadata"]["labels"][NAME_LABEL],
            namespace_of(policy) or home,
            labels_of(policy["spec"]),
            frozenset(Direction(each.lower()) for each in policy["spec"]["policyTypes"]),
        )
        for policy in manifests
        if NAME_LABEL in policy["metadata"].get("labels", {}) and not is_for_names(policy)
    }


def _may_be_one(labels: Labels, others: Labels) -> bool:
    """Return whether a pod can have both sets of labels."""
    known = dict(labels)
    return all(known.get(key, value) == value for key, value in others)


def _described(governor: _Governor) -> str:
    return f"{governor.service} ({', '.join(sorted(governor.directions))})"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
