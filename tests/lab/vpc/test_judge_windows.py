"""Windows hold every packet once, also while rules change and windows end as packets pass."""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from lab.node.network import entered
from lab.vpc.counted import Action, Direction, Window
from tests.support.vpc import packets
from tests.support.vpc.accounts import ANY, NO_PODS, TCP, UDP, Changing, account, allow, interface
from tests.support.vpc.judging import judging
from tests.support.vpc.network import Network, lacking, network

SENDER, RECEIVER = "10.0.1.21", "10.0.1.22"
PORTS, WINDOWS = range(5000, 5040), 6
OUT = allow("sg-a", Direction.EGRESS, None, None, ANY)
RULES = (OUT, allow("sg-b", Direction.INGRESS, 17, (5000, 5019), f"{SENDER}/32"))
OTHER = allow("sg-b", Direction.INGRESS, TCP, (1, 1), ANY)
HELD = account((interface("a", SENDER, "sg-a"), interface("b", RECEIVER, "sg-b")), RULES)


@pytest.fixture(scope="module")
def hosts() -> Iterator[Network]:
    if reason := lacking():
        pytest.skip(reason)
    with network() as made:
        made.add("a", SENDER)
        made.add("b", RECEIVER)
        yield made


@pytest.fixture(autouse=True)
def _router(hosts: Network) -> Iterator[None]:
    with entered(hosts.router):
        yield


def test_no_packet_is_lost_or_counted_twice_while_windows_end_and_rules_change(hosts: Network) -> None:
    held = Changing(HELD)
    windows: list[Window] = []
    rounds = 0
    with judging(held, NO_PODS, poll=1000) as judge, hosts.socket("a", packets.UDP) as sender:

        def send() -> None:
            nonlocal rounds
            while len(windows) < WINDOWS:
                rounds += 1
                for port in PORTS:
                    sender.sendto(b"12345", (RECEIVER, port))

        sending = threading.Thread(target=send)
        sending.start()
        while len(windows) < WINDOWS:
            windows.append(judge.window())
            held.now = account(HELD.interfaces, RULES if OTHER in held.now.rules else (*RULES, OTHER))
            judge.settle()
            judge.rejected()
        sending.join()
        windows += [judge.window(), judge.window()]
    sums: Counter[tuple[str, Action, int]] = Counter()
    sizes: Counter[str] = Counter()
    for each in (each for window in windows for each in window.counted if each.protocol == UDP):
        sums[each.interface, each.action, each.target_port] += each.packets
        sizes[each.interface] += each.bytes
    allowed = {port: Action.ACCEPT if port < 5020 else Action.REJECT for port in PORTS}
    assert sums == {
        **{("eni-a", Action.ACCEPT, port): rounds for port in PORTS},
        **{("eni-b", allowed[port], port): rounds for port in PORTS},
    }
    assert set(sizes.values()) == {(20 + 8 + 5) * rounds * len(PORTS)}
    assert [window.end for window in windows[:-1]] == [window.begin for window in windows[1:]]


def test_a_window_names_the_interfaces_that_stood_during_it(hosts: Network) -> None:
    held = Changing(HELD)
    with judging(held, NO_PODS, poll=1000) as judge, hosts.socket("a", packets.UDP) as sender:
        sender.sendto(b"x", (RECEIVER, 5000))
        while not (first := judge.window()).counted:
            pass
        held.attach(interface("c", "10.0.1.23", "sg-b"))
        judge.settle()
        held.now = account(HELD.interfaces[1:], RULES)
        judge.settle()
        sender.sendto(b"x", (RECEIVER, 5000))
        second, third = judge.window(), judge.window()
    assert first.interfaces == ("eni-a", "eni-b")
    assert second.interfaces == ("eni-a", "eni-b", "eni-c")
    assert third.interfaces == ("eni-b",)
    assert {each.interface for each in second.counted} <= {"eni-b"}
