"""What the imitation tracks, held to "Amazon EC2 security group connection tracking" in Amazon's EC2 User Guide.

The sentences in quotation marks are the guide's own.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from lab.node.network import entered
from lab.vpc.account import Account, Rule
from lab.vpc.counted import Action, Direction
from tests.support.vpc.accounts import ANY, ICMP, NO_PODS, TCP, UDP, Changing, account, allow, interface
from tests.support.vpc.judging import judging
from tests.support.vpc.network import Network, lacking, network
from tests.support.vpc.packets import UDP as DATAGRAMS
from tests.support.vpc.packets import Call, carries, connection, first_packet

IN, OUT = Direction.INGRESS, Direction.EGRESS
SERVER, CLIENT, OTHER = "10.0.1.22", "203.0.113.1", "203.0.113.2"
CLIENTS = f"{CLIENT}/32"
HTTP, SSH = 80, 22

SSH_FROM_CLIENT = allow("sg-b", IN, TCP, (SSH, SSH), CLIENTS)
HTTP_FROM_ALL = allow("sg-b", IN, TCP, (HTTP, HTTP), ANY)
ALL_OUT = allow("sg-b", OUT, None, None, ANY)
TCP_OUT = allow("sg-b", OUT, TCP, (0, 65535), ANY)
NEAR_OUT = allow("sg-b", OUT, TCP, None, "203.0.113.0/24")


@pytest.fixture(scope="module")
def hosts() -> Iterator[Network]:
    if reason := lacking():
        pytest.skip(reason)
    with network() as made:
        made.add("server", SERVER)
        made.add("client", CLIENT)
        made.add("other", OTHER)
        yield made


@pytest.fixture(autouse=True)
def _router(hosts: Network) -> Iterator[None]:
    with entered(hosts.router):
        yield


def server(*rules: Rule) -> Account:
    """Return an account with the server alone: the clients are on the internet."""
    return account((interface("b", SERVER, "sg-b"),), rules)


def goes_on(hosts: Network, port: int, before: Account, after: Account) -> bool:
    """Return whether a connection of the client to the server goes on after a change."""
    held = Changing(before)
    with judging(held, NO_PODS) as judge:
        ends = connection(hosts, "client", "server", port)
        with ends[0], ends[1]:
            assert carries(ends)
            held.now = after
            judge.settle()
            return carries(ends)


def test_responses_flow_out_regardless_of_outbound_rules(hosts: Network) -> None:
    """The guide: "Responses to inbound traffic are allowed to flow out [...] regardless of outbound [...] rules"."""
    assert goes_on(hosts, SSH, server(SSH_FROM_CLIENT), server(SSH_FROM_CLIENT))


def test_responses_flow_in_regardless_of_inbound_rules(hosts: Network) -> None:
    """The guide goes on: "and vice versa"."""
    with judging(lambda: server(NEAR_OUT), NO_PODS):
        ends = connection(hosts, "server", "client", SSH)
        with ends[0], ends[1]:
            assert carries(ends)


@pytest.mark.parametrize("back", [(), (ALL_OUT,)])
def test_a_tracked_connection_goes_on_without_its_rule(hosts: Network, back: tuple[Rule, ...]) -> None:
    """The guide: "When you change a security group rule, its tracked connections are not immediately interrupted".

    The guide's example: SSH is tracked "because the inbound rule allows traffic only from 203.0.113.1/32".
    """
    assert goes_on(hosts, SSH, server(SSH_FROM_CLIENT, *back), server(*back))


def test_a_new_connection_needs_the_rule_that_was_removed(hosts: Network) -> None:
    held = Changing(server(SSH_FROM_CLIENT))
    with judging(held, NO_PODS) as judge:
        assert first_packet(judge, hosts, Call("client", "server", SSH)) == {("eni-b", IN): Action.ACCEPT}
        held.remove(SSH_FROM_CLIENT)
        judge.settle()
        assert first_packet(judge, hosts, Call("client", "server", SSH)) == {("eni-b", IN): Action.REJECT}


@pytest.mark.parametrize("back", [ALL_OUT, TCP_OUT])
def test_an_untracked_connection_ends_at_once_with_its_rule(hosts: Network, back: Rule) -> None:
    """The guide: "immediately interrupted if the rule that enables the flow is removed or modified"."""
    assert not goes_on(hosts, HTTP, server(HTTP_FROM_ALL, back), server(back))


def test_an_untracked_connection_ends_at_once_with_the_rule_for_its_responses(hosts: Network) -> None:
    """Its responses flow "based on the inbound or outbound rule that permits the response traffic"."""
    assert not goes_on(hosts, HTTP, server(HTTP_FROM_ALL, ALL_OUT), server(HTTP_FROM_ALL))


def test_an_untracked_connection_goes_on_if_other_rules_still_permit_it(hosts: Network) -> None:
    """It ends if a rule is modified "such that the connection would no longer be permitted"."""
    narrower = allow("sg-b", IN, TCP, (HTTP, HTTP), CLIENTS)
    assert goes_on(hosts, HTTP, server(HTTP_FROM_ALL, ALL_OUT), server(narrower, ALL_OUT))


@pytest.mark.parametrize(
    "back", [(), (NEAR_OUT,), (allow("sg-b", OUT, UDP, None, ANY),), (allow("sg-b", OUT, TCP, (0, 65534), ANY),)]
)
def test_a_rule_for_all_is_tracked_unless_all_responses_are_permitted(hosts: Network, back: tuple[Rule, ...]) -> None:
    """The guide: "If you remove the outbound rule that allows all traffic, all traffic is tracked", in short."""
    assert goes_on(hosts, HTTP, server(HTTP_FROM_ALL, *back), server(*back))


def test_each_interface_tracks_for_itself(hosts: Network) -> None:
    """The server does not track the connection, and the client does."""
    client = interface("a", CLIENT, "sg-a")
    server_too = replace(server(HTTP_FROM_ALL, ALL_OUT), interfaces=(client, interface("b", SERVER, "sg-b")))
    to_server = allow("sg-a", OUT, TCP, (HTTP, HTTP), f"{SERVER}/32")
    before = replace(server_too, rules=(*server_too.rules, to_server))
    assert goes_on(hosts, HTTP, before, server_too)
    assert not goes_on(hosts, HTTP, before, replace(before, rules=(to_server, ALL_OUT)))


def test_other_groups_on_an_interface_do_not_cut_what_is_tracked(hosts: Network) -> None:
    before = server(SSH_FROM_CLIENT)
    assert goes_on(hosts, SSH, before, replace(before, interfaces=(interface("b", SERVER, "sg-empty"),)))


def test_what_stood_before_the_imitation_goes_on(hosts: Network) -> None:
    with judging(lambda: server(SSH_FROM_CLIENT), NO_PODS):
        ends = connection(hosts, "client", "server", SSH)
    with ends[0], ends[1], judging(server, NO_PODS):
        assert carries(ends)


PINGS = count(1)


def ping(hosts: Network, source: str, target: str) -> bool:
    """Return whether an echo request is answered."""
    with entered(hosts.hosts[source]):
        echo = socket.socket(socket.AF_INET, socket.SOCK_RAW, ICMP)
    identifier = next(PINGS)  # the kernel tracks a flow of echoes by it
    request = struct.pack("!BBHHH", 8, 0, 0xFFFF - 0x0800 - identifier, identifier, 0)
    echo.settimeout(0.6)
    with echo:
        echo.sendto(request, (hosts.address(target), 0))
        try:
            while echo.recv(100)[20] != 0:  # it hears requests, too
                pass
        except TimeoutError:
            return False
    return True


def test_icmp_is_always_tracked(hosts: Network) -> None:
    """The guide: "ICMP traffic is always tracked, regardless of rules": its responses need no rule."""
    echo = allow("sg-b", OUT, ICMP, (8, 0), ANY)
    with judging(lambda: server(echo), NO_PODS):
        assert ping(hosts, "server", "client")
        assert not ping(hosts, "client", "server")


@pytest.mark.parametrize(("types", "answered"), [((8, 0), True), (None, True), ((13, 0), False)])
def test_a_rule_for_icmp_names_type_and_code(hosts: Network, types: tuple[int, int] | None, *, answered: bool) -> None:
    with judging(lambda: server(allow("sg-b", IN, ICMP, types, ANY)), NO_PODS):
        assert ping(hosts, "client", "server") is answered


def test_an_answer_over_udp_needs_no_rule_and_a_call_does(hosts: Network) -> None:
    query = allow("sg-b", OUT, UDP, (53, 53), CLIENTS)
    with (
        judging(lambda: server(query), NO_PODS) as judge,
        hosts.socket("server", DATAGRAMS) as asking,
        hosts.socket("client", DATAGRAMS, 4, 53) as resolver,
        hosts.socket("other", DATAGRAMS, 4, 53) as stranger,
    ):
        asking.sendto(b"?", (CLIENT, 53))
        _, caller = resolver.recvfrom(1)
        stranger.sendto(b"!", caller)
        resolver.sendto(b".", caller)
        assert asking.recv(1) == b"."
        # A connection of an earlier test may still send a segment.
        over_udp = [each for each in judge.rejected() if each.protocol == UDP]
        rejected = {(str(each.source), each.direction) for each in over_udp}
    assert rejected == {(OTHER, IN)}


def test_the_answer_that_nobody_listens_needs_no_rule(hosts: Network) -> None:
    """The kernel relates the ICMP message to the flow that it is about."""
    with (
        judging(lambda: server(allow("sg-b", OUT, UDP, None, ANY)), NO_PODS),
        hosts.socket("server", DATAGRAMS) as asking,
    ):
        asking.connect((CLIENT, 9))
        asking.send(b"?")
        with pytest.raises(ConnectionRefusedError):
            asking.recv(1)


def test_of_other_protocols_the_address_and_the_number_are_tracked(hosts: Network) -> None:
    """The guide: "For protocols other than TCP, UDP, or ICMP, only the IP address and protocol number is tracked".

    What the other host sends of its own accord then is "regarded as response traffic".
    """
    number = 253
    with judging(lambda: server(allow("sg-b", OUT, number, None, ANY)), NO_PODS) as judge:
        with entered(hosts.hosts["server"]):
            inner = socket.socket(socket.AF_INET, socket.SOCK_RAW, number)
        with entered(hosts.hosts["client"]):
            outer = socket.socket(socket.AF_INET, socket.SOCK_RAW, number)
        inner.settimeout(5)
        with inner, outer:
            outer.sendto(b"early", (SERVER, 0))
            while not judge.rejected():
                pass
            inner.sendto(b"x", (CLIENT, 0))
            outer.sendto(b"late", (SERVER, 0))
            assert inner.recv(100).endswith(b"late")


def test_idle_flows_are_tracked_as_long_as_the_guide_says(hosts: Network) -> None:
    """The guide: "Idle connection tracking timeout"; and 600 seconds for other protocols."""
    with judging(server, NO_PODS):
        names = ("tcp_timeout_established", "udp_timeout", "udp_timeout_stream", "generic_timeout")
        read = [int(Path(f"/proc/sys/net/netfilter/nf_conntrack_{name}").read_text()) for name in names]
    assert read == [5 * 24 * 60 * 60, 30, 180, 600]
    assert hosts.router.exists()
