"""Random pairs of declarations, before and after a change."""

from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment, Place
from flash_ticket.firewall.declare.choices import Attachment, CniName, DnsMode, Network
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from tests.support.declared.at_random.matrices import FRONT, PLACES, Content, environments, traffic_files

_TELLING = ("app", "app.kubernetes.io/name")
"""The labels that distinguish random services."""


@dataclass(frozen=True, slots=True, repr=False)
class FirewallPair:
    """The deployed firewall, and the one that replaces it."""

    before: CompiledFirewall
    after: CompiledFirewall

    def __repr__(self) -> str:
        """Return the matrices and clusters of both, which are short enough to read."""
        return " to ".join(f"{each.matrix!r} on {each.environment.cluster!r}" for each in (self.before, self.after))


@st.composite
def firewalls(draw: st.DrawFn) -> CompiledFirewall:
    """Draw a firewall where no two places share an address."""
    matrix = parse_matrix(draw(traffic_files(2)), "traffic.yaml")
    return compile_firewall(matrix, _apart(draw(environments(matrix)), 1))


@st.composite
def firewall_pairs(draw: st.DrawFn) -> FirewallPair:
    """Draw two firewalls of one stack, which mostly share services, places and the attachment."""
    former = draw(traffic_files(2))
    latter = draw(_changed(former))
    matrices = parse_matrix(former, "traffic.yaml"), parse_matrix(latter, "traffic.yaml")
    after = _apart(draw(environments(matrices[1])), 1)
    before = draw(_environment_before(matrices[0], after))
    return FirewallPair(compile_firewall(matrices[0], before), compile_firewall(matrices[1], after))


@st.composite
def _changed(draw: st.DrawFn, former: Content) -> Content:
    """Draw another declaration, where services with the same name mostly have the same pods."""
    latter: Content = draw(traffic_files(2))
    example = next(iter(former["services"].values()))["pods"]
    for number, (name, entry) in enumerate(sorted(latter["services"].items())):
        known = former["services"].get(name)
        if known and draw(st.integers(0, 4)):
            entry["pods"] = known["pods"]
            entry.pop("namespace", None)
            entry.update({"namespace": known["namespace"]} if "namespace" in known else {})
        else:
            entry["pods"] = {key: f"app-2{number}" if key in _TELLING else value for key, value in example.items()}
        if known and draw(st.integers(0, 4)):
            entry.pop("policies", None)
            if "policies" in known and "ports" in entry:
                entry["policies"] = known["policies"]
    taken = [entry["policies"]["ingress"] for entry in latter["services"].values() if "policies" in entry]
    for entry in latter["services"].values():
        if "policies" in entry and taken.count(entry["policies"]["ingress"]) > 1:
            del entry["policies"]
    return latter


@st.composite
def _environment_before(draw: st.DrawFn, matrix: Matrix, after: Environment) -> Environment:
    drawn = _apart(draw(environments(matrix)), 2)
    places = dict(drawn.places)
    for name, place in after.places:
        if name in places and draw(st.integers(0, 3)):
            places[name] = place
    cluster = after.cluster
    changes: dict[str, Any] = {"cni": draw(st.sampled_from(CniName))}
    if not draw(st.integers(0, 2)):
        attachment, *others = draw(st.permutations(tuple(Attachment)))
        changes |= {"attachment": attachment, "leaving": draw(st.sampled_from((None, *others)))}
    if cluster.dns is DnsMode.NODE_LOCAL and draw(st.booleans()):
        changes |= {"dns": DnsMode.CLUSTER, "resolvers": ()}
    return replace(after, places=tuple(sorted(places.items())), cluster=replace(cluster, **changes))


def _apart(environment: Environment, site: int) -> Environment:
    """Give each place its own addresses: a layer cannot distinguish endpoints that share addresses."""

    def networks(number: int) -> tuple[Network, ...]:
        return (ip_network(f"172.31.{100 * site + number}.0/24"), ip_network(f"2001:db8:{site}:{number}::/64"))

    def place(number: int, drawn: Place) -> Place:
        if drawn.prefix_list:
            own = f"pl-{site}{number}"
            listed = replace(drawn.prefix_list, id=own, label=own, networks=networks(number)[:1])
            return Place(listed.networks, listed, ())
        return replace(drawn, networks=networks(number))

    numbers = {name: number for number, name in enumerate((FRONT, *PLACES))}
    places = tuple((name, place(numbers[name], drawn)) for name, drawn in environment.places)
    fronts = tuple(
        replace(each, clients=(ip_network(f"203.0.113.{64 * number}/26"),))
        for number, each in enumerate(environment.load_balancers)
    )
    return replace(environment, places=places, load_balancers=fronts)
