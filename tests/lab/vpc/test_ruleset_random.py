"""Random accounts, judged by packets and by a naive reading of their rules."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lab.node.network import entered
from lab.vpc.account import Account, Address, Interface, Members, Network, PrefixList, Rule
from lab.vpc.counted import Action, Direction
from lab.vpc.judge import Judge
from tests.support.vpc import packets
from tests.support.vpc.accounts import ANY, ANY_SIXTH, NO_PODS, Changing, account, allow, interface
from tests.support.vpc.judging import judging
from tests.support.vpc.network import Network as Hosts
from tests.support.vpc.network import lacking, network
from tests.support.vpc.packets import PATIENCE_SECONDS

ADDRESSES = {
    "a": ("10.0.1.21", "fd00::21"),
    "b": ("10.0.1.22", "fd00::22"),
    "c": ("10.0.2.23", "fd00::1:23"),
    "outside": ("198.51.100.7", "2001:db8::7"),
}
PORTS = (1000, 1001, 1010)
GROUPS = ("sg-1", "sg-2", "sg-3")
PEERS = (
    *GROUPS,
    *("pl-few", "pl-sixth", ANY, ANY_SIXTH, "10.0.1.0/24", "10.0.1.22/32", "198.51.100.0/24"),
    *("fd00::/112", "fd00::22/128", "2001:db8::/32", "0.0.0.0/1"),
)
RANGES = (None, (1000, 1000), (1001, 1010), (1000, 1009), (0, 65535), (1011, 2000))


@dataclass(frozen=True, slots=True)
class Sent:
    """A datagram or the first segment of a connection."""

    source: Address
    target: Address
    protocol: int
    port: int


def naive(account: Account, sent: Sent) -> dict[tuple[str, Direction], Action]:
    """Return what the interfaces on the way of a first packet say: a loop over everything that the account holds."""
    said: dict[tuple[str, Direction], Action] = {}
    for direction, own, other in (
        (Direction.EGRESS, sent.source, sent.target),
        (Direction.INGRESS, sent.target, sent.source),
    ):
        for each in account.interfaces:
            if own in addresses(each):
                allowed = [rule for rule in account.rules if rule.group in each.groups and rule.direction is direction]
                opens = any(is_of(account, rule.peer, other) and has(rule, sent) for rule in allowed)
                said[each.identifier, direction] = Action.ACCEPT if opens else Action.REJECT
                if not opens:
                    return said
    return said


def addresses(held: Interface) -> set[Address]:
    return {network.network_address for network in held.networks}


def is_of(account: Account, peer: Network | Members | PrefixList, address: Address) -> bool:
    if isinstance(peer, Members):
        return any(peer.group in each.groups and address in addresses(each) for each in account.interfaces)
    if isinstance(peer, PrefixList):
        return any(address in network for network in account.prefix_lists[peer.identifier])
    return address in peer


def has(rule: Rule, sent: Sent) -> bool:
    if rule.protocol is None:
        return True
    low, high = (0, 65535) if rule.first is None or rule.last is None else (rule.first, rule.last)
    return rule.protocol == sent.protocol and low <= sent.port <= high


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    """Return an account whose interfaces have one to three groups, with up to twelve rules."""
    some_groups = st.lists(st.sampled_from(GROUPS), min_size=1, max_size=3, unique=True).map(sorted)
    held = tuple(interface(name, " ".join(ADDRESSES[name]), *draw(some_groups)) for name in ("a", "b", "c"))
    one = st.builds(
        allow,
        st.sampled_from(GROUPS),
        st.sampled_from(Direction),
        st.sampled_from((None, 6, 17)),
        st.sampled_from(RANGES),
        st.sampled_from(PEERS),
    )
    rules = draw(st.lists(one, max_size=12, unique=True))
    kept = draw(st.sets(st.sampled_from(held), min_size=1))
    return account(
        tuple(each for each in held if each in kept), tuple(rules), few="10.0.1.22/32 10.0.2.0/24", sixth="fd00::/112"
    )


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    if reason := lacking():
        pytest.skip(reason)
    with network() as made:
        for name, each in ADDRESSES.items():
            made.add(name, *each)
        yield made


def test_packets_pass_as_a_naive_reading_of_the_rules_says(hosts: Hosts) -> None:
    """The judge follows from account to account; each is tried by one packet of each kind between all hosts."""
    held = Changing(account((), ()))
    with entered(hosts.router), judging(held, NO_PODS, poll=1000) as judge:

        @settings(
            max_examples=24,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow],
        )
        @given(accounts())
        def agree(drawn: Account) -> None:
            held.now = drawn
            judge.settle()
            judge.window()
            # What is tracked outlives its account, and a source port comes back sooner or later.
            subprocess.run(["conntrack", "--flush"], check=True, capture_output=True)  # noqa: S607 - the system's
            sent = tried(hosts)
            expected = {(port, each): naive(drawn, each) for port, each in sent}
            assert seen(judge, expected) == expected

        agree()


def tried(hosts: Hosts) -> list[tuple[int, Sent]]:
    """Send one packet of each kind, and return each with its own port."""
    sent = []
    pairs = [(source, target) for source in ADDRESSES for target in ADDRESSES if source != target]
    for source, target in pairs:
        for family in (4, 6):
            to = hosts.address(target, family)
            for port in PORTS:
                for kind, protocol in ((packets.UDP, 17), (packets.TCP, 6)):
                    with hosts.socket(source, kind, family) as caller:
                        caller.settimeout(0)
                        with contextlib.suppress(BlockingIOError):
                            caller.connect((to, port))
                        if kind is packets.UDP:
                            caller.send(b"x")
                        own = caller.getsockname()[1]
                    ends = ip_address(hosts.address(source, family)), ip_address(to)
                    sent.append((own, Sent(*ends, protocol, port)))
    return sent


Verdicts = dict[tuple[int, Sent], dict[tuple[str, Direction], Action]]


def seen(judge: Judge, expected: Verdicts) -> Verdicts:
    """Return what the judge says of these packets, as soon as it is what is expected, or after some time."""
    found: Verdicts = {each: {} for each in expected}
    end = time.monotonic() + PATIENCE_SECONDS
    while found != expected and time.monotonic() < end:
        for each in judge.window().counted:
            key = each.source_port, Sent(each.source, each.target, each.protocol, each.target_port)
            if key in found:
                found[key][each.interface, each.direction] = each.action
    return found
