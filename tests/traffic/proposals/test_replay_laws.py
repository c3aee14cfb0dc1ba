"""Properties of every replay, for any matrix, stack and recording."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import DeclaredEndpoint, External, Flow, Matrix
from flash_ticket.firewall.terms.verdict import Direction, Layer
from flash_ticket.traffic.attribution.attribution import Conversation
from flash_ticket.traffic.proposals.proposal import Proposal
from flash_ticket.traffic.proposals.replay import LineKind, replay
from flash_ticket.traffic.records.record import Disposition, Evidence
from tests.support.declared.at_random.matrices import shops
from tests.support.traffic.recorded_traffic import attributed, every_flow, recordings, unchanged

Shop = tuple[Matrix, Environment]


class Scenario(NamedTuple):
    """A proposal, and the traffic recorded before it."""

    proposal: Proposal
    recording: list[Conversation]


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A proposal with some of today's flows and some others, and any recording."""
    matrix, environment = draw(shops(min_flows=1))
    flows = draw(st.lists(st.sampled_from(matrix.flows), unique=True))
    today = replace(matrix, flows=tuple(sorted(draw(st.lists(st.sampled_from(matrix.flows), unique=True)))))
    proposal = Proposal(today, replace(matrix, flows=tuple(sorted(flows))), environment, "new.yaml")
    return Scenario(proposal, draw(recordings(proposal.after)))


def without(flow: Flow, matrix: Matrix) -> Matrix:
    return replace(matrix, flows=tuple(each for each in matrix.flows if each is not flow))


@given(shops(min_flows=1))
def test_a_matrix_cuts_none_of_its_declared_traffic_and_lists_none_of_it_as_unused(shop: Shop) -> None:
    same = unchanged(*shop)

    found = replay(attributed(every_flow(same.after, shop[0])), same)

    assert found.holds
    assert not found.unused


@given(shops(min_flows=1), st.data())
def test_a_removed_flow_cuts_its_own_traffic_and_no_other(shop: Shop, data: st.DataObject) -> None:
    matrix, environment = shop
    flow = data.draw(st.sampled_from(matrix.flows))
    assume(is_distinct(flow, matrix, environment))
    less = Proposal(matrix, without(flow, matrix), environment, "new.yaml")
    ends = (less.after.named[flow.source], less.after.named[flow.target])
    # An ipBlock of another flow can open the same ports: pods and places can share addresses.
    assume(not any(less.after.opened(Layer.POD, *ends).holds(port.protocol, port.first) for port in flow.ports))

    found = replay(attributed(every_flow(less.after, matrix)), less)

    cut = {(each.seen.source, each.seen.destination, each.seen.port) for each in found.cuts}
    assert cut == {
        (each.source.name, each.destination.name, each.port)
        for each in every_flow(less.after, matrix)
        if (each.source.name, each.destination.name) == (flow.source, flow.target)
    }


@given(scenarios(), st.data())
def test_adding_a_flow_cuts_nothing_more(scenario: Scenario, data: st.DataObject) -> None:
    proposal, recording = scenario
    assume(proposal.proposed.flows)
    narrower = without(data.draw(st.sampled_from(proposal.proposed.flows)), proposal.proposed)
    without_it = Proposal(proposal.today, narrower, proposal.environment, "new.yaml")

    before, after = (replay(attributed(recording), each) for each in (without_it, proposal))

    assert {cut.seen for cut in after.cuts} <= {cut.seen for cut in before.cuts}


@given(scenarios(), st.randoms(use_true_random=False))
def test_the_order_of_the_recording_does_not_matter(scenario: Scenario, random: Random) -> None:
    proposal, recording = scenario
    shuffled = random.sample(recording, len(recording))

    assert replay(attributed(shuffled), proposal) == replay(attributed(recording), proposal)


@given(scenarios())
def test_every_line_has_exactly_one_kind(scenario: Scenario) -> None:
    proposal, recording = scenario

    found = replay(attributed(recording), proposal)

    assert sum(found.lines.values()) == sum(each.count for each in recording)
    assert found.lines[LineKind.CUT] == sum(cut.seen.count for cut in found.cuts)
    assert found.lines[LineKind.UNANSWERED] == sum(each.count for each in found.unanswered)


@given(scenarios())
def test_a_replay_agrees_with_a_naive_look_at_the_matrix(scenario: Scenario) -> None:
    proposal, recording = scenario
    declared = [each for each in recording if is_declared_pair(each, proposal)]

    found = replay(attributed(declared), proposal)

    assert {(cut.seen.source, cut.seen.destination, cut.seen.port) for cut in found.cuts} == {
        (each.source.name, each.destination.name, each.port)
        for each in declared
        if worked(each, declared) and not is_in(proposal.proposed, each)
    }


def worked(asked: Conversation, recording: Sequence[Conversation]) -> bool:
    """Return whether some traffic of this pair on this port certainly or probably arrived."""
    about = [
        each
        for each in recording
        if (each.source, each.destination, each.port) == (asked.source, asked.destination, asked.port)
    ]
    here = [each for each in about if is_of_the_callers_end(each)]
    beyond = [each for each in about if not is_of_the_callers_end(each)]
    if any(each.disposition is Disposition.PASSED for each in beyond):
        return True
    return not beyond and any(each.disposition is Disposition.PASSED for each in here)


def is_of_the_callers_end(each: Conversation) -> bool:
    return each.evidence is not Evidence.FLOW_LOG and each.direction is Direction.EGRESS


def is_in(matrix: Matrix, asked: Conversation) -> bool:
    """Look the pair up in the matrix."""
    return any(
        (flow.source, flow.target) == (asked.source.name, asked.destination.name)
        and any(
            port.protocol == asked.port.protocol and port.first <= asked.port.first <= port.last for port in flow.ports
        )
        for flow in matrix.flows
        if asked.port
    )


def is_declared_pair(each: Conversation, proposal: Proposal) -> bool:
    """Return whether both ends are declared, one of them is a service, and no layer confuses them with others."""
    matrix = proposal.after.matrix
    ends = [matrix.endpoints.get(end.name) for end in (each.source, each.destination)]
    if not each.port or None in ends or all(isinstance(end, External) for end in ends):
        return False
    return all(not twins(end, matrix, proposal.environment) for end in ends if end)


def is_distinct(flow: Flow, matrix: Matrix, environment: Environment) -> bool:
    return not any(twins(matrix.endpoints[name], matrix, environment) for name in (flow.source, flow.target))


def twins(endpoint: DeclaredEndpoint, matrix: Matrix, environment: Environment) -> list[str]:
    """Return the other externals that a layer may confuse with this one: same addresses, or overlapping labels."""
    if not isinstance(endpoint, External):
        return []
    return [
        other.name
        for other in matrix.externals
        if other is not endpoint and other.namespace == endpoint.namespace and share(endpoint, other, environment)
    ]


def share(one: External, other: External, environment: Environment) -> bool:
    if one.namespace is not None:
        return set(one.pods) <= set(other.pods) or set(other.pods) <= set(one.pods)
    places = [environment.place(each.name) for each in (one, other)]
    return any(
        network.version == taken.version and network.overlaps(taken)
        for network in places[0].networks
        for taken in places[1].networks
    )
