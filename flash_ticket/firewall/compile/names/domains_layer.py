"""Policies for domain names: what a NetworkPolicy cannot say, in the form of the plug-in that enforces it.

Such a policy stands beside the service's egress NetworkPolicy, and what both allow adds up (Cilium documentation,
"Network Policy"; Amazon EKS User Guide, "Application network policies"). So it names the domains alone. The rest,
DNS too, is in the NetworkPolicy. Cilium learns the addresses of a name from the answers that pass its DNS proxy, so
its form repeats the way to DNS with a rule for the proxy. The proxy lets all names through: the pods also need the
names of the cluster, and a name opens no connection.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from flash_ticket.firewall.bind.environment import Cluster
from flash_ticket.firewall.compile.pod_layer import DeclaredNames, NetworkPolicy, PodFirewall, PolicyRule
from flash_ticket.firewall.declare.choices import CniName, Compute
from flash_ticket.firewall.declare.matrix import Matrix, Service
from flash_ticket.firewall.terms.domain_names import ANY_BELOW
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import DNS_PORTS, PortRange
from flash_ticket.firewall.terms.verdict import Direction

_MOST_PORTS = 40
"""The most ports in one entry of a CiliumNetworkPolicy (its CRD, toPorts)."""

_ANY_NAME = "*"
_RESOLVERS = {"k8s:io.kubernetes.pod.namespace": "kube-system", "k8s:k8s-app": "kube-dns"}


class DomainsKind(Enum):
    """The kind of policy that a cluster enforces domain names with: its API group, version, kind and resource."""

    CILIUM = ("cilium.io", "v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies")
    AUTO_MODE = ("networking.k8s.aws", "v1alpha1", "ApplicationNetworkPolicy", "applicationnetworkpolicies")

    def __init__(self, group: str, version: str, kind: str, plural: str) -> None:
        self.group, self.version, self.kind, self.plural = group, version, kind, plural

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}"


def domains_kind(cluster: Cluster) -> DomainsKind | None:
    """Return the kind of policy for domain names that a cluster enforces; None if it enforces none."""
    if cluster.compute is Compute.AUTO_MODE:
        return DomainsKind.AUTO_MODE
    on_ec2 = cluster.compute is Compute.EC2
    return DomainsKind.CILIUM if on_ec2 and cluster.cni is CniName.CILIUM else None


@dataclass(frozen=True, slots=True)
class DomainsPolicy(NetworkPolicy):
    """The domain names that one service may reach.

    Attributes:
        form: The kind of its object.
    """

    form: DomainsKind = DomainsKind.CILIUM

    def manifest(self) -> dict[str, Any]:
        """Return the object for the API server."""
        # NetworkPolicy has slots, so super() without arguments would look into the class that dataclass replaced.
        found = NetworkPolicy.manifest(self)
        spec = _of_cilium(self) if self.form is DomainsKind.CILIUM else _of_auto_mode(self)
        return {**found, "apiVersion": self.form.api_version, "kind": self.form.kind, "spec": spec}


def with_domains(pods: PodFirewall, matrix: Matrix, cluster: Cluster) -> PodFirewall:
    """Return the pod layer with one more policy for each service that may reach domain names.

    Raises:
        InputError: The matrix has domain names, and nothing in the cluster enforces them.
    """
    named = {external.name: external.domains for external in matrix.externals if external.domains}
    if not named:
        return pods
    kind = domains_kind(cluster)
    if kind is None:
        raise InputError(
            "traffic.yaml",
            f"externals.{min(named)}.domains",
            f"nothing in the cluster {cluster.name} enforces domain names",
            "Use EKS Auto Mode or Cilium, or write addresses under places in the settings of the stack",
        )
    found = domains_policies(matrix, kind)
    return replace(pods, allows=tuple(sorted((*pods.allows, *found), key=lambda policy: policy.name)))


def domains_policies(matrix: Matrix, kind: DomainsKind) -> tuple[DomainsPolicy, ...]:
    """Return one policy of a kind for each service that may reach domain names."""
    named = {external.name: external.domains for external in matrix.externals if external.domains}
    reaching = {flow.source for flow in matrix.flows if flow.target in named}
    return tuple(_policy(matrix, service, named, kind) for service in matrix.services if service.name in reaching)


def _policy(matrix: Matrix, service: Service, named: Mapping[str, tuple[str, ...]], kind: DomainsKind) -> DomainsPolicy:
    flows = [flow for flow in matrix.flows_out_of[service.name] if flow.target in named]
    rules = tuple(
        PolicyRule(f"{service.name} -> {flow.target}", (DeclaredNames(named[flow.target]),), flow.ports, flow.because)
        for flow in flows
    )
    return DomainsPolicy(
        service.domains_policy,
        matrix.namespace_of(service),
        service.pods,
        (Direction.EGRESS,),
        rules,
        service.name,
        f"which domain names {service.name} may reach: {', '.join(flow.target for flow in flows)}",
        part_of=matrix.namespace,
        form=kind,
    )


def _of_auto_mode(policy: DomainsPolicy) -> dict[str, Any]:
    """Return the spec of an ApplicationNetworkPolicy. Its ``*.`` means one or more labels, as here."""
    rules: list[dict[str, Any]] = [
        {
            "to": [peer.manifest() for peer in rule.peers],
            "ports": [_port(port) for port in rule.ports],
        }
        for rule in policy.rules
    ]
    return {
        "podSelector": {"matchLabels": dict(policy.pods)},
        "policyTypes": ["Egress"],
        "egress": rules,
    }


def _of_cilium(policy: DomainsPolicy) -> dict[str, Any]:
    """Return the spec of a CiliumNetworkPolicy: a rule for each flow, and then the way to DNS through the proxy."""
    rules: list[dict[str, Any]] = [
        {
            "toFQDNs": [_of_proxy(name) for peer in _names(rule) for name in peer.names],
            "toPorts": _ports_of_cilium(rule.ports),
        }
        for rule in policy.rules
    ]
    resolvers = {
        "toEndpoints": [{"matchLabels": _RESOLVERS}],
        "toPorts": [
            {"ports": [_cilium_port(each) for each in DNS_PORTS], "rules": {"dns": [{"matchPattern": _ANY_NAME}]}}
        ],
    }
    return {
        "endpointSelector": {"matchLabels": {f"k8s:{key}": value for key, value in policy.pods}},
        "egress": [*rules, resolvers],
    }


def _of_proxy(name: str) -> dict[str, str]:
    below = name.removeprefix(ANY_BELOW)
    return {"matchName": name} if below == name else {"matchPattern": f"**.{below}"}


def _ports_of_cilium(ports: tuple[PortRange, ...]) -> list[dict[str, Any]]:
    written = [_cilium_port(each) for each in ports]
    return [{"ports": written[first : first + _MOST_PORTS]} for first in range(0, len(written), _MOST_PORTS)]


def _cilium_port(port: PortRange) -> dict[str, Any]:
    found: dict[str, Any] = {"port": str(port.first), "protocol": port.protocol.value}
    return found | ({"endPort": port.last} if port.last != port.first else {})


def _port(port: PortRange) -> dict[str, Any]:
    found: dict[str, Any] = {"protocol": port.protocol.value, "port": port.first}
    return found | ({"endPort": port.last} if port.last != port.first else {})


def _names(rule: PolicyRule) -> Iterable[DeclaredNames]:
    return (peer for peer in rule.peers if isinstance(peer, DeclaredNames))
