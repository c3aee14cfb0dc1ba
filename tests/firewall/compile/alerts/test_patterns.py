"""Which lines of the two logs CloudWatch counts, with patterns read as its user guide explains them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.patterns import (
    AGENT_DENIALS,
    AGENT_VERDICTS,
    MAX_PATTERN,
    agent_patterns,
    declared_in_agent_log,
    declared_in_flow_log,
    flow_log_patterns,
    rejections,
)
from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.terms.ports import PortRange, Protocol
from tests.support.alerts.pattern_reading import matches
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.at_random.matrices import shops

RECORD = {
    "version": "10",
    "account-id": "111122223333",
    "vpc-id": "vpc-dev",
    "srcaddr": "10.10.10.7",
    "dstaddr": "10.10.20.9",
    "pkt-srcaddr": "10.10.11.23",
    "pkt-dstaddr": "10.10.20.9",
    "srcport": "43088",
    "dstport": "6379",
    "protocol": "6",
    "action": "REJECT",
    "log-status": "OK",
}
SILENT = {"log-status": "NODATA", "action": "-", "pkt-srcaddr": "-", "pkt-dstaddr": "-", "dstport": "-"}


def record(**changed: str) -> str:
    fields = RECORD | {name.replace("_", "-"): value for name, value in changed.items()}
    return " ".join(fields.get(field, "-") for field in RECORD_FIELDS)


def agent_line(destination: str, port: int, verdict: str = "DENY", protocol: str = "TCP", tier: str = "") -> str:
    line = f"Node: ip-10-10-10-7;SIP: 10.10.11.23;SPORT: 43088;DIP: {destination};DPORT: {port};PROTOCOL: {protocol}"
    return f"{line};PolicyVerdict: {verdict}{tier}"


def counted(patterns: tuple[str, ...], line: str) -> int:
    return sum(matches(pattern, line) for pattern in patterns)


def test_only_rejects_are_counted() -> None:
    assert matches(rejections(), record())
    assert not matches(rejections(), record(action="ACCEPT"))
    assert not matches(rejections(), " ".join((RECORD | SILENT).get(field, "-") for field in RECORD_FIELDS))


@pytest.mark.parametrize(
    ("changed", "times"),
    [
        ({}, 1),
        ({"action": "ACCEPT"}, 0),
        ({"dstport": "6380"}, 0),
        ({"protocol": "17"}, 0),
        ({"pkt_dstaddr": "10.10.30.9"}, 0),
        ({"pkt_srcaddr": "203.0.113.9"}, 0),
        ({"pkt_dstaddr": "10.10.11.24", "dstport": "3100"}, 1),
        ({"pkt_srcaddr": "10.10.1.200", "pkt_dstaddr": "10.10.10.21", "dstport": "3000"}, 1),
        ({"pkt_srcaddr": "10.10.10.22", "pkt_dstaddr": "10.10.10.21", "dstport": "3000"}, 0),
    ],
    ids=str,
)
def test_a_rejected_declared_flow_is_counted_once(changed: dict[str, str], times: int) -> None:
    assert counted(declared_in_flow_log(shop_matrix(), environment_of("dev")), record(**changed)) == times


@pytest.mark.parametrize("tier", ["", ";Tier: NETWORK_POLICY"], ids=["earlier", "later"])
@pytest.mark.parametrize(
    ("line", "times"),
    [
        (("10.10.20.9", 6379), 1),
        (("10.10.20.9", 6379, "ACCEPT"), 0),
        (("10.10.20.9", 637), 0),
        (("10.10.20.9", 6379, "DENY", "UDP"), 0),
        (("203.0.113.9", 6379), 0),
        (("10.10.11.24", 3100), 1),
        (("10.10.11.24", 9999), 0),
    ],
    ids=str,
)
def test_the_agents_denials_are_counted_the_same_in_both_forms_of_its_lines(
    line: tuple[str, int], times: int, tier: str
) -> None:
    assert counted(declared_in_agent_log(shop_matrix(), environment_of("dev")), agent_line(*line, tier=tier)) == times


def test_the_agents_lines_are_distinguished_from_other_lines_of_the_log_group() -> None:
    audit = '{"kind":"Event","verb":"create","user":{"username":"system:node:x"},"annotations":{"decision":"allow"}}'

    for pattern in (AGENT_DENIALS, AGENT_VERDICTS, *declared_in_agent_log(shop_matrix(), environment_of("dev"))):
        assert not matches(pattern, audit)
    assert matches(AGENT_VERDICTS, agent_line("10.10.20.9", 6379, "ACCEPT"))
    assert not matches(AGENT_DENIALS, agent_line("10.10.20.9", 6379, "ACCEPT"))
    assert matches(AGENT_DENIALS, agent_line("10.10.20.9", 6379, tier=";Tier: DEFAULT"))


PORTS = st.builds(
    lambda protocol, first, length: PortRange(protocol, first, min(first + length, 65535)),
    st.sampled_from([Protocol.TCP, Protocol.UDP]),
    st.integers(1, 65535),
    st.sampled_from([0, 0, 0, 3, 15, 16, 999]),
)


@given(st.lists(PORTS, min_size=1, max_size=40, unique=True), st.data())
def test_exactly_the_declared_ports_are_counted(ports: list[PortRange], data: st.DataObject) -> None:
    edges = sorted({edge for port in ports for edge in (port.first - 1, port.first, port.last, port.last + 1)})
    number = data.draw(st.sampled_from(edges))
    patterns = flow_log_patterns((), (), Protocol.TCP, ports)
    called = any(port.protocol is Protocol.TCP and port.first <= number <= port.last for port in ports)

    assert bool(counted(patterns, record(dstport=str(number)))) is called


def test_a_wide_range_is_counted_in_the_flow_log_but_not_in_the_agents_log() -> None:
    wide = [PortRange(Protocol.TCP, 8000, 8999)]

    assert counted(flow_log_patterns((), (), Protocol.TCP, wide), record(dstport="8500")) == 1
    assert agent_patterns((), Protocol.TCP, wide) == ()


@given(shops())
def test_every_pattern_is_short_enough_and_names_each_word_once(shop: tuple[Matrix, Environment]) -> None:
    matrix, environment = shop
    patterns = declared_in_flow_log(matrix, environment)

    assert len(set(patterns)) == len(patterns)
    for pattern in (*patterns, *declared_in_agent_log(matrix, environment)):
        assert len(pattern) <= MAX_PATTERN
    names = [field.replace("-", "_") for field in RECORD_FIELDS]
    for pattern in patterns:
        assert [re.split(r"\W", word)[0] for word in pattern[1:-1].split(", ")] == names


def test_the_longest_conditions_are_short_enough() -> None:
    addresses = [f"255.255.{number}.*" for number in range(200, 212)]
    ports = [PortRange(Protocol.TCP, number, number) for number in range(60000, 60040)]

    for pattern in flow_log_patterns(addresses, addresses, Protocol.TCP, ports):
        assert len(pattern) <= MAX_PATTERN
    for pattern in agent_patterns(["255.255.255.250"] * 12, Protocol.TCP, ports):
        assert len(pattern) <= MAX_PATTERN
