"""Changes that no order of single writes makes safe: what a deployment interrupts on its way, and the way around it.

An engine converges object by object, and a pod's interface keeps the security groups that it had when the pod was
scheduled (EKS Best Practices Guide, "Security Groups Per Pod"): running pods go on carrying what a change takes away.
Everything else is safe by the order of the resources.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flash_ticket.firewall.change.deployed import Deployed, labels_of
from flash_ticket.firewall.compile.pod_layer import NAME_LABEL
from flash_ticket.firewall.compile.vpc_layer import OwnGroup, VpcFirewall
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.ports import DNS_PORTS
from flash_ticket.firewall.terms.verdict import Direction

_NAME_TAG = "Name"


@dataclass(frozen=True, slots=True)
class Interruption(Notice):
    """A step of a deployment that interrupts what is declared before and after.

    Attributes:
        ends: The services and externals one of which is an end of each interrupted connection.
    """

    ends: frozenset[str]

    def __str__(self) -> str:
        """Return one paragraph, harmless to show."""
        return f"Interrupting step: {Notice.__str__(self)}"


def interruptions(deployed: Deployed, planned: BothLayers) -> tuple[Interruption, ...]:
    """Return what a deployment interrupts, given what stands; nothing where nothing stands yet."""
    if deployed.is_first:
        return ()
    change = _PlannedChange(deployed, planned, deployed.firewall(planned.environment))
    return (*change.moved(), *change.attached_anew(), *change.renamed(), *change.relabelled(), *change.handed_over())


@dataclass(frozen=True, slots=True)
class _Governor:
    """An allow policy: which pods of which service it governs, and in which direction."""

    service: str
    pods: Labels
    directions: frozenset[Direction]


@dataclass(frozen=True)
class _PlannedChange:
    deployed: Deployed
    planned: BothLayers
    standing: VpcFirewall

    def moved(self) -> Iterator[Interruption]:
        """Yield the changes of where the firewall stands, which replace all of it."""
        matrix, environment = self.planned.matrix, self.planned.environment
        own_stack = "Give what is new a stack of its own, and destroy this one when nothing runs on the old any more"
        vpcs = {group["VpcId"] for group in self.deployed.groups if "VpcId" in group} - {environment.vpc}
        if vpcs:
            yield Interruption(
                f"vpc changes from {_listed(vpcs)} to {environment.vpc}",
                "every security group is made anew there, and pods that run in the old VPC lose the rules of theirs",
                own_stack,
                self._ends,
            )
        if former := self._former_namespaces:
            yield Interruption(
                f"namespace changes from {_listed(former)} to {matrix.namespace}",
                "default-deny goes from the old namespace with everything else, and what still runs there is open",
                own_stack,
                self._ends,
            )
        cluster = environment.cluster
        bound = (
            ("cluster.name", cluster.group.id, self._groups_at(Direction.INGRESS, " to DNS")),
            ("cluster.nodes", cluster.nodes.id, self._groups_at(Direction.EGRESS, " to DNS", "kubelet probes to ")),
        )
        for key, now, before in bound:
            if others := before - {now}:
                yield Interruption(
                    f"{key} stands for the security group {now} now, and stood for {_listed(others)}",
                    "rules name the new one alone, and what carries the former one is cut off",
                    "Attach the new group beside the former one to every interface that carries that, then bind it",
                    self._ends,
                )

    def attached_anew(self) -> Iterator[Interruption]:
        """Yield the change to an attachment that running pods do not have, and the end of one that they may have."""
        cluster = self.planned.environment.cluster
        for left in set(Attachment) - set(cluster.in_use):
            services = self._on_nodes if left is Attachment.NODES else self._in_own_groups
            if not services:
                continue
            theirs = "the nodes' group" if left is Attachment.NODES else "groups of their own"
            namespace = self.planned.matrix.namespace
            restart = f"restart every pod (kubectl --namespace {namespace} rollout restart deployment)"
            if self._was(cluster.attachment):
                yield Interruption(
                    f"cluster.leaving {left.value} ends",
                    f"pods that have not been restarted since carry {theirs} and are cut off, for the rules of that go",
                    f"Make sure of it or {restart} first, then remove the key",
                    frozenset(services),
                )
            else:
                yield Interruption(
                    f"cluster.attachment changes from {left.value} to {cluster.attachment.value}",
                    f"pods that run carry {theirs} until they are restarted and are cut off, for the rules of that go",
                    f"Write cluster.leaving: {left.value} beside it and deploy, {restart}, then remove it",
                    frozenset(services),
                )

    def renamed(self) -> Iterator[Interruption]:
        """Yield the groups that go while something that is still declared carries them."""
        front = self.planned.environment.load_balancer.external
        for group in self._groups_that_go:
            if any(f"clients to {group.label}" in rule.flows for rule in self.standing.rules if rule.holder == group):
                yield Interruption(
                    f"the load balancer {group.label} is named {front} now",
                    f"the load balancer carries the group of {group.label} until its Ingress names another, and the "
                    "rules of that group go",
                    f"Keep the name {group.label}",
                    frozenset({group.label, front}),
                )
        for former, now in self._renamed:
            yield Interruption(
                f"the service {former} is named {now} now",
                f"pods that run carry the group of {former} until they are restarted, and its rules go",
                f"Declare {now} beside {former} with pod labels of its own and the same flows, deploy, move the pods "
                f"over to these labels, then remove {former}",
                frozenset({former, now}),
            )

    def relabelled(self) -> Iterator[Interruption]:
        """Yield the services whose pods are to be known by labels that running pods need not have."""
        for name, pods in self._pods_now.items():
            former = self._pods_before.get(name, pods)
            if not set(pods) <= set(former):
                way = (
                    "Give the pods the new labels beside the former ones first, and change this when all have both"
                    if _may_be_one(former, pods)
                    else f"Declare a service beside {name} with the new labels and the same flows, deploy, move the "
                    f"pods over to these labels, then remove {name}"
                )
                yield Interruption(
                    f"the pods of {name} are known by {_written(pods)} now, and were known by {_written(former)}",
                    "to pods that run without the new labels only default-deny is left, and they are cut off",
                    way,
                    frozenset({name}),
                )

    def handed_over(self) -> Iterator[Interruption]:
        """Yield the policies whose names pass to other pods or the other direction, so that one write takes them."""
        now = _governors(self.planned.manifests)
        for name, former in _governors(self.deployed.policies).items():
            new = now.get(name)
            if not new:
                continue
            lost = former.directions - (new.directions if set(new.pods) <= set(former.pods) else set())
            others = (each for each in now.values() if each is not new and each.directions & lost)
            if bereft := {each.service for each in others if _may_be_one(each.pods, former.pods)}:
                yield Interruption(
                    f"the policy {name} is that of {_told(new)} now, and was that of {_told(former)}",
                    f"one write takes it from {former.service}, whose other policy may not stand yet",
                    f"Give {_told(former)} another name for its policy first and deploy, then use {name} for "
                    f"{_told(new)}",
                    frozenset({*bereft, former.service}),
                )

    @property
    def _ends(self) -> frozenset[str]:
        return frozenset(self.planned.matrix.endpoints)

    @cached_property
    def _pods_before(self) -> Mapping[str, Labels]:
        return {each.service: each.pods for each in _governors(self.deployed.policies).values()}

    @cached_property
    def _pods_now(self) -> Mapping[str, Labels]:
        return {service.name: service.pods for service in self.planned.matrix.services}

    @cached_property
    def _on_nodes(self) -> set[str]:
        """The services whose running pods may carry the nodes' group: DNS tells, which each of them has."""
        cluster = self.planned.environment.cluster
        asked = any(
            (rule.holder, rule.direction, rule.peer) == (cluster.nodes, Direction.EGRESS, cluster.group)
            and rule.ports in DNS_PORTS
            for rule in self.standing.rules
        )
        return {name for name in self._pods_now if name in self._pods_before} if asked else set()

    @cached_property
    def _in_own_groups(self) -> set[str]:
        """The services whose running pods may carry a group of their own."""
        return {name for name in self._pods_now if OwnGroup(name) in self.standing.groups}

    def _was(self, attachment: Attachment) -> bool:
        """Tell whether pods can have been attached so already."""
        return bool(self._in_own_groups if attachment is Attachment.PODS else self._on_nodes)

    @cached_property
    def _groups_that_go(self) -> tuple[OwnGroup, ...]:
        return tuple(group for group in self.standing.groups if group not in self.planned.firewall.groups)

    @property
    def _renamed(self) -> Iterator[tuple[str, str]]:
        """Yield services that stand and go, each with one whose pods may be the same."""
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
        """Return the ids of the groups of others that rules of some purposes name at an end of connections."""
        found = set()
        for rule in self.deployed.rules:
            if "ReferencedGroupInfo" in rule and any(each in rule.get("Description", "") for each in purposes):
                holds = rule["IsEgress"] == (end is Direction.EGRESS)
                found.add(rule["GroupId"] if holds else rule["ReferencedGroupInfo"]["GroupId"])
        return found - set(self.deployed.group_labels)


def _governors(manifests: Iterable[Mapping[str, Any]]) -> dict[str, _Governor]:
    """Return the allow policies by name."""
    return {
        policy["metadata"]["name"]: _Governor(
            policy["metadata"]["labels"][NAME_LABEL],
            labels_of(policy["spec"]),
            frozenset(Direction(each.lower()) for each in policy["spec"]["policyTypes"]),
        )
        for policy in manifests
        if NAME_LABEL in policy["metadata"].get("labels", {})
    }


def _may_be_one(labels: Labels, others: Labels) -> bool:
    """Tell whether a pod can have both."""
    known = dict(labels)
    return all(known.get(key, value) == value for key, value in others)


def _told(governor: _Governor) -> str:
    return f"{governor.service} ({', '.join(sorted(governor.directions))})"


def _written(labels: Labels) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
