"""What the imitation says of packets between plain hosts."""

import errno
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from lab.node.network import entered
from lab.vpc.account import Account
from lab.vpc.counted import Action, Counted, Direction
from lab.vpc.judge import NO_ROOM, Judge, JudgeError
from tests.support.vpc import packets
from tests.support.vpc.accounts import (
    ANY,
    ANY_SIXTH,
    NO_PODS,
    TCP,
    UDP,
    Changing,
    account,
    allow,
    interface,
)
from tests.support.vpc.judging import judging
from tests.support.vpc.network import Network, lacking, network
from tests.support.vpc.packets import PATIENCE_SECONDS, Call, Said, carries, connection, first_packet

IN, OUT = Direction.INGRESS, Direction.EGRESS
ACCEPT, REJECT = Action.ACCEPT, Action.REJECT
A, B = "10.0.1.21", "10.0.1.22"
A_SIXTH, B_SIXTH = "fd00::21", "fd00::22"
OUTSIDE = "198.51.100.7"
HOSTS = (interface("a", f"{A} {A_SIXTH}", "sg-a"), interface("b", f"{B} {B_SIXTH}", "sg-b"))
ALL_OUT = allow("sg-a", OUT, None, None, ANY)
ACCEPTED: Said = {("eni-a", OUT): ACCEPT, ("eni-b", IN): ACCEPT}
REJECTED_AT_B: Said = {("eni-a", OUT): ACCEPT, ("eni-b", IN): REJECT}


@pytest.fixture(scope="module")
def hosts() -> Iterator[Network]:
    if reason := lacking():
        pytest.skip(reason)
    with network() as made:
        made.add("a", A, A_SIXTH)
        made.add("b", B, B_SIXTH)
        made.add("outside", OUTSIDE)
        yield made


@pytest.fixture(autouse=True)
def _router(hosts: Network) -> Iterator[None]:
    with entered(hosts.router):
        yield


def said(hosts: Network, held: Account, port: int = 80, family: int = 4) -> Said:
    """Return what the interfaces say of a connection from a to b."""
    with judging(lambda: held, NO_PODS) as judge:
        return first_packet(judge, hosts, Call("a", "b", port, family))


def test_every_packet_of_a_connection_is_counted_at_both_interfaces(hosts: Network) -> None:
    rules = (ALL_OUT, allow("sg-b", IN, TCP, (80, 80), "10.0.1.0/24"))
    with judging(lambda: account(HOSTS, rules), NO_PODS) as judge:
        begun = time.time()
        caller, called = connection(hosts, "a", "b", 80)
        port = caller.getsockname()[1]
        for end in (caller, called):
            end.close()
        counted: list[Counted] = []
        while not [each for each in counted if (each.tcp_flags & 1, each.source_port) == (1, 80)]:
            window = judge.window()
            counted += window.counted
    assert window.interfaces == ("eni-a", "eni-b")
    assert begun - 10 < window.begin <= window.end
    first = next(each for each in counted if (each.interface, each.tcp_flags) == ("eni-b", 2))
    assert first == Counted(
        "eni-b", IN, ACCEPT, HOSTS[0].primary, HOSTS[1].primary, TCP, port, 80, tcp_flags=2, packets=1, bytes=60
    )
    directions = {(each.interface, each.direction, each.source_port) for each in counted}
    assert directions == {("eni-a", OUT, port), ("eni-b", IN, port), ("eni-b", OUT, 80), ("eni-a", IN, 80)}
    sums = {
        name: sum(each.packets for each in counted if each.interface == name and each.source_port == port)
        for name in window.interfaces
    }
    assert sums["eni-a"] == sums["eni-b"] >= 4


def test_egress_is_judged_before_ingress(hosts: Network) -> None:
    rules = (allow("sg-a", OUT, TCP, (443, 443), ANY), allow("sg-b", IN, None, None, ANY))
    assert said(hosts, account(HOSTS, rules)) == {("eni-a", OUT): REJECT}


def test_a_group_without_rules_allows_nothing(hosts: Network) -> None:
    assert said(hosts, account(HOSTS, (ALL_OUT,))) == REJECTED_AT_B


@pytest.mark.parametrize(
    ("port", "expected"), [(79, REJECTED_AT_B), (80, ACCEPTED), (90, ACCEPTED), (91, REJECTED_AT_B)]
)
def test_a_range_of_ports_ends_where_it_says(hosts: Network, port: int, expected: Said) -> None:
    assert said(hosts, account(HOSTS, (ALL_OUT, allow("sg-b", IN, TCP, (80, 90), ANY))), port) == expected


def test_a_rule_of_another_protocol_does_not_count(hosts: Network) -> None:
    assert said(hosts, account(HOSTS, (ALL_OUT, allow("sg-b", IN, UDP, None, ANY)))) == REJECTED_AT_B


def test_a_group_as_the_source_means_the_addresses_of_its_interfaces(hosts: Network) -> None:
    rules = (ALL_OUT, allow("sg-b", IN, TCP, (80, 80), "sg-callers"))
    assert said(hosts, account(HOSTS, rules)) == REJECTED_AT_B
    calling = interface("a", f"{A} {A_SIXTH}", "sg-a", "sg-callers")
    assert said(hosts, account((calling, HOSTS[1]), rules)) == ACCEPTED


def test_all_rules_of_all_groups_add_up(hosts: Network) -> None:
    second = interface("b", B, "sg-b", "sg-second")
    rules = (ALL_OUT, allow("sg-b", IN, TCP, (22, 22), ANY), allow("sg-second", IN, TCP, (80, 80), f"{A}/32"))
    assert said(hosts, account((HOSTS[0], second), rules)) == ACCEPTED


@pytest.mark.parametrize(
    ("networks", "expected"), [("10.0.1.0/28 10.0.1.16/28", ACCEPTED), ("10.0.2.0/24", REJECTED_AT_B)]
)
def test_a_prefix_list_means_its_networks(hosts: Network, networks: str, expected: Said) -> None:
    rules = (ALL_OUT, allow("sg-b", IN, TCP, (80, 80), "pl-few"))
    assert said(hosts, account(HOSTS, rules, few=networks)) == expected


@pytest.mark.parametrize("peer", [ANY_SIXTH, "fd00::21/128", "sg-a", "pl-sixth"])
def test_rules_for_ipv6_count_for_ipv6(hosts: Network, peer: str) -> None:
    rules = (allow("sg-a", OUT, None, None, ANY_SIXTH), allow("sg-b", IN, TCP, (80, 80), peer))
    assert said(hosts, account(HOSTS, rules, sixth="fd00::/64"), family=6) == ACCEPTED


def test_a_rule_for_every_ipv4_address_says_nothing_of_ipv6(hosts: Network) -> None:
    rules = (ALL_OUT, allow("sg-b", IN, None, None, ANY))
    assert said(hosts, account(HOSTS, rules), family=6) == {("eni-a", OUT): REJECT}


def test_an_address_without_an_interface_has_no_judge(hosts: Network) -> None:
    rules = (ALL_OUT,)
    with judging(lambda: account(HOSTS, rules), NO_PODS) as judge:
        assert first_packet(judge, hosts, Call("a", "outside", 443)) == {("eni-a", OUT): ACCEPT}
        assert first_packet(judge, hosts, Call("outside", "a", 443)) == {("eni-a", IN): REJECT}


SERVICE = "172.20.0.10"
TRANSLATION = f"""table ip services {{
chain prerouting {{
type nat hook prerouting priority -100
ip daddr {SERVICE} tcp dport 80 dnat to {B}:8080
}}
}}
"""


@pytest.fixture
def service() -> Iterator[str]:
    """The address of a Service in front of b, which the router translates as kube-proxy does."""
    subprocess.run(["nft", "-f", "-"], input=TRANSLATION, text=True, check=True)  # noqa: S607 - the system's
    yield SERVICE
    subprocess.run(["nft", "delete", "table", "ip", "services"], check=True)  # noqa: S607 - the system's


def test_a_connection_to_a_service_is_judged_as_one_to_its_pod(hosts: Network, service: str) -> None:
    rules = (allow("sg-a", OUT, TCP, (8080, 8080), f"{B}/32"), allow("sg-b", IN, TCP, (8080, 8080), f"{A}/32"))
    with judging(lambda: account(HOSTS, rules), NO_PODS) as judge:
        assert first_packet(judge, hosts, Call("a", service, 80)) == ACCEPTED
        with hosts.socket("b", packets.TCP, 4, 8080) as listener, hosts.socket("a", packets.TCP) as caller:
            listener.listen()
            caller.connect((service, 80))
            called, _ = listener.accept()
            with called:
                assert carries((caller, called))
        assert judge.rejected() == ()


def test_a_change_of_nothing_writes_nothing_and_a_change_is_followed(hosts: Network) -> None:
    held = Changing(account(HOSTS, (ALL_OUT,)))
    with judging(held, NO_PODS, poll=0.02) as judge:
        written, read = judge.written, held.reads
        while held.reads < read + 3:
            time.sleep(0.01)
        assert judge.written == written
        held.add(allow("sg-b", IN, TCP, (80, 80), ANY))
        end = time.monotonic() + PATIENCE_SECONDS
        while judge.written == written and time.monotonic() < end:
            time.sleep(0.01)
        assert first_packet(judge, hosts, Call("a", "b", 80)) == ACCEPTED


def test_what_was_rejected_can_be_asked_for_within_a_window(hosts: Network) -> None:
    with judging(lambda: account(HOSTS, (ALL_OUT,)), NO_PODS) as judge:
        with hosts.socket("a", packets.UDP) as caller:
            caller.sendto(b"x", (B, 53))
            while not (rejected := judge.rejected()):
                time.sleep(0.01)
        assert [(each.interface, each.direction, each.target_port) for each in rejected] == [("eni-b", IN, 53)]
        assert judge.rejected() == rejected
        assert set(rejected) < set(judge.window().counted)
        assert judge.rejected() == ()


def test_nothing_is_judged_after_the_end(hosts: Network) -> None:
    with judging(lambda: account(HOSTS, ()), NO_PODS):
        pass
    ends = connection(hosts, "a", "b", 80)
    assert carries(ends)
    for end in ends:
        end.close()


def asked_until_it_fails(read: Callable[[], Account]) -> None:
    with judging(read, NO_PODS, poll=0.01) as judge:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            judge.rejected()


@pytest.mark.usefixtures("hosts")
def test_an_account_that_cannot_be_read_any_more_is_an_error() -> None:
    held = Changing(account(HOSTS, ()))

    def read() -> Account:
        if held.reads:
            raise OSError("the API does not answer")
        return held()

    with pytest.raises(JudgeError, match="the account is no longer followed: the API does not answer"):
        asked_until_it_fails(read)


def test_more_kinds_of_packets_than_there_is_room_for_are_an_error(hosts: Network) -> None:
    with Judge(lambda: account(HOSTS, (ALL_OUT,)), NO_PODS, room=4) as judge, hosts.socket("a", packets.UDP) as caller:
        for port in range(6000, 6010):
            caller.sendto(b"x", (B, port))
        with pytest.raises(JudgeError, match=r"6 of 10 packets are not counted: .* or give the judge more room"):
            judge.window()


def test_a_judge_without_room_judges_and_counts_nothing(hosts: Network) -> None:
    rules = (ALL_OUT, allow("sg-b", IN, TCP, (80, 80), "10.0.1.0/24"))
    with Judge(lambda: account(HOSTS, rules), NO_PODS, room=NO_ROOM) as judge:
        for end in connection(hosts, "a", "b", 80):
            end.close()
        with hosts.socket("a", packets.TCP) as caller:
            caller.settimeout(0.2)
            assert caller.connect_ex((hosts.address("b"), 81)) == errno.EAGAIN
        with pytest.raises(JudgeError, match="counts nothing"):
            judge.window()
