"""Reads policies that allow domain names: CiliumNetworkPolicy and ApplicationNetworkPolicy.

Only what can be judged is read. Any other field is an error, because an answer that leaves it out would be wrong.
Sources: the definitions of both kinds (Cilium 1.20, amazon-network-policy-controller-k8s); Cilium documentation,
"DNS based" policies: a rule with toFQDNs opens nothing unless the pod's queries pass Cilium's DNS proxy.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flash_ticket.firewall.analyse.cluster import NAME_LABEL, AnalysedCluster, cluster_from
from flash_ticket.firewall.analyse.label_selector import Selector, read_selector
from flash_ticket.firewall.analyse.manifests import fields as field
from flash_ticket.firewall.analyse.manifests.fields import FieldPath
from flash_ticket.firewall.analyse.names.name_space import NameSpace
from flash_ticket.firewall.analyse.policy import AddressPeer, PodPeer, Policy, PolicyEntry, RulePorts, read_policy
from flash_ticket.firewall.analyse.workload import read_protocol
from flash_ticket.firewall.terms.domain_names import ANY_BELOW
from flash_ticket.firewall.terms.ports import ALL_PORTS, DNS_PORTS, MAX_PORT, PortRange, PortSet
from flash_ticket.firewall.terms.verdict import Direction

_CILIUM, _AUTO_MODE = (
    ("cilium.io/v2", "CiliumNetworkPolicy"),
    ("networking.k8s.aws/v1alpha1", "ApplicationNetworkPolicy"),
)
_ANY_DEPTH = "**."
_POD_NAMESPACE = "io.kubernetes.pod.namespace"
_OF_KUBERNETES = "k8s:"
_EVERY_NAME = [{"matchPattern": "*"}]
_REMEDY = "Remove it, or do not rely on this answer"


@dataclass(frozen=True, slots=True)
class NamesEntry:
    """A rule that opens domain names.

    Attributes:
        index: Its index in the list, from 0.
        names: Names, and patterns such as ``*.example.com``.
    """

    index: int
    names: tuple[str, ...]
    ports: RulePorts


@dataclass(frozen=True, slots=True)
class NamesPolicy:
    """A policy that opens domain names.

    Attributes:
        policy: The policy without these rules.
        named: These rules.
    """

    policy: Policy
    named: tuple[NamesEntry, ...]

    @property
    def names(self) -> frozenset[str]:
        """Every name and pattern of its rules."""
        return frozenset(name for entry in self.named for name in entry.names)

    def as_policy(self, space: NameSpace) -> Policy:
        """Return the policy with addresses that stand for its names in a name space that has them."""
        found = [PolicyEntry(each.index, (AddressPeer(space.ranges(each.names)),), each.ports) for each in self.named]
        entries = sorted((*self.policy.rules.get(Direction.EGRESS, ()), *found), key=lambda entry: entry.index)
        return replace(self.policy, rules={**self.policy.rules, Direction.EGRESS: tuple(entries)})


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Policies of all kinds.

    Attributes:
        cluster: What does not depend on names.
        named: The policies that open domain names.
    """

    cluster: AnalysedCluster
    named: tuple[NamesPolicy, ...]

    @property
    def names(self) -> frozenset[str]:
        """Every name and pattern that a policy opens."""
        return frozenset(name for each in self.named for name in each.names)

    def within(self, space: NameSpace) -> AnalysedCluster:
        """Return all policies, with addresses that stand for the names."""
        if not self.named:
            return self.cluster
        policies = (*self.cluster.policies, *(each.as_policy(space) for each in self.named))
        in_order = sorted(policies, key=lambda policy: (policy.namespace, policy.name))
        return replace(self.cluster, policies=tuple(in_order))


def policy_set(objects: Iterable[Mapping[str, Any]], source: str) -> PolicySet:
    """Return the policies among objects, those that open domain names too.

    Raises:
        InputError: An object is invalid or appears twice, or a policy of names has a field that cannot be judged.
    """
    every = tuple(objects)
    plain = (each for each in every if _form(each) is None)
    return PolicySet(cluster_from(plain, source), tuple(_read(each, source) for each in every if _form(each)))


def is_for_names(body: Mapping[str, Any]) -> bool:
    """Return whether an object is of a kind that can open domain names."""
    return _form(body) is not None


def names_in(peer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names and patterns of a peer of an ApplicationNetworkPolicy or of a rule with toFQDNs."""
    place = FieldPath("", "")
    found = field.mappings(peer.get("toFQDNs"), "toFQDNs", place)
    return (*(peer.get("domainNames") or ()), *(_name_of_cilium(each, at, place) for at, each in found))


def _form(body: Mapping[str, Any]) -> tuple[str, str] | None:
    found = body.get("apiVersion"), body.get("kind")
    return next((form for form in (_CILIUM, _AUTO_MODE) if form == found), None)


def _read(body: Mapping[str, Any], source: str) -> NamesPolicy:
    metadata = body["metadata"]
    namespace, name = str(metadata.get("namespace") or "default"), str(metadata["name"])
    place = FieldPath(source, f"{body['kind']} {namespace}/{name}")
    spec = field.mapping(body.get("spec"), "spec", place)
    read = _of_cilium if _form(body) == _CILIUM else _of_auto_mode
    return read(spec, namespace, name, place)


def _of_auto_mode(spec: Mapping[str, object], namespace: str, name: str, place: FieldPath) -> NamesPolicy:
    """Read an ApplicationNetworkPolicy: a NetworkPolicy whose egress peers may be names."""
    named: list[NamesEntry] = []
    others: list[tuple[int, Mapping[str, object]]] = []
    for index, (at, rule) in enumerate(field.mappings(spec.get("egress"), "spec.egress", place)):
        peers = [peer for _, peer in field.mappings(rule.get("to"), f"{at}.to", place)]
        by_name = [peer for peer in peers if "domainNames" in peer]
        if by_name:
            names = tuple(_domain(each, f"{at}.to", place) for peer in by_name for each in _only_names(peer, at, place))
            ports = _ports_as_in_network_policies(rule, namespace, name, place)
            named.append(NamesEntry(index, names, ports))
        if len(by_name) < len(peers) or not peers:
            others.append((index, {**rule, "to": [peer for peer in peers if peer not in by_name]}))
    # Without policyTypes, a policy with egress rules is for both directions; the rules of names count as such.
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    rest = {**spec, "policyTypes": types, "egress": [rule for _, rule in others]}
    policy = read_policy({"spec": rest}, namespace, name, place)
    if Direction.EGRESS not in policy.rules:
        return NamesPolicy(policy, ())
    numbers = [index for index, _ in others]
    entries = (
        replace(entry, index=number) for number, entry in zip(numbers, policy.rules[Direction.EGRESS], strict=True)
    )
    return NamesPolicy(replace(policy, rules={**policy.rules, Direction.EGRESS: tuple(entries)}), tuple(named))


def _only_names(peer: Mapping[str, object], at: str, place: FieldPath) -> list[object]:
    field.only(peer, ("domainNames",), f"{at}.to", place)
    return field.items(peer["domainNames"], f"{at}.to.domainNames", place)


def _ports_as_in_network_policies(rule: Mapping[str, object], namespace: str, name: str, place: FieldPath) -> RulePorts:
    field.only(rule, ("to", "ports"), "spec.egress", place)
    alone = {"policyTypes": ["Egress"], "egress": [{"ports": rule.get("ports")}]}
    return read_policy({"spec": alone}, namespace, name, place).rules[Direction.EGRESS][0].ports


def _domain(value: object, at: str, place: FieldPath) -> str:
    name = field.text(value, at, place).lower().removesuffix(".")
    if "*" in name.removeprefix(ANY_BELOW):
        place.fail(at, f"{field.shown(value)} is not a domain name", _REMEDY)
    return name


def _of_cilium(spec: Mapping[str, object], namespace: str, name: str, place: FieldPath) -> NamesPolicy:
    field.only(spec, ("endpointSelector", "egress"), "spec", place)
    named: list[NamesEntry] = []
    entries: list[PolicyEntry] = []
    is_proxied = False
    for index, (at, rule) in enumerate(field.mappings(spec.get("egress"), "spec.egress", place)):
        field.only(rule, ("toFQDNs", "toEndpoints", "toPorts"), at, place)
        if not rule.get("toFQDNs") and not rule.get("toEndpoints"):
            place.fail(at, "a rule without toFQDNs and toEndpoints cannot be judged", _REMEDY)
        if "toFQDNs" in rule and "toEndpoints" in rule:
            place.fail(at, "toFQDNs and toEndpoints are in one rule", "Write two rules: Cilium refuses this one")
        ports, sees_names = _ports_of_cilium(rule, at, place)
        if "toFQDNs" in rule:
            found = field.mappings(rule["toFQDNs"], f"{at}.toFQDNs", place)
            named.append(NamesEntry(index, tuple(_name_of_cilium(each, where, place) for where, each in found), ports))
        else:
            found = field.mappings(rule["toEndpoints"], f"{at}.toEndpoints", place)
            peers = tuple(_pods(each, where, place) for where, each in found)
            entries.append(PolicyEntry(index, peers, ports))
            is_proxied = is_proxied or (sees_names and any(map(_are_resolvers, peers)))
    labels = _labels(spec.get("endpointSelector"), "spec.endpointSelector", place)
    pods = read_selector({"matchLabels": labels}, "spec.endpointSelector", place)
    policy = Policy(namespace, name, place.source, pods, {Direction.EGRESS: tuple(entries)})
    return NamesPolicy(policy, tuple(named) if is_proxied else ())


def _labels(selector: object, at: str, place: FieldPath) -> dict[str, str]:
    found = field.mapping(selector, at, place)
    field.only(found, ("matchLabels",), at, place)
    labels = field.strings(found.get("matchLabels"), f"{at}.matchLabels", place)
    return {key.removeprefix(_OF_KUBERNETES): value for key, value in labels.items()}


def _pods(raw: Mapping[str, object], at: str, place: FieldPath) -> PodPeer:
    labels = _labels(raw, at, place)
    namespace = labels.pop(_POD_NAMESPACE, None)
    pods = read_selector({"matchLabels": labels}, at, place)
    if namespace is None:
        return PodPeer(None, pods)
    return PodPeer(read_selector({"matchLabels": {NAME_LABEL: namespace}}, at, place), pods)


def _are_resolvers(peer: PodPeer) -> bool:
    return peer.namespaces == _in("kube-system") and peer.pods.matches({"k8s-app": "kube-dns"})


def _in(namespace: str) -> Selector:
    return read_selector({"matchLabels": {NAME_LABEL: namespace}}, "", FieldPath("", ""))


def _name_of_cilium(raw: Mapping[str, object], at: str, place: FieldPath) -> str:
    """Return a name, or a pattern: only ``**.`` stands for all names below one (Cilium 1.19, matchPattern)."""
    field.only(raw, ("matchName", "matchPattern"), at, place)
    if set(raw) == {"matchName"}:
        return _domain(raw["matchName"], f"{at}.matchName", place)
    pattern = field.text(raw.get("matchPattern"), f"{at}.matchPattern", place)
    below = pattern.removeprefix(_ANY_DEPTH)
    if len(raw) > 1 or below == pattern:
        place.fail(at, f"{field.shown(pattern)} is not a pattern that can be judged", _REMEDY)
    return _domain(f"{ANY_BELOW}{below}", f"{at}.matchPattern", place)


def _ports_of_cilium(rule: Mapping[str, object], at: str, place: FieldPath) -> tuple[RulePorts, bool]:
    """Return the ports of a rule, and whether Cilium's DNS proxy sees the queries on them."""
    if "toPorts" not in rule:
        return RulePorts(ALL_PORTS), False
    found, proxied = list[PortRange](), list[PortRange]()
    for where, entry in field.mappings(rule["toPorts"], f"{at}.toPorts", place):
        field.only(entry, ("ports", "rules"), where, place)
        ports = list(_port_ranges(entry, where, place))
        found += ports
        if "rules" in entry:
            if entry["rules"] != {"dns": _EVERY_NAME} or "toFQDNs" in rule:
                place.fail(f"{where}.rules", "only a DNS rule for every name can be judged", _REMEDY)
            proxied += ports
    return RulePorts(PortSet.of(found)), PortSet.of(proxied).covers(PortSet.of(DNS_PORTS))


def _port_ranges(entry: Mapping[str, object], at: str, place: FieldPath) -> Iterator[PortRange]:
    for where, port in field.mappings(entry.get("ports"), f"{at}.ports", place):
        field.only(port, ("port", "endPort", "protocol"), where, place)
        protocol = read_protocol(port.get("protocol"), f"{where}.protocol", place)
        text = field.text(port.get("port"), f"{where}.port", place)
        first = int(text) if text.isascii() and text.isdecimal() else 0
        last = port.get("endPort", first)
        if not (isinstance(last, int) and 1 <= first <= last <= MAX_PORT):
            place.fail(f"{where}.port", f"{text!r} cannot be judged as a port", _REMEDY)
        yield PortRange(protocol, first, last)
