"""Both compiled layers of one environment, with their alerts: what the program proves, shows and deploys."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.bind.stack_matrix import matrix_of
from flash_ticket.firewall.compile.alerts.watch import Watch, alert_notices, compile_watch
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.names.domains_layer import with_domains
from flash_ticket.firewall.compile.notices import environment_notices
from flash_ticket.firewall.compile.overlaps import overlap_notices
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.compile.pod_layer import PodFirewall, compile_policies
from flash_ticket.firewall.compile.quota import size_notices
from flash_ticket.firewall.compile.suspended import opened, require_known, suspension_notices
from flash_ticket.firewall.compile.vpc_layer import GroupRule, VpcFirewall
from flash_ticket.firewall.declare.choices import PodEniMode
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED, Suspensions
from flash_ticket.firewall.prove.administrators import NO_ADMINISTRATORS, Administrators
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.declared_permissions import declared_connections
from flash_ticket.firewall.prove.endpoint import Endpoint, Role
from flash_ticket.firewall.prove.proof import Proof, prove
from flash_ticket.firewall.prove.violation import few
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.ports import PortSet
from flash_ticket.firewall.terms.verdict import Layer, Verdict


@dataclass(frozen=True, slots=True)
class CompiledFirewall:
    """Both compiled layers of one stack and their alerts, with their sources.

    Attributes:
        pods: The pod layer as declared.
        suspensions: The policies that are open for a while; by default none.
    """

    matrix: Matrix
    environment: Environment
    pods: PodFirewall
    vpc: VpcFirewall
    watch: Watch
    suspensions: Suspensions = NONE_SUSPENDED

    @property
    def owner(self) -> Owner:
        """The firewall as the owner of resources in the account."""
        return Owner.of(self.matrix.namespace, self.environment)

    @property
    def deployed_pods(self) -> PodFirewall:
        """The pod layer to deploy: as declared, with the suspended policies open."""
        return opened(self.suspensions, self.pods)

    def proof(self, administrators: Administrators = NO_ADMINISTRATORS) -> Proof:
        """Compare the compiled layers with the matrix, without suspensions.

        Args:
            administrators: The policies of administrators in the cluster, as far as known.
        """
        return prove(self.matrix, self.environment, _manifests(self.pods), self.vpc, administrators)

    def layers(self) -> BothLayers:
        """Return both layers for questions, with the suspended policies open."""
        return BothLayers(self.matrix, self.environment, _manifests(self.deployed_pods), self.vpc)

    def overlap_notices(self, *ends: str) -> tuple[Notice, ...]:
        """Return a notice for each place whose ipBlocks match pods or Services as well.

        Args:
            ends: Only rules of these services count; without names, those of all.
        """
        return tuple(overlap_notices(self.environment, self.pods, ends))

    def notices(self) -> tuple[Notice, ...]:
        """Return the notices about suspensions, the matrix, settings and alerts."""
        return (
            *suspension_notices(self.suspensions),
            *self.matrix.notices(),
            *environment_notices(self.environment, self.pods),
            *size_notices(self.environment, self.vpc),
            *alert_notices(self.matrix, self.environment),
        )


def compile_firewall(
    matrix: Matrix,
    environment: Environment,
    suspensions: Suspensions = NONE_SUSPENDED,
    standing: Iterable[GroupRule] = (),
) -> CompiledFirewall:
    """Return both layers of an environment and their alerts.

    Args:
        matrix: The declaration of all stacks; the environment's stack has a part of it.
        environment: The places of its names.
        suspensions: The policies that are open for a while. Their moment also decides which flows have ended.
        standing: The deployed rules, which count for AWS's quotas until the new ones exist.

    Raises:
        InputError: A suspended policy is unknown, or the alerts are too large for one object or log group.
    """
    matrix = matrix_of(matrix, environment, suspensions.at)
    pods = with_domains(compile_policies(matrix, environment), matrix, environment.cluster)
    require_known(suspensions, pods, environment)
    return CompiledFirewall(
        matrix,
        environment,
        pods,
        compile_groups(matrix, environment, standing),
        compile_watch(matrix, environment, suspensions),
        suspensions,
    )


def account_notices(layers: BothLayers) -> Iterator[Notice]:
    """Yield a notice if the listing has connections that may pass: only the account knows."""
    found = [
        f"{source.name} => {destination.name} : {ports}"
        for (source, destination), ports in layers.perhaps_passing.items()
    ]
    groups = sorted(group.label for group, rules in layers.rules_of_others.items() if rules is None)
    if found:
        yield Notice(
            "security groups of others",
            f"{len(found):,} listed connections may be stopped in the VPC layer, such as {found[0]}: only the account "
            f"knows what others allow in {few(groups)}",
            "Read the proof of a preview, which reads the account",
        )


def one_node_notices(layers: BothLayers, answers: Iterable[Sequence[Verdict]]) -> Iterator[Notice]:
    """Yield a notice if groups stop a connection between pods, and do not judge it where both run on one node.

    Source: Amazon EKS User Guide, "Assign security groups to individual Pods": in standard mode, groups do not apply to
    traffic between pods on one node. Pods without a group of their own share the interface of their node in any mode.
    """
    stopped = [each for verdicts in answers for each in verdicts if each.layer is Layer.VPC and each.stops]
    for verdict in stopped:
        ends = [layers.named.get(name) for name in (verdict.source, verdict.destination)]
        if all(end and end.workload for end in ends) and not _is_judged(layers, ends):
            yield Notice(
                f"{verdict.source} and {verdict.destination} on one node",
                "no security group judges packets between pods of one node, so the pod layer alone decides there",
                "Keep them on different nodes (podAntiAffinity) if both layers have to decide",
            )
            return


def _is_judged(layers: BothLayers, ends: Iterable[Endpoint | None]) -> bool:
    is_strict = layers.environment.cluster.pod_eni_mode is PodEniMode.STRICT
    return is_strict and any(end.has_own_group for end in ends if end)


@dataclass(frozen=True, slots=True)
class StoppedOnce:
    """Undeclared ports between two endpoints that one layer stops and the other lets through.

    Attributes:
        by: The layer that stops them.
    """

    by: Layer
    source: str
    destination: str
    ports: PortSet

    def __str__(self) -> str:
        """Return ``api => database : TCP 5672``."""
        return f"{self.source} => {self.destination} : {self.ports}"


def stopped_once(layers: BothLayers) -> tuple[StoppedOnce, ...]:
    """Return what one layer alone certainly stops, sorted by layer and names; the proof counts the same.

    It considers pairs of two different endpoints, one of them a service, on all declared ports.
    """
    in_play = PortSet.of(port for ports in declared_connections(layers).values() for port in ports)
    found = []
    for source, destination in _pairs(layers):
        pods = layers.opened(Layer.POD, source, destination) & in_play
        groups = layers.opened(Layer.VPC, source, destination) & in_play
        by_groups = pods - groups - layers.unknown(source, destination)
        for by, ports in ((Layer.POD, groups - pods), (Layer.VPC, by_groups)):
            if ports:
                found.append(StoppedOnce(by, source.name, destination.name, ports))
    return tuple(sorted(found, key=lambda each: (each.by.value, each.source, each.destination)))


def _pairs(layers: BothLayers) -> Iterator[tuple[Endpoint, Endpoint]]:
    for source in layers.endpoints:
        for destination in layers.endpoints:
            if source is not destination and Role.SERVICE in {source.role, destination.role}:
                yield source, destination


def _manifests(pods: PodFirewall) -> tuple[dict[str, Any], ...]:
    return tuple(policy.manifest() for policy in pods.policies)
