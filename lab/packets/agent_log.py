"""What the AWS agent's own log says of the connections that were tried, read as `flash-firewall denied` reads it."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.traffic.attribution.address_book import PROTOCOLS
from flash_ticket.traffic.records.lines import LineLog, TextFiles
from flash_ticket.traffic.records.policy_agent import PolicyAgentReader
from flash_ticket.traffic.records.record import Disposition, Reading, Scope

LOG = Path("/var/log/aws-routed-eni/network-policy-agent.log")
_NUMBERS = {protocol: number for number, protocol in PROTOCOLS.items()}
_SECONDS, _PAUSE_SECONDS, _QUIET_SECONDS = 30.0, 0.2, 2.0

Denial = tuple[str, str, int, int]
"""The addresses of source and destination, the protocol's number, and the port."""


@dataclass(frozen=True, slots=True)
class Logged:
    """The log's part about connections that the enforcer stopped.

    Attributes:
        stopped: How many there are.
        missing: Those that no line is about.
        invented: Denials of what was not tried, or not stopped.
        malformed: How many lines cannot be read.
    """

    stopped: int
    missing: tuple[Denial, ...]
    invented: tuple[Denial, ...]
    malformed: int


def denial(source: str, destination: str, port: PortRange) -> Denial:
    """Return the denial of one connection."""
    return source, destination, _NUMBERS[port.protocol], port.first


def wait_until_quiet() -> None:
    """Return once the log has not grown for a moment: a busy agent writes of connections some time after them."""
    end, size = time.monotonic() + _SECONDS, -1
    while time.monotonic() < end and size != (size := LOG.stat().st_size):
        time.sleep(_QUIET_SECONDS)


def logged(stopped: Mapping[Denial, Iterable[Denial]], ports: Iterable[PortRange], since: float) -> Logged:
    """Return what the log says, as soon as it is complete; the agent writes a line some time after the packet.

    Args:
        stopped: The connections that were stopped, each with the forms in which a line may be about it: egress is
            judged before the address of a Service is translated, ingress after it.
        ports: What was called, so that replies are known.
        since: When the connections were tried, in seconds since 1970.
    """
    listening = frozenset((_NUMBERS[port.protocol], port.first) for port in ports)
    known = {form for forms in stopped.values() for form in forms}
    end = time.monotonic() + _SECONDS
    while True:
        reading = Reading()
        log = LineLog(LOG.name, TextFiles((LOG,)), PolicyAgentReader)
        found = {
            (record.source.address, record.destination.address, record.protocol, record.port)
            for record in log.records(Scope(since, listening=listening), reading)
            if record.disposition is Disposition.STOPPED
        }
        missing = tuple(each for each, forms in stopped.items() if found.isdisjoint(forms))
        if not missing or time.monotonic() > end:
            return Logged(len(stopped), missing, tuple(sorted(found - known)), reading.malformed)
        time.sleep(_PAUSE_SECONDS)
