"""Invented conversations: what logs would show if somebody used a matrix."""

from collections.abc import Iterable, Iterator

from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.endpoint import Role
from flash_ticket.firewall.terms.ports import PortRange, Protocol
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.attribution.attribution import Attribution, Conversation
from flash_ticket.traffic.proposals.proposal import Proposal
from flash_ticket.traffic.records.record import Disposition, Evidence

NOON = 1_790_000_000.0
NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}


def said(  # noqa: PLR0913 - each is a field of a conversation
    layers: BothLayers,
    source: str,
    destination: str,
    port: PortRange | None,
    *,
    disposition: Disposition = Disposition.PASSED,
    evidence: Evidence = Evidence.FLOW_LOG,
    direction: Direction | None = None,
    count: int = 1,
    first: float = NOON,
    sources: tuple[str, ...] = (),
    destinations: tuple[str, ...] = (),
) -> Conversation:
    """Return a conversation of one pair on one port, one minute long."""
    return Conversation(
        evidence,
        disposition,
        layers.named[source],
        layers.named[destination],
        port,
        NUMBERS[port.protocol] if port else 1,
        direction,
        "",
        (),
        sources,
        destinations,
        count,
        first,
        first + 60,
    )


def attributed(conversations: Iterable[Conversation]) -> Attribution:
    """Return conversations as an attribution without unknown ends."""
    return Attribution(tuple(conversations), (), ())


def every_flow(layers: BothLayers, matrix: Matrix) -> Iterator[Conversation]:
    """Yield a conversation on the first port of each range of each flow."""
    for flow in matrix.flows:
        for port in flow.ports:
            yield said(layers, flow.source, flow.target, PortRange(port.protocol, port.first, port.first))


def unchanged(matrix: Matrix, environment: Environment) -> Proposal:
    """Return the proposal that changes nothing."""
    return Proposal(matrix, matrix, environment, "traffic.yaml")


@st.composite
def recordings(draw: st.DrawFn, layers: BothLayers) -> list[Conversation]:
    """Any conversations between the endpoints of these layers."""
    names = [each.name for each in layers.endpoints if each.role is not Role.CLIENTS]
    ports = [port for endpoint in layers.matrix.endpoints.values() for port in endpoint.ports]
    numbers = st.sampled_from([PortRange(each.protocol, each.first, each.first) for each in ports])
    anybody = st.tuples(st.sampled_from(names), st.sampled_from(names))
    flows = [(flow.source, flow.target) for flow in layers.matrix.flows]
    pairs = st.one_of(st.sampled_from(flows), anybody) if flows else anybody
    found = []
    for _ in range(draw(st.integers(0, 12))):
        source, destination = draw(pairs)
        found.append(
            said(
                layers,
                source,
                destination,
                draw(st.one_of(numbers, st.none())),
                disposition=draw(st.sampled_from(Disposition)),
                evidence=draw(st.sampled_from(Evidence)),
                direction=draw(st.one_of(st.sampled_from(Direction), st.none())),
                count=draw(st.integers(1, 1000)),
                first=draw(st.floats(NOON, NOON + 1e6)),
            )
        )
    return found
