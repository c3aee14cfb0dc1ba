"""What of the logs in CloudWatch looks like a declared flow that is denied, as far as a filter pattern can tell.

A log knows addresses, and pods have none of their own: a service is any address of the VPC. So a pattern means a
declared port of a declared target, called from where a declared source can be; another pod that calls it is counted,
too. `flash-firewall denied` tells them apart.
"""

from collections import defaultdict

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.address_pattern import address_wildcards
from flash_ticket.firewall.compile.alerts.patterns import MOST_ADDRESSES, agent_patterns, flow_log_patterns
from flash_ticket.firewall.declare.matrix import External, Matrix
from flash_ticket.firewall.terms.ports import PortRange, Protocol

Addresses = tuple[str, ...]
"""Texts such as ``10.10.20.*``; none for any address."""


def declared_in_flow_log(matrix: Matrix, environment: Environment) -> tuple[str, ...]:
    """Return the patterns for the flow log; an order that does not change."""
    ports: dict[tuple[Addresses, Addresses], set[PortRange]] = defaultdict(set)
    for flow in matrix.flows:
        ends = _addresses(flow.source, matrix, environment), _addresses(flow.target, matrix, environment)
        ports[ends].update(flow.ports)
    return tuple(
        pattern
        for (source, target), called in sorted(ports.items())
        for protocol in (Protocol.TCP, Protocol.UDP)
        for pattern in flow_log_patterns(source, target, protocol, called)
    )


def declared_in_agent_log(matrix: Matrix, environment: Environment) -> tuple[str, ...]:
    """Return the patterns for the network policy agent's log; an order that does not change."""
    ports: dict[Addresses, set[PortRange]] = defaultdict(set)
    for flow in matrix.flows:
        ports[_addresses(flow.target, matrix, environment)].update(flow.ports)
    return tuple(
        pattern
        for target, called in sorted(ports.items())
        for protocol in (Protocol.TCP, Protocol.UDP)
        for pattern in agent_patterns(target, protocol, called)
    )


def _addresses(name: str, matrix: Matrix, environment: Environment) -> Addresses:
    endpoint = matrix.endpoints[name]
    outside = isinstance(endpoint, External) and endpoint.namespace is None
    networks = environment.place(name).networks if outside else environment.vpc_networks
    return address_wildcards(networks, MOST_ADDRESSES) or ()
