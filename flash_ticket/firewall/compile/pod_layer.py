"""The pod layer: the matrix compiled to Kubernetes NetworkPolicies (networking.k8s.io/v1).

Each service has one allow policy for each direction, so that every change of a pod's rules is one atomic write; a
service without ports has none for ingress. Domain names are in policies of another kind (``names/``). One more policy
denies the rest. All ports are numbers, because several network plug-ins drop named ports or resolve them wrongly.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.fields import default_deny_of
from flash_ticket.firewall.declare.matrix import DeclaredEndpoint, External, Labels, Matrix, Service
from flash_ticket.firewall.terms.input_error import escaped
from flash_ticket.firewall.terms.ports import DNS_PORTS, PortRange, listing
from flash_ticket.firewall.terms.verdict import Direction

MANAGED_BY = "flash-ticket-firewall"
ANNOTATION_PREFIX = "flash-firewall"
"""Annotations ``flash-firewall/<direction>.<n>`` name the flow of the n-th rule."""

NAME_LABEL = "app.kubernetes.io/name"
"""The label with the service of a policy, by its name in the matrix."""

PART_OF_LABEL = "app.kubernetes.io/part-of"
"""The label with the namespace that the firewall of an object is named after."""

_NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that the API server sets on every namespace (Kubernetes documentation, Namespaces)."""


@dataclass(frozen=True, slots=True)
class DeclaredPods:
    """Pods with these labels (all pods if empty), in the policy's own namespace or in a named one."""

    pods: Labels
    namespace: str | None

    def manifest(self) -> dict[str, Any]:
        """Return the NetworkPolicyPeer."""
        peer: dict[str, Any] = {}
        if self.namespace is not None:
            peer["namespaceSelector"] = {"matchLabels": {_NAMESPACE_NAME: self.namespace}}
        if self.pods or self.namespace is None:
            peer["podSelector"] = {"matchLabels": dict(self.pods)}
        return peer


@dataclass(frozen=True, slots=True)
class DeclaredAddresses:
    """Addresses outside the cluster, as one canonical block."""

    network: Network

    def manifest(self) -> dict[str, Any]:
        """Return the NetworkPolicyPeer."""
        return {"ipBlock": {"cidr": str(self.network)}}


@dataclass(frozen=True, slots=True)
class DeclaredNames:
    """Domain names, and patterns that stand for all names below one. A NetworkPolicy has no such peer."""

    names: tuple[str, ...]

    def manifest(self) -> dict[str, Any]:
        """Return the peer of an ApplicationNetworkPolicy."""
        return {"domainNames": list(self.names)}


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule: these peers, on these ports, for this flow (named in an annotation, with the reason if there is one).

    Raises:
        ValueError: There are no peers or no ports, which means all of them to Kubernetes.
    """

    flow: str
    peers: tuple[DeclaredPods | DeclaredAddresses | DeclaredNames, ...]
    ports: tuple[PortRange, ...]
    because: str = ""

    def __post_init__(self) -> None:
        if not (self.peers and self.ports):
            raise ValueError(f"the rule {self.flow} has no {'ports' if self.peers else 'peers'}: it would allow all")


@dataclass(frozen=True, slots=True)
class Opening:
    """A suspension of a policy, which then allows all traffic: until when (ISO 8601), who suspends it, and why."""

    until: str
    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """One NetworkPolicy.

    Attributes:
        pods: The labels of the pods it selects; empty selects every pod of the namespace.
        directions: Its policyTypes.
        rules: The rules of its one direction; empty denies all.
        service: Its service; None for default-deny.
        purpose: A sentence for the reader of ``kubectl describe``.
        opening: A suspension: the policy allows all traffic in its directions, and its rules do not apply.
        part_of: The namespace that the firewall is named after, if that is another one.
    """

    name: str
    namespace: str
    pods: Labels
    directions: tuple[Direction, ...]
    rules: tuple[PolicyRule, ...]
    service: str | None
    purpose: str
    opening: Opening | None = None
    part_of: str | None = None

    def manifest(self) -> dict[str, Any]:
        """Return the object for the API server."""
        spec: dict[str, Any] = {
            "podSelector": {"matchLabels": dict(self.pods)} if self.pods else {},
            "policyTypes": [direction.value.capitalize() for direction in self.directions],
        }
        annotations = {f"{ANNOTATION_PREFIX}/purpose": self.purpose}
        if self.opening:
            # One rule without peers and ports allows all (NetworkPolicy API reference, spec.ingress).
            spec |= {direction.value: [{}] for direction in self.directions}
            annotations |= {
                f"{ANNOTATION_PREFIX}/suspended-until": self.opening.until,
                f"{ANNOTATION_PREFIX}/suspended-by": escaped(self.opening.author),
                f"{ANNOTATION_PREFIX}/suspended-because": escaped(self.opening.reason),
            }
        for direction in self.directions if self.rules and not self.opening else ():
            side = "from" if direction is Direction.INGRESS else "to"
            spec[direction.value] = [_rule_manifest(rule, side) for rule in self.rules]
            for index, rule in enumerate(self.rules):
                annotations[f"{ANNOTATION_PREFIX}/{direction.value}.{index}"] = f"{rule.flow} : {listing(rule.ports)}"
                if rule.because:
                    annotations[f"{ANNOTATION_PREFIX}/{direction.value}.{index}.because"] = escaped(rule.because)
        labels = {
            "app.kubernetes.io/managed-by": MANAGED_BY,
            PART_OF_LABEL: self.part_of or self.namespace,
            "app.kubernetes.io/component": "network-policy",
        }
        if self.service is not None:
            labels[NAME_LABEL] = self.service
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": labels,
                "annotations": annotations,
            },
            "spec": spec,
        }


@dataclass(frozen=True, slots=True)
class PodFirewall:
    """The compiled pod layer. Create ``denials`` after all ``allows``, and delete them before these.

    Attributes:
        default_deny: That of the namespace that the firewall is named after.
        further_denials: Those of the other namespaces, sorted.
    """

    allows: tuple[NetworkPolicy, ...]
    default_deny: NetworkPolicy
    further_denials: tuple[NetworkPolicy, ...] = ()

    @property
    def denials(self) -> tuple[NetworkPolicy, ...]:
        """The default-deny of each namespace."""
        return (self.default_deny, *self.further_denials)

    @property
    def policies(self) -> tuple[NetworkPolicy, ...]:
        """Every policy, in the order of creation. No two have the same name."""
        return (*self.allows, *self.denials)


class PodPlaces(Protocol):
    """The places of a matrix as the pod layer needs them; an environment has them."""

    @property
    def resolvers(self) -> tuple[Network, ...]:
        """Addresses that answer DNS besides the CoreDNS pods."""

    def networks_of(self, external: str) -> tuple[Network, ...]:
        """Return the addresses of an external outside the cluster."""


def compile_policies(matrix: Matrix, environment: PodPlaces) -> PodFirewall:
    """Return the policies that allow exactly the matrix's flows, without those to domain names, and all DNS."""
    compiler = _PolicyCompiler(matrix, environment)
    compiled = {Direction.INGRESS: compiler.ingress, Direction.EGRESS: compiler.egress}
    allows = [compiled[direction](service) for service in matrix.services for direction, _ in service.policies]
    denials = tuple(
        NetworkPolicy(
            default_deny_of(namespace, matrix.namespace),
            namespace,
            (),
            (Direction.INGRESS, Direction.EGRESS),
            (),
            None,
            "denies what no other policy here allows, for every pod of the namespace",
            part_of=matrix.namespace,
        )
        for namespace in matrix.namespaces
    )
    return PodFirewall(tuple(sorted(allows, key=lambda policy: policy.name)), denials[0], denials[1:])


@dataclass(frozen=True, slots=True)
class _PolicyCompiler:
    matrix: Matrix
    environment: PodPlaces

    def ingress(self, service: Service) -> NetworkPolicy:
        flows, within = self.matrix.flows_into[service.name], self.matrix.namespace_of(service)
        rules = tuple(
            PolicyRule(f"{flow.source} -> {service.name}", self._peers(flow.source, within), flow.ports, flow.because)
            for flow in flows
        )
        sources = ", ".join(flow.source for flow in flows)
        purpose = f"who may reach {service.name}: {sources or 'nobody, no flow names it'}"
        return NetworkPolicy(
            service.ingress_policy,
            within,
            service.pods,
            (Direction.INGRESS,),
            rules,
            service.name,
            purpose,
            part_of=self.matrix.namespace,
        )

    def egress(self, service: Service) -> NetworkPolicy:
        within = self.matrix.namespace_of(service)
        flows = [flow for flow in self.matrix.flows_out_of[service.name] if not self._is_by_name(flow.target)]
        rules = [
            PolicyRule(f"{service.name} -> {flow.target}", self._peers(flow.target, within), flow.ports, flow.because)
            for flow in flows
        ]
        rules.append(PolicyRule(f"{service.name} -> DNS", self._dns_peers(), DNS_PORTS))
        targets = ", ".join([*(flow.target for flow in flows), "DNS"])
        purpose = f"what {service.name} may reach: {targets}"
        return NetworkPolicy(
            service.egress_policy,
            within,
            service.pods,
            (Direction.EGRESS,),
            tuple(rules),
            service.name,
            purpose,
            part_of=self.matrix.namespace,
        )

    def _is_by_name(self, name: str) -> bool:
        endpoint = self.matrix.endpoints[name]
        return isinstance(endpoint, External) and bool(endpoint.domains)

    def _peers(self, name: str, within: str) -> tuple[DeclaredPods | DeclaredAddresses, ...]:
        endpoint: DeclaredEndpoint = self.matrix.endpoints[name]
        if isinstance(endpoint, External):
            if endpoint.namespace is None:
                return tuple(DeclaredAddresses(network) for network in self.environment.networks_of(name))
            return (DeclaredPods(endpoint.pods, endpoint.namespace),)
        namespace = self.matrix.namespace_of(endpoint)
        return (DeclaredPods(endpoint.pods, None if namespace == within else namespace),)

    def _dns_peers(self) -> tuple[DeclaredPods | DeclaredAddresses, ...]:
        # NodeLocal DNSCache runs on the host network, where no pod selector matches it (kubernetes issue 70555).
        resolvers = (DeclaredAddresses(network) for network in self.environment.resolvers)
        return (DeclaredPods((("k8s-app", "kube-dns"),), "kube-system"), *resolvers)


def _rule_manifest(rule: PolicyRule, side: str) -> dict[str, Any]:
    return {side: [peer.manifest() for peer in rule.peers], "ports": [_port_manifest(port) for port in rule.ports]}


def _port_manifest(port: PortRange) -> dict[str, Any]:
    manifest: dict[str, Any] = {"protocol": port.protocol.value, "port": port.first}
    if port.last != port.first:
        manifest["endPort"] = port.last
    return manifest
