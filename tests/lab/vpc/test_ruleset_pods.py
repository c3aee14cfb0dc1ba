"""Which interfaces judge the packets of pods, in each mode and each placement.

The sources are "Assign security groups to individual Pods" in the EKS user guide, "Security Groups Per Pod" in the EKS
best practices, and for addresses that no group judges "Security groups" in the VPC user guide.
"""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from lab.node.network import entered
from lab.vpc.counted import Action, Counted, Direction
from lab.vpc.judge import Judge
from lab.vpc.pods import Placement, PodMode, Pods, SourceTranslation
from tests.support.vpc.accounts import ANY, NODE, account, allow, interface
from tests.support.vpc.judging import judging
from tests.support.vpc.network import Network, lacking, network
from tests.support.vpc.packets import Call, carries, connection, first_packet

IN, OUT = Direction.INGRESS, Direction.EGRESS
PODS = Pods(ip_address(NODE), (ip_network("10.0.1.16/28"),))
ADDRESSES = {
    "own": "10.0.1.21",
    "owner": "10.0.1.22",
    "shared": "10.0.1.17",
    "sharer": "10.0.1.18",
    "db": "10.0.1.40",
    "outside": "198.51.100.7",
    "metadata": "169.254.169.254",
    "router": "10.0.1.1",
}
NAMES = ("own", "owner", "node", "db")
HELD = account(
    tuple(interface(name, ADDRESSES.get(name, NODE), f"sg-{name}") for name in NAMES),
    tuple(allow(f"sg-{name}", direction, None, None, ANY) for name in NAMES for direction in Direction),
)
ALWAYS = {
    "own db": "own db",
    "db own": "db own",
    "shared db": "node db",
    "db shared": "db node",
    "shared outside": "node",
    "outside own": "-own",
    "node db": "node db",
    "node shared": "",
    "shared node": "",
    "own metadata": "",
    "own router": "",
}
"""By source and target: the interface that judges egress and the one that judges ingress."""

ON_THEIR_OWN = {"own owner": "own owner", "own shared": "own node", "shared own": "node own"}
STRICT = {"own outside": "own", "node own": "node own", "own node": "own node"}
STANDARD = {"own outside": "node", "node own": "", "own node": ""}
CASES = [
    (PODS, {**ON_THEIR_OWN, **STRICT, "shared sharer": "node node"}),
    (replace(PODS, placement=Placement.TOGETHER), {**ON_THEIR_OWN, **STRICT, "shared sharer": ""}),
    (
        replace(PODS, mode=PodMode.STANDARD),
        {**ON_THEIR_OWN, **STANDARD, "shared sharer": "node node"},
    ),
    (
        replace(PODS, mode=PodMode.STANDARD, placement=Placement.TOGETHER),
        {**dict.fromkeys(ON_THEIR_OWN, ""), **STANDARD, "shared sharer": ""},
    ),
    (
        replace(PODS, mode=PodMode.STANDARD, translation=SourceTranslation.EXTERNAL),
        {**ON_THEIR_OWN, **STANDARD, "own outside": "own", "shared sharer": "node node"},
    ),
]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Network]:
    if reason := lacking():
        pytest.skip(reason)
    with network() as made:
        for name, address in ADDRESSES.items():
            made.add(name, address)
        made.own("node", NODE)
        yield made


@pytest.fixture(autouse=True)
def _router(hosts: Network) -> Iterator[None]:
    with entered(hosts.router):
        yield


@pytest.mark.parametrize(
    ("pods", "cases"),
    CASES,
    ids=[f"{each.placement.value}-{each.mode.value}-{each.translation.value}" for each, _ in CASES],
)
def test_a_packet_meets_the_interfaces_that_the_documentation_says(
    hosts: Network, pods: Pods, cases: dict[str, str]
) -> None:
    with judging(lambda: HELD, pods) as judge:
        met = {way: judges(judge, hosts, way) for way in {**ALWAYS, **cases}}
    assert met == {**ALWAYS, **cases}


def judges(judge: Judge, hosts: Network, way: str) -> str:
    source, target = way.split()
    said = first_packet(judge, hosts, Call(source, target, 80))
    assert set(said.values()) <= {Action.ACCEPT}
    names = {direction: interface.removeprefix("eni-") for interface, direction in said}
    return " ".join(filter(None, (names.get(OUT), names.get(IN)))) if OUT in names or not names else f"-{names[IN]}"


@pytest.mark.parametrize("mode", PodMode)
def test_what_leaves_through_the_node_has_its_address_and_its_answers_come_back(hosts: Network, mode: PodMode) -> None:
    """The node's interface never sees the address of a pod whose source the node translates."""
    held = replace(HELD, rules=(allow("sg-node", OUT, 6, (443, 443), ANY),))
    caller = "own" if mode is PodMode.STANDARD else "shared"
    with judging(lambda: held, replace(PODS, mode=mode)) as judge:
        ends = connection(hosts, caller, "outside", 443)
        with ends[0], ends[1]:
            assert carries(ends)
        counted = judge.window().counted
    assert {(each.interface, each.direction, *addresses(each)) for each in counted} == {
        ("eni-node", OUT, NODE, ADDRESSES["outside"]),
        ("eni-node", IN, ADDRESSES["outside"], NODE),
    }
    assert {each.action for each in counted} == {Action.ACCEPT}


def addresses(counted: Counted) -> tuple[str, str]:
    return str(counted.source), str(counted.target)


def test_the_groups_of_the_node_say_no_to_what_leaves_through_it(hosts: Network) -> None:
    held = replace(HELD, rules=(allow("sg-own", OUT, None, None, ANY),))
    with judging(lambda: held, replace(PODS, mode=PodMode.STANDARD)) as judge:
        assert first_packet(judge, hosts, Call("own", "outside", 80)) == {("eni-node", OUT): Action.REJECT}


def test_pods_without_an_interface_have_no_judge_if_the_account_knows_none_of_the_node(hosts: Network) -> None:
    held = replace(HELD, interfaces=tuple(each for each in HELD.interfaces if each.identifier != "eni-node"), rules=())
    with judging(lambda: held, PODS) as judge:
        assert first_packet(judge, hosts, Call("shared", "outside", 80)) == {}
        assert first_packet(judge, hosts, Call("shared", "own", 80)) == {("eni-own", IN): Action.REJECT}


def test_the_group_of_the_nodes_as_a_source_means_the_pods_without_an_interface(hosts: Network) -> None:
    to_db = allow("sg-db", IN, 6, (80, 80), "sg-node")
    out = tuple(each for each in HELD.rules if each.direction is OUT)
    with judging(lambda: replace(HELD, rules=(*out, to_db)), PODS) as judge:
        said = {name: first_packet(judge, hosts, Call(name, "db", 80)) for name in ("shared", "node", "own")}
    assert {name: each["eni-db", IN] for name, each in said.items()} == {
        "shared": Action.ACCEPT,
        "node": Action.ACCEPT,
        "own": Action.REJECT,
    }
