"""The pods and Services that run, compared with the declaration: which policies and groups really apply to each."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.policy import Policy
from flash_ticket.firewall.change.deployed import Deployed, Described, namespace_of
from flash_ticket.firewall.change.ownership.waiting import RunningPod
from flash_ticket.firewall.compile.pod_layer import NAME_LABEL
from flash_ticket.firewall.compile.vpc_layer import OwnGroup
from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.declare.matrix import Labels, Service, label_text
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.moment import written
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.attribution.inventory import ClusterService, Interface, Interfaces, Pod, lasting
from flash_ticket.verify.finding import Comparison, Finding, FindingKind
from flash_ticket.verify.observed import Observed

_NAMED = 3


def pods_with_groups(pods: Iterable[Pod], interfaces: Iterable[Interface]) -> Iterator[RunningPod]:
    """Yield the pods that run, with the groups on their interfaces."""
    known = Interfaces(tuple(interfaces))
    for pod in pods:
        if pod.until is None:
            found = next((each for address in pod.addresses if (each := known.at(address))), None)
            yield RunningPod(pod.labels, frozenset(found.groups) if found else None, pod.namespace)


def newly_denied(planned: CompiledFirewall, deployed: Deployed, pods: Iterable[Pod]) -> Iterator[Notice]:
    """Yield the pods of no service in namespaces that get their default-deny now: it cuts them."""
    standing = {
        (namespace_of(each) or planned.matrix.namespace, each["metadata"]["name"]) for each in deployed.policies
    }
    running = tuple(pod for pod in pods if pod.until is None and pod.node not in pod.addresses)
    for policy in planned.pods.denials:
        services = planned.matrix.services_in(policy.namespace)
        cut = sorted(
            pod.name
            for pod in running
            if pod.namespace == policy.namespace
            and not any(set(service.pods) <= set(pod.labels) for service in services)
        )
        if cut and (policy.namespace, policy.name) not in standing:
            more = f" and {len(cut) - _NAMED} more" if len(cut) > _NAMED else ""
            yield Notice(
                f"namespace {policy.namespace}",
                f"{policy.name} cuts {', '.join(cut[:_NAMED])}{more}: it denies every pod there, and no service has "
                "the labels of these",
                "Declare them as services, or run them in another namespace",
            )


@dataclass(frozen=True)
class RunningPods(Comparison):
    """The pods of the firewalled namespaces.

    Attributes:
        group_ids: The ids of the stack's groups that exist.
    """

    observed: Observed
    group_ids: Mapping[OwnGroup, str]

    def findings(self) -> Iterator[Finding]:
        """Yield each difference from the declaration; pods of one kind share one finding.

        Raises:
            InputError: A live policy cannot be read.
        """
        for pods in _alike(self._running):
            if pods[0].node in pods[0].addresses:
                yield self._on_the_host(pods)
                continue
            yield from self._governed(pods)
            yield from self._known(pods)
        for service in self.planned.matrix.services:
            for pod in self._running:
                if self._service_of(pod) is service and pod.node not in pod.addresses:
                    yield from self._groups_of(pod, service)

    def _on_the_host(self, pods: tuple[Pod, ...]) -> Finding:
        return Finding(
            self._where(pods),
            "it runs on its node's network" if len(pods) == 1 else "they run on their nodes' network",
            "with most CNIs no NetworkPolicy applies to it, and its traffic counts as the node's",
            "Take hostNetwork out of its template, or run it in another namespace",
            FindingKind.OPEN,
        )

    def _governed(self, pods: tuple[Pod, ...]) -> Iterator[Finding]:
        labels, service = dict(pods[0].labels), self._service_of(pods[0])
        here = [each for each in self._policies if each.namespace == pods[0].namespace]
        allowed = dict(service.policies) if service else {}
        for direction in Direction:
            selecting = [each for each in here if direction in each.rules and each.pods.matches(labels)]
            if not selecting:
                effect = "anything reach it" if direction is Direction.INGRESS else "it reach anything"
                yield Finding(
                    self._where(pods),
                    f"no policy selects it for {direction}",
                    f"the pod layer lets {effect}",
                    self._policy_update,
                    FindingKind.OPEN,
                )
            elif service and direction in allowed and not any(each.name in self._allowing for each in selecting):
                yield Finding(
                    self._where(pods),
                    f"no allow policy of {service.name} selects it for {direction}",
                    "default-deny alone decides, and declared flows are cut",
                    self._policy_update,
                    FindingKind.CUT_OFF,
                )

    def _known(self, pods: tuple[Pod, ...]) -> Iterator[Finding]:
        if self._service_of(pods[0]):
            return
        labels = label_text(lasting(pods[0].labels)) or "none"
        yield Finding(
            self._where(pods),
            f"its labels match no service of traffic.yaml: {labels}",
            "no allow policy selects it: under default-deny nothing can reach it, and it cannot resolve names",
            "Correct the labels in its template, or declare it as a service",
            FindingKind.UNKNOWN_POD,
        )

    def _groups_of(self, pod: Pod, service: Service) -> Iterator[Finding]:
        declared = next((each.groups for each in self.planned.vpc.attachments if each.service == service.name), ())
        wanted = [self.group_ids[group] for group in declared if group in self.group_ids]
        if not wanted or len(wanted) < len(declared):
            return
        interface = next((found for each in pod.addresses if (found := self._interfaces.at(each))), None)
        if interface is None:
            where, what = self._where((pod,)), f"no interface of the VPC has its address {pod.addresses[0]}"
        elif service.name in self.planned.environment.waiting and wanted[0] in interface.groups:
            yield from self._waiting(pod, interface, wanted)
            return
        elif lacking := [group for group in wanted if group not in interface.groups]:
            has = ", ".join(interface.groups) or "none"
            where, what = (
                self._where((pod,)),
                f"its interface {interface.id} lacks {', '.join(lacking)} of {service.name}; it has: {has}",
            )
        else:
            yield from self._beside(pod, interface, wanted)
            return
        since, attached = pod.since, self._attached_since(service)
        if since is not None and attached is not None and since < attached:
            what += f"; it started at {written(since)}, and its SecurityGroupPolicy was created at {written(attached)}"
            remedy = "Restart it, because a SecurityGroupPolicy applies only to new pods: " + self._restart(pod)
        else:
            remedy = (
                f"Restart it: {self._restart(pod)}; if that does not help, check ENABLE_POD_ENI and that its node "
                "supports pod interfaces (a Nitro instance, not of a t family)"
            )
        yield Finding(
            where,
            what,
            f"the rules of {service.name} do not apply to it, and rules of other groups may",
            remedy,
            FindingKind.CUT_OFF,
        )

    def _waiting(self, pod: Pod, interface: Interface, wanted: Sequence[str]) -> Iterator[Finding]:
        """Yield a pod that an earlier version of this program attached; rules of its own group stay for it."""
        lacking = [group for group in wanted if group not in interface.groups]
        if lacking:
            yield Finding(
                self._where((pod,)),
                f"its interface {interface.id} does not carry {', '.join(lacking)}, the group of all pods, yet",
                "rules of its own group for DNS and probes stay until it restarts",
                f"Restart it: {self._restart(pod)}; the next deployment then removes these rules",
                FindingKind.NOTED,
            )
        yield from self._beside(pod, interface, wanted)

    def _beside(self, pod: Pod, interface: Interface, wanted: Sequence[str]) -> Iterator[Finding]:
        """Yield further groups on its interface, unless a SecurityGroupPolicy with its own finding explains them."""
        put = {
            group
            for each in self.observed.deployed.foreign_attachments
            for group in each.get("spec", {}).get("securityGroups", {}).get("groupIds", ())
        }
        beside = [group for group in interface.groups if group not in wanted and group not in put]
        if beside:
            yield Finding(
                self._where((pod,)),
                f"its interface {interface.id} carries {', '.join(beside)} in addition to its own group",
                "the rules of all groups on an interface add up",
                f"Restart it: {self._restart(pod)}",
                FindingKind.WIDENING,
            )

    def _attached_since(self, service: Service) -> float | None:
        found: list[Described] = [
            each for each in self.observed.deployed.attachments if each["metadata"]["name"] == service.name
        ]
        moment = found[0]["metadata"].get("creationTimestamp") if found else None
        return datetime.fromisoformat(moment).timestamp() if moment else None

    @cached_property
    def _running(self) -> tuple[Pod, ...]:
        ours = self.planned.matrix.namespaces
        return tuple(pod for pod in self.observed.inventory.pods if pod.namespace in ours and pod.until is None)

    def _service_of(self, pod: Pod) -> Service | None:
        services = self.planned.matrix.services_in(pod.namespace)
        return next((service for service in services if set(service.pods) <= set(pod.labels)), None)

    @cached_property
    def _policies(self) -> tuple[Policy, ...]:
        deployed = self.observed.deployed
        return cluster_from((*deployed.policies, *deployed.foreign_policies), "deployed policies").policies

    @cached_property
    def _allowing(self) -> frozenset[str]:
        """The names of the policies of services: those with our label, and the declared ones."""
        labelled = (
            each["metadata"]["name"]
            for each in self.observed.deployed.policies
            if NAME_LABEL in (each["metadata"].get("labels") or {})
        )
        return frozenset((*labelled, *(policy.name for policy in self.planned.pods.allows)))

    @cached_property
    def _interfaces(self) -> Interfaces:
        return Interfaces(self.observed.inventory.interfaces)

    def _where(self, pods: tuple[Pod, ...]) -> str:
        names = ", ".join(pod.name for pod in pods[:_NAMED])
        more = f" and {len(pods) - _NAMED} more" if len(pods) > _NAMED else ""
        return f"{'pod' if len(pods) == 1 else 'pods'} {names}{more} in {pods[0].namespace}"

    def _restart(self, pod: Pod) -> str:
        return f"kubectl delete pod --namespace {pod.namespace} {pod.name}"


def _alike(pods: Iterable[Pod]) -> list[tuple[Pod, ...]]:
    """Return the pods in groups that no policy can tell apart; labels that change with each rollout do not count."""
    found: dict[tuple[str, Labels, bool], list[Pod]] = defaultdict(list)
    for pod in sorted(pods, key=lambda pod: pod.name):
        found[pod.namespace, lasting(pod.labels), pod.node in pod.addresses].append(pod)
    return [tuple(each) for each in found.values()]


@dataclass(frozen=True, slots=True)
class ServiceAddresses(Comparison):
    """The Services of our namespaces, through which pods call each other."""

    observed: Observed

    def findings(self) -> Iterator[Finding]:
        """Yield the Services through which a declared flow is cut; this happens only with the VPC CNI."""
        if self.planned.environment.cluster.cni is not CniName.VPC_CNI:
            return
        matrix = self.planned.matrix
        called = {flow.target for flow in matrix.flows if flow.source in {each.name for each in matrix.services}}
        for service in (each for each in matrix.services if each.name in called):
            for found in self.observed.inventory.services:
                lacking = set(service.pods) - set(found.selector)
                is_there = found.namespace == matrix.namespace_of(service)
                if lacking and found.addresses and is_there and self._leads(found, service):
                    yield _finding(found, service, label_text(sorted(lacking)))

    def _leads(self, found: ClusterService, service: Service) -> bool:
        """Return whether a Service selects running pods of a service."""
        return bool(found.selector) and any(
            {*found.selector, *service.pods} <= set(pod.labels)
            for pod in self.observed.inventory.pods
            if pod.namespace == found.namespace and pod.until is None
        )


def _finding(found: ClusterService, service: Service, lacking: str) -> Finding:
    return Finding(
        f"Service {found.namespace}/{found.name}",
        f"its selector lacks {lacking}, and the policies select {service.name} by that",
        f"with the VPC CNI no client reaches {service.name} through the address of this Service, which is declared",
        f"Add {lacking} to its selector",
        FindingKind.CUT_OFF,
    )
