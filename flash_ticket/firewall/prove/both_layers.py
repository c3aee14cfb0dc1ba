"""Both layers of one environment with the same questions: which connections pass, and what decides.

The layers come from the compiled policies and rules, or from any others, such as those deployed before.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flash_ticket.firewall.analyse.cluster import AnalysedCluster
from flash_ticket.firewall.analyse.endpoint_name import find_port
from flash_ticket.firewall.analyse.names.name_space import NameSpace
from flash_ticket.firewall.analyse.names.reading import PolicySet, policy_set
from flash_ticket.firewall.analyse.reachability import Party, Reachability
from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup, RulePeer, VpcFirewall
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.endpoint import KUBELET, NODE_DNS, THROUGH_NODE, Endpoint, Role, any_overlap, endpoints
from flash_ticket.firewall.prove.group_reachability import GroupPermissions, GroupReachability
from flash_ticket.firewall.prove.policy_permissions import PodPermissions, policy_permissions
from flash_ticket.firewall.prove.rules_of_others import RulesOfOthers, rules_of_others
from flash_ticket.firewall.terms.addresses import AddressRange, Family, whole
from flash_ticket.firewall.terms.connections import Block, Connections, PartyName
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import ALL_PORTS, NO_PORTS, PortRange, PortSet
from flash_ticket.firewall.terms.verdict import Extent, Layer, Verdict

if TYPE_CHECKING:
    from flash_ticket.firewall.analyse.admin.admin_policy import AdminPolicy
    from flash_ticket.firewall.analyse.policy import Policy

ANYWHERE = whole(Family.V4)

_NAMES_SHOWN = 12

Pair = tuple[Endpoint, Endpoint]
Openings = Mapping[Pair, PortSet]


@dataclass(frozen=True)
class BothLayers:
    """The pod layer and the VPC layer of one environment.

    Attributes:
        manifests: NetworkPolicies and policies of administrators, as for the API server.
        firewall: Groups, rules and attachments.
        beside: Policies that are not part of the layers; the pods that they select are endpoints, too.
        namespace_labels: The labels of namespaces, where they are known. Each namespace has its name as a label.
    """

    matrix: Matrix
    environment: Environment
    manifests: tuple[Mapping[str, Any], ...]
    firewall: VpcFirewall
    beside: tuple[Mapping[str, Any], ...] = ()
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Every possible source and destination of connections."""
        compiled, beside = self._policies, self._beside.within(self.names)
        policies: tuple[Policy | AdminPolicy, ...] = (
            *compiled.policies,
            *beside.policies,
            *compiled.admin_policies,
            *beside.admin_policies,
        )
        return endpoints(self.matrix, self.environment, self.firewall, policies, self.names)

    @cached_property
    def names(self) -> NameSpace:
        """The domain names and patterns that the declaration or a policy tells apart."""
        declared = (name for external in self.matrix.externals for name in external.domains)
        return NameSpace.of((*declared, *self._compiled.names, *self._beside.names))

    @cached_property
    def named(self) -> Mapping[str, Endpoint]:
        """The endpoints by name."""
        return {endpoint.name: endpoint for endpoint in self.endpoints}

    @cached_property
    def _listed(self) -> frozenset[Endpoint]:
        return frozenset(self.endpoints)

    def endpoint(self, name: str) -> Endpoint:
        """Return an endpoint by its name.

        Raises:
            InputError: No endpoint has this name.
        """
        try:
            return self.named[name]
        except KeyError:
            near = get_close_matches(name, self.named, n=3, cutoff=0.5) or sorted(self.named)
            known = ", ".join(repr(each) if " " in each else each for each in near[:_NAMES_SHOWN])
            raise InputError(
                self.environment.name, name, "it is not an endpoint", f"Name one such as {known}"
            ) from None

    def openings(self, layer: Layer) -> Openings:
        """Return, for each pair, the ports that a layer allows from some part of one endpoint to some of the other.

        The pods of a service are a pair of their own. Pairs that the layer does not control are left out: see
        ``has_say``. What only the account knows is left out,
        too: see ``unknown``.
        """
        return self._pod_openings if layer is Layer.POD else self._vpc_openings

    @cached_property
    def pod_permissions(self) -> PodPermissions:
        """What policies allow at each end that they govern; a missing end is open."""
        return policy_permissions(self._cluster, self._in_pods)

    @cached_property
    def group_permissions(self) -> GroupPermissions:
        """What the rules of this program in each group allow."""
        return self.groups_of_ours.permissions()

    def blocks(self, layer: Layer) -> Iterator[tuple[Sequence[Endpoint], Sequence[Endpoint], PortSet]]:
        """Yield the content of ``openings``, with the endpoints that the layer cannot distinguish in one block.

        An endpoint on both sides of a block is connected to itself only if it is a service.
        """
        if layer is Layer.VPC:
            yield from self.groups.blocks()
        else:
            for (source, destination), ports in self._pod_openings.items():
                yield (source,), (destination,), ports

    def opened(self, layer: Layer, source: Endpoint, destination: Endpoint) -> PortSet:
        """Return the ports that a layer allows from some part of one endpoint to some of another; all without a say."""
        if not has_say(layer, source, destination):
            return ALL_PORTS
        if layer is Layer.VPC:
            return self.groups.opened(source, destination)
        return self._pod_openings.get((source, destination), NO_PORTS)

    def unknown(self, source: Endpoint, destination: Endpoint) -> PortSet:
        """Return the ports that the VPC layer may allow: only the account knows."""
        return self.groups.unknown(source, destination) if has_say(Layer.VPC, source, destination) else NO_PORTS

    @cached_property
    def passing(self) -> Openings:
        """The pairs with a service, and the ports that both layers allow for some part of each endpoint."""
        found = {pair: in_pods & self.opened(Layer.VPC, *pair) for pair, in_pods in self._considered}
        return {pair: ports for pair, ports in found.items() if ports}

    @cached_property
    def perhaps_passing(self) -> Openings:
        """The pairs with a service, and the ports that the pod layer allows and only the account knows about."""
        if None not in self.rules_of_others.values():
            return {}
        found = {pair: in_pods & self.unknown(*pair) for pair, in_pods in self._considered}
        return {pair: ports for pair, ports in found.items() if ports}

    @property
    def _considered(self) -> Iterator[tuple[Pair, PortSet]]:
        """The pairs with a service that the pod layer does not deny, and the ports that it allows."""
        for pair, ports in self._pod_openings.items():
            if pair[0].role is Role.SERVICE or pair[1].role is Role.SERVICE:
                yield pair, ports
        kubelet, outside = self.named.get(KUBELET), self.named.get(THROUGH_NODE)
        for endpoint in self.endpoints:
            if endpoint.role is Role.SERVICE:
                yield from (((kubelet, endpoint), ALL_PORTS), ((endpoint, kubelet), ALL_PORTS)) if kubelet else ()
                yield from (((endpoint, outside), ALL_PORTS),) if outside else ()

    def connections(self) -> Connections:
        """Return the connections from or to a service that pass both layers, as far as known."""
        found = dict(self.passing)
        for pair, ports in self.perhaps_passing.items():
            found[pair] = found.get(pair, NO_PORTS) | ports
        blocks = [
            Block((source.name,), (destination.name,), ports)
            for (source, destination), ports in found.items()
            if source is not destination
        ]
        within: dict[PartyName, PortSet] = {
            source.name: ports for (source, destination), ports in found.items() if source is destination
        }
        return Connections((endpoint.name for endpoint in self.endpoints), blocks, within)

    def verdict(self, layer: Layer, source: Endpoint, destination: Endpoint, port: PortRange) -> Verdict | None:
        """Return a layer's verdict on one connection; None if it has no say, or an end has no address.

        If policies treat addresses of an end differently, the verdict is that of denied addresses, if there are any.
        """
        if not has_say(layer, source, destination):
            return None
        if layer is Layer.VPC:
            return self.groups.verdict(source, destination, port)
        verdicts = [
            self._pods.verdict(one, other, port) for one in _endpoints(source) for other in _endpoints(destination)
        ]
        if not verdicts:
            return None
        found = next((verdict for verdict in verdicts if not verdict.passes), verdicts[0])
        return _in_our_words(found, source.name, destination.name)

    def answer(self, layer: Layer, source: Endpoint, destination: Endpoint, port: PortRange) -> Verdict | None:
        """Return a layer's verdict, as the proof and the listing count it; None as for ``verdict``.

        It passes if some part of one endpoint may reach some part of the other. Then it is the verdict on these parts.
        """
        found = self.verdict(layer, source, destination, port)
        if found is None or found.passes:
            return found
        is_listed, wanted = source in self._listed and destination in self._listed, PortSet((port,))
        known = self.opened(layer, source, destination)
        if layer is Layer.VPC and (not is_listed or (known | self.unknown(source, destination)).covers(wanted)):
            return self.groups.open_part(source, destination, port) or found
        if layer is Layer.VPC or (is_listed and not known.covers(wanted)):
            return found
        parts = (
            part
            for one in _endpoints(source)
            for other in _endpoints(destination)
            for part in self._pods.verdicts(one, other, port)
            if part.passes
        )
        part = next(parts, None)
        return replace(_in_our_words(part, source.name, destination.name), extent=Extent.PART) if part else found

    def verdicts(self, source: str, destination: str, port: str) -> list[Verdict]:
        """Return the verdict of each layer that has a say on one connection, with ends and port as people write them.

        Raises:
            InputError: An endpoint does not exist, both are the same one and no service, the port is invalid, or no
                layer has a say.
        """
        one, other = self.endpoint(source), self.endpoint(destination)
        if one is other and one.role is not Role.SERVICE:
            raise InputError(
                self.environment.name,
                source,
                "both ends are the same endpoint",
                "Name two different ones, or a service",
            )
        asked = find_port(port, _endpoints(other)[0] if _endpoints(other) else ANYWHERE)
        found = [self.answer(layer, one, other, asked) for layer in Layer]
        said = [verdict for verdict in found if verdict]
        if not said:
            problem = f"no layer controls connections between it and {destination}"
            raise InputError(self.environment.name, source, problem, "Name a service at one end")
        return said

    @cached_property
    def rules_of_others(self) -> RulesOfOthers:
        """The rules of others in the groups of endpoints, as far as known."""
        holders = (group for endpoint in self.endpoints for group in endpoint.groups)
        return rules_of_others(holders, self.environment.fronts.values())

    @cached_property
    def groups(self) -> GroupReachability:
        """The VPC layer with the rules of others."""
        networks = [AddressRange.of_network(each) for each in self.environment.vpc_networks]
        return GroupReachability(self._rules, self._on_interfaces, self.rules_of_others, networks)

    @cached_property
    def groups_of_ours(self) -> GroupReachability:
        """The VPC layer as if others had no rules."""
        if any(self.rules_of_others.values()):
            return GroupReachability(self._rules, self._on_interfaces)
        return self.groups.with_nothing_unknown()

    @property
    def _rules(self) -> list[GroupRule]:
        made = frozenset(self.firewall.groups)
        return [rule for rule in self.firewall.rules if all(end in made for end in _own((rule.holder, rule.peer)))]

    @property
    def _on_interfaces(self) -> list[Endpoint]:
        return [each for each in self.endpoints if each.name not in {NODE_DNS, THROUGH_NODE} and not each.stays_on_node]

    @cached_property
    def _compiled(self) -> PolicySet:
        return policy_set(self.manifests, "compiled policies")

    @cached_property
    def _beside(self) -> PolicySet:
        return policy_set(self.beside, "policies beside")

    @cached_property
    def _policies(self) -> AnalysedCluster:
        return self._compiled.within(self.names)

    @cached_property
    def _in_pods(self) -> tuple[Endpoint, ...]:
        return tuple(endpoint for endpoint in self.endpoints if endpoint.workload)

    @cached_property
    def _cluster(self) -> AnalysedCluster:
        """The policies, with the pods and namespaces of the endpoints."""
        workloads = tuple(endpoint.workload for endpoint in self._in_pods if endpoint.workload)
        namespaces = {
            pod.workload.namespace: {**self.namespace_labels.get(pod.workload.namespace, {}), **pod.namespace_labels}
            for pod in self._in_pods
            if pod.workload
        }
        return replace(self._policies, workloads=workloads, namespaces=namespaces)

    @cached_property
    def _pods(self) -> Reachability:
        return Reachability(self._cluster, enforcement=self.environment.cluster.enforcement)

    @cached_property
    def _vpc_openings(self) -> Openings:
        return {
            (source, destination): ports
            for sources, destinations, ports in self.groups.blocks()
            for source in sources
            for destination in destinations
            if source is not destination or source.role is Role.SERVICE
        }

    @property
    def _families(self) -> tuple[Family, ...]:
        """The families without which the listing lacks an endpoint: rules for all peers open both, a block its own."""
        alone = any({each.family for each in endpoint.ranges} == {Family.V6} for endpoint in self.endpoints)
        return (Family.V4, Family.V6) if alone else (Family.V4,)

    @cached_property
    def _pod_openings(self) -> Openings:
        """What the pod layer allows between two endpoints, if it governs at least one of them."""
        found: dict[Pair, PortSet] = defaultdict(lambda: NO_PORTS)
        by_party: dict[object, list[Endpoint]] = {str(each.workload): [each] for each in self._in_pods}
        for source, row in self._pods.connections(self._families).rows():
            for destination, ports in row:
                for one in self._at(source, by_party):
                    for other in self._at(destination, by_party):
                        if one is not other and (self._is_governed(one) or self._is_governed(other)):
                            found[one, other] |= ports
        for workload, ports in self._pods.within_workloads():
            for each in by_party[str(workload)]:
                if each.role is Role.SERVICE:
                    found[each, each] |= ports
        return found

    @cached_property
    def openings_of_names(self) -> Mapping[tuple[str, str], PortSet]:
        """The ports that the pod layer allows to each domain name or pattern, by the name of the caller."""
        found: dict[tuple[str, str], PortSet] = defaultdict(lambda: NO_PORTS)
        callers = {str(each.workload): each.name for each in self._in_pods if self._is_governed(each)}
        for source, row in self._pods.connections((Family.V4,)).rows() if self.names.patterns else ():
            for destination, ports in row if source in callers else ():
                for name in self.names.names_at(destination) if isinstance(destination, AddressRange) else ():
                    found[callers[str(source)], name] |= ports
        return found

    def _at(self, party: object, known: dict[object, list[Endpoint]]) -> list[Endpoint]:
        if isinstance(party, AddressRange) and party not in known:
            known[party] = [
                endpoint
                for endpoint in self.endpoints
                if not endpoint.workload and endpoint.name != KUBELET and any_overlap(endpoint.ranges, (party,))
            ]
        return known[party]

    def _is_governed(self, endpoint: Endpoint) -> bool:
        return endpoint.workload is not None and endpoint.workload.namespace in self.matrix.namespaces


def has_say(layer: Layer, source: Endpoint, destination: Endpoint) -> bool:
    """Return whether a layer controls connections between two endpoints.

    The pod layer does not control connections between hosts, or from a kubelet to its own pods. The VPC layer does not
    control connections between a pod and its own node, or a link-local address: groups do not judge them. What pods of
    IPv6 send to IPv4 addresses leaves through another interface of theirs, with the address and the groups of the node.
    """
    if destination.name == THROUGH_NODE:
        return False
    if layer is Layer.VPC:
        return not any(each.name == NODE_DNS or each.stays_on_node for each in (source, destination))
    return KUBELET not in {source.name, destination.name} and bool(source.workload or destination.workload)


def _own(ends: Iterable[RulePeer]) -> Iterator[OwnGroup]:
    return (end for end in ends if isinstance(end, OwnGroup))


def _endpoints(endpoint: Endpoint) -> tuple[Party, ...]:
    return (endpoint.workload,) if endpoint.workload else endpoint.ranges


def _in_our_words(verdict: Verdict, source: str, destination: str) -> Verdict:
    """Return the verdict with the names of the matrix instead of the pod layer's names for pods and addresses."""
    egress, ingress = (
        replace(
            side,
            endpoint=source if side is verdict.egress else destination,
            peer=destination if side is verdict.egress else source,
            rules=tuple(replace(rule, source="") for rule in side.rules),
        )
        for side in (verdict.egress, verdict.ingress)
    )
    return replace(verdict, source=source, destination=destination, egress=egress, ingress=ingress)
