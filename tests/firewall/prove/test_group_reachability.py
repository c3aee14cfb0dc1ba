"""What security groups allow, compared with a second evaluator that looks at one packet at a time."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, ip_network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.analyse.workload import Workload
from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.compile.vpc_layer import GroupRule, Holder, OwnGroup, RulePeer
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.prove.endpoint import VPC_HOST, Endpoint, Role
from flash_ticket.firewall.prove.group_reachability import GroupReachability
from flash_ticket.firewall.prove.rules_of_others import RulesOfOthers
from flash_ticket.firewall.terms.addresses import AddressRange, Family
from flash_ticket.firewall.terms.ports import PortRange, PortSet, Protocol, tcp, udp
from flash_ticket.firewall.terms.verdict import OF_OTHERS, Answer, Direction, Outcome, Side
from tests.support.naive.naive_security_groups import Interface, Packet, enters, leaves

API, PAY, DATA, NODES = OwnGroup("api"), OwnGroup("pay"), Group("sg-1", "data"), Group("sg-2", "nodes")
BASTION = Group("sg-3", "bastion")
"""A group that no endpoint has: every host of the VPC without known groups may have it, also one of a place."""
VPC = (AddressRange.of("10.0.0.0/16"),)
OFFICE = PrefixList("pl-1", "office", 4, 5, (IPv4Network("203.0.113.0/25"), IPv4Network("198.51.100.0/24")))
NETWORKS: tuple[Network, ...] = tuple(
    map(ip_network, ("10.0.0.0/16", "10.0.20.0/24", "0.0.0.0/0", "203.0.113.0/24", "2001:db8::/48", "::/0"))
)
PORTS = (tcp(80), tcp(443), PortRange(Protocol.TCP, 79, 81), PortRange(Protocol.UDP, 1, 65535), udp(53))
ASKED = (tcp(78), tcp(79), tcp(80), tcp(443), udp(53), PortRange(Protocol.SCTP, 80, 80))


def endpoint(name: str, *networks: str, groups: Iterable[Holder] = (), pods: bool = False) -> Endpoint:
    workload = Workload("shop", name, "pods", {"app": name}) if pods else None
    return Endpoint(name, Role.SERVICE, workload, tuple(map(AddressRange.of, networks)), frozenset(groups))


ENDPOINTS = (
    endpoint("api", "10.0.0.0/16", groups=[API], pods=True),
    endpoint("pay", "10.0.0.0/16", groups=[PAY, API], pods=True),
    endpoint("other pods", "10.0.0.0/16", groups=[NODES], pods=True),
    endpoint("more pods", "10.0.0.0/16", groups=[NODES], pods=True),
    endpoint("database", "10.0.20.0/24", groups=[DATA, NODES]),
    endpoint("redis", "10.0.20.0/24", groups=[DATA]),
    endpoint("office", "203.0.113.0/25", "198.51.100.0/24"),
    endpoint("host", "10.0.20.0/25"),
    endpoint("world", "2001:db8::/64", "203.0.113.0/24"),
    endpoint("around", "10.0.0.0/15"),
    endpoint(VPC_HOST, "10.0.9.0/24"),
)

holders = st.sampled_from((API, PAY, DATA, NODES))
peers: st.SearchStrategy[RulePeer] = st.one_of(holders, st.just(OFFICE), st.sampled_from(NETWORKS))
rules = st.lists(
    st.builds(GroupRule, holders, st.sampled_from(Direction), peers, st.sampled_from(PORTS), st.just(())), max_size=6
)
others_rules = st.builds(
    GroupRule,
    st.sampled_from((DATA, NODES)),
    st.sampled_from(Direction),
    st.one_of(peers, st.just(BASTION)),
    st.sampled_from((*PORTS, PortRange(Protocol.TCP, 1, 65535))),
    st.just(()),
    st.just("sgr-1"),
)


@st.composite
def of_others(draw: st.DrawFn) -> RulesOfOthers:
    """Draw rules of others; without an account those of a group are not known."""
    found: dict[Group, list[GroupRule]] = {DATA: [], NODES: []}
    for rule in draw(st.lists(others_rules, max_size=3)):
        if isinstance(rule.holder, Group):
            found[rule.holder].append(rule)
    unknown = draw(st.sets(st.sampled_from((DATA, NODES))))
    return {group: None if group in unknown else tuple(read) for group, read in found.items()}


two = st.tuples(st.sampled_from(ENDPOINTS), st.sampled_from(ENDPOINTS)).filter(
    lambda pair: pair[0] is not pair[1] or pair[0].has_own_group
)


def interfaces(of: Endpoint) -> Iterator[Interface]:
    """Yield interfaces with every possible group, at the edges of every address range."""
    found: list[tuple[Holder, ...]] = [tuple(of.groups)] if of.workload else [(group,) for group in of.groups]
    for each in of.ranges:
        for number in {each.first, each.last} | {edge for edge in edges() if each.first <= edge <= each.last}:
            address = type(ip_network("0.0.0.0/0" if each.family is Family.V4 else "::/0")[0])(number)
            unknown = [(), (BASTION,)] if address in ip_network("10.0.0.0/16") else [()]
            for groups in found or unknown:
                yield Interface(groups, str(address))


def edges() -> Iterator[int]:
    for network in (*NETWORKS, *OFFICE.networks):
        yield from (int(network[0]), int(network[0]) - 1, int(network[-1]), int(network[-1]) + 1)


def packets(source: Endpoint, target: Endpoint, port: PortRange) -> list[Packet]:
    pairs = product(interfaces(source), interfaces(target))
    return [Packet(one, other, port.protocol, port.first) for one, other in pairs]


def answer_at(every: list[GroupRule], others: RulesOfOthers, side: Direction, packet: Packet) -> Answer:
    """Return whether one end lets a packet pass: rules of others add up with ours, as far as they are known."""
    own = packet.source if side is Direction.EGRESS else packet.target
    if set(own.groups) <= {BASTION} or (leaves if side is Direction.EGRESS else enters)(every, packet):
        return Answer.PASSES
    known = all(others[group] is not None for group in own.groups if isinstance(group, Group))
    return Answer.STOPPED if known else Answer.UNKNOWN


def together(ours: list[GroupRule], others: RulesOfOthers) -> list[GroupRule]:
    return [*ours, *(rule for found in others.values() for rule in found or ())]


@settings(max_examples=400)
@given(rules, of_others(), two, st.sampled_from(ASKED))
def test_an_end_allows_a_connection_if_it_does_for_every_interface_and_address(
    given_rules: list[GroupRule], others: RulesOfOthers, pair: tuple[Endpoint, Endpoint], port: PortRange
) -> None:
    verdict = GroupReachability(given_rules, ENDPOINTS, others, VPC).verdict(*pair, port)
    every, asked = together(given_rules, others), packets(*pair, port)
    asked = [each for each in asked if BASTION not in {*each.source.groups, *each.target.groups}]

    for side in verdict.sides:
        assert side.answer is Answer.of(answer_at(every, others, side.direction, each) for each in asked)


@settings(max_examples=400)
@given(rules, of_others(), two, st.sampled_from(ASKED))
def test_a_port_is_open_if_some_interface_and_address_may_use_it(
    given_rules: list[GroupRule], others: RulesOfOthers, pair: tuple[Endpoint, Endpoint], port: PortRange
) -> None:
    groups = GroupReachability(given_rules, ENDPOINTS, others, VPC)
    every = together(given_rules, others)
    found = {Answer.of(answer_at(every, others, side, packet) for side in Direction) for packet in packets(*pair, port)}
    governed = any(end.groups for end in pair)

    assert groups.opened(*pair).holds(port.protocol, port.first) == (governed and Answer.PASSES in found)
    is_unknown = Answer.UNKNOWN in found and Answer.PASSES not in found
    assert groups.unknown(*pair).holds(port.protocol, port.first) == is_unknown
    if governed:
        part = groups.open_part(*pair, port)
        best = next(each for each in (Answer.PASSES, Answer.UNKNOWN, Answer.STOPPED) if each in found)
        assert (part.answer if part else Answer.STOPPED) is best


@given(rules)
def test_blocks_contain_what_is_open_and_no_pair_twice(given_rules: list[GroupRule]) -> None:
    groups = GroupReachability(given_rules, ENDPOINTS)
    pairs = [
        ((source, target), ports)
        for sources, targets, ports in groups.blocks()
        for source, target in product(sources, targets)
    ]

    assert len({pair for pair, _ in pairs}) == len(pairs)
    assert dict(pairs) == {pair: ports for pair in product(ENDPOINTS, ENDPOINTS) if (ports := groups.opened(*pair))}


@given(rules)
def test_pods_with_the_same_groups_are_treated_the_same(given_rules: list[GroupRule]) -> None:
    groups = GroupReachability(given_rules, ENDPOINTS)
    _, _, one, other, *rest = ENDPOINTS

    assert all(groups.opened(one, each) == groups.opened(other, each) for each in rest)


def verdict_of(port: PortRange, *given_rules: GroupRule, source: int = 0, target: int = 1) -> tuple[Outcome, Outcome]:
    found = GroupReachability(given_rules, ENDPOINTS).verdict(ENDPOINTS[source], ENDPOINTS[target], port)
    return found.egress.outcome, found.ingress.outcome


def test_a_reply_needs_no_rule() -> None:
    """Groups are stateful: one rule at each end allows a connection, and its replies need no rule."""
    there = GroupRule(API, Direction.EGRESS, PAY, tcp(80), ())
    here = GroupRule(PAY, Direction.INGRESS, API, tcp(80), ())

    assert verdict_of(tcp(80), there, here) == (Outcome.ALLOWED, Outcome.ALLOWED)
    assert verdict_of(tcp(80), there, here, source=1, target=0)[1] is Outcome.NO_RULE_FOR_PEER


def test_both_ends_must_allow_a_connection_between_groups_of_ours() -> None:
    there = GroupRule(API, Direction.EGRESS, PAY, tcp(80), ())

    assert verdict_of(tcp(80), there) == (Outcome.ALLOWED, Outcome.NO_RULE_FOR_PEER)
    assert not GroupReachability([there], ENDPOINTS).opened(ENDPOINTS[0], ENDPOINTS[1])


def test_a_rule_with_its_own_group_allows_connections_within_the_group() -> None:
    among = [GroupRule(NODES, direction, NODES, tcp(80), ()) for direction in Direction]

    assert verdict_of(tcp(80), *among, source=2, target=3) == (Outcome.ALLOWED, Outcome.ALLOWED)


def test_a_range_of_ports_must_be_allowed_to_its_last_port() -> None:
    asked = PortRange(Protocol.TCP, 80, 90)
    some = GroupRule(API, Direction.EGRESS, PAY, PortRange(Protocol.TCP, 80, 89), ())
    rest = GroupRule(API, Direction.EGRESS, PAY, tcp(90), ())

    assert verdict_of(asked, some)[0] is Outcome.NO_RULE_FOR_PORT
    assert verdict_of(asked, some, rest)[0] is Outcome.ALLOWED


def test_a_prefix_list_matches_its_entries() -> None:
    listed = GroupRule(API, Direction.EGRESS, OFFICE, tcp(80), ())

    assert verdict_of(tcp(80), listed, target=6) == (Outcome.ALLOWED, Outcome.UNGOVERNED)
    assert verdict_of(tcp(80), listed, target=8)[0] is Outcome.NO_RULE_FOR_PEER


def test_a_verdict_names_the_deciding_rule() -> None:
    rule = GroupRule(API, Direction.EGRESS, PAY, tcp(80), ("api to pay",))
    side = GroupReachability([rule], ENDPOINTS).verdict(ENDPOINTS[0], ENDPOINTS[1], tcp(80)).egress

    assert (side.governors, [str(each) for each in side.rules]) == (("api",), ["api api-egress-tcp-80-to-pay"])


def test_a_place_with_several_groups_is_open_only_if_each_group_is() -> None:
    first, second = (GroupRule(group, Direction.INGRESS, API, tcp(80), ()) for group in (DATA, NODES))
    out = [GroupRule(API, Direction.EGRESS, group, tcp(80), ()) for group in (DATA, NODES)]

    assert verdict_of(tcp(80), first, *out, target=4) == (Outcome.ALLOWED, Outcome.NO_RULE_FOR_PORT)
    assert verdict_of(tcp(80), first, second, *out, target=4) == (Outcome.ALLOWED, Outcome.ALLOWED)


def side_of(rule: GroupRule, target: int) -> Side:
    others: RulesOfOthers = {NODES: (rule,), DATA: None}
    return GroupReachability([], ENDPOINTS, others).verdict(ENDPOINTS[2], ENDPOINTS[target], tcp(80)).egress


def test_a_rule_of_others_decides_like_ours_and_is_named_with_its_group_and_id() -> None:
    side = side_of(GroupRule(NODES, Direction.EGRESS, ip_network("0.0.0.0/0"), tcp(80), (), "sgr-1"), target=6)

    assert (side.outcome, side.rules[0].source) == (Outcome.ALLOWED, OF_OTHERS)
    assert str(side) == "Egress: allowed by nodes sgr-1 (a rule of others)"


def test_a_rule_of_others_within_a_group_opens_it_to_all_that_have_it() -> None:
    rule = GroupRule(NODES, Direction.EGRESS, NODES, tcp(80), (), "sgr-1")

    assert side_of(rule, target=3).outcome is Outcome.ALLOWED
    assert side_of(rule, target=6).outcome is Outcome.NO_RULE_FOR_PEER


LETS_IN_BASTION: RulesOfOthers = {NODES: (GroupRule(NODES, Direction.INGRESS, BASTION, tcp(22), (), "sgr-1"),)}


@pytest.mark.parametrize(
    ("host", "opened"),
    [
        pytest.param("host", [tcp(22)], id="a place in the VPC, whose interfaces nobody declares"),
        pytest.param("around", [tcp(22)], id="a place that is partly in the VPC"),
        pytest.param(VPC_HOST, [tcp(22)], id="a host of no place"),
        pytest.param("office", [], id="a place outside the VPC"),
        pytest.param("redis", [], id="a place with groups of its own"),
    ],
)
def test_a_rule_of_others_for_an_unknown_group_opens_hosts_of_the_vpc_whose_groups_nobody_declares(
    host: str, opened: list[PortRange]
) -> None:
    groups = GroupReachability([], ENDPOINTS, LETS_IN_BASTION, VPC)
    (source,) = (each for each in ENDPOINTS if each.name == host)
    found = groups.open_part(source, ENDPOINTS[2], tcp(22))

    assert groups.opened(source, ENDPOINTS[2]) == PortSet.of(opened)
    assert (found is not None and found.passes) == bool(opened)


def test_a_rule_of_others_for_an_unknown_group_opens_nothing_if_no_host_has_an_address() -> None:
    nobody = endpoint(VPC_HOST)
    groups = GroupReachability([], (*ENDPOINTS[:-1], nobody), LETS_IN_BASTION, VPC)

    assert not groups.opened(nobody, ENDPOINTS[2])
    assert not groups.unknown(nobody, ENDPOINTS[2])
    assert groups.open_part(nobody, ENDPOINTS[2], tcp(22)) is None


def test_without_the_account_a_group_of_others_is_neither_open_nor_closed() -> None:
    groups = GroupReachability([], ENDPOINTS, {NODES: None})
    found = groups.verdict(ENDPOINTS[2], ENDPOINTS[6], tcp(80))

    assert (found.answer, found.passes, found.stops) == (Answer.UNKNOWN, False, False)
    assert "only the account knows whether rules of others there allow office" in str(found.egress)
    assert not groups.opened(ENDPOINTS[2], ENDPOINTS[6])
    assert groups.unknown(ENDPOINTS[2], ENDPOINTS[6]).holds(Protocol.TCP, 80)


def test_a_group_of_ours_stops_a_connection_whatever_others_allow_at_its_other_end() -> None:
    groups = GroupReachability([], ENDPOINTS, {NODES: None})

    assert groups.verdict(ENDPOINTS[0], ENDPOINTS[2], tcp(80)).stops
    assert not groups.unknown(ENDPOINTS[0], ENDPOINTS[2])


def test_permissions_are_listed_by_the_endpoints_with_the_group() -> None:
    to_data = GroupRule(API, Direction.EGRESS, DATA, tcp(80), ())
    found = GroupReachability([to_data], ENDPOINTS).permissions()

    assert {end.name for end, _ in found if isinstance(end, Endpoint)} == {"api", "pay"}
    assert [PortSet.of(ports) for ports in found[ENDPOINTS[0], Direction.EGRESS].peers.values()] == [
        PortSet.of([tcp(80)])
    ]
