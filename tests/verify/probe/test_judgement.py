"""A refused connection is never taken for more than it shows, whether the enforcer drops or rejects."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.terms.ports import PortRange, Protocol, tcp
from flash_ticket.report.verification import probe_document, probe_text
from flash_ticket.verify.probe.check import Check, CheckVerdict, Expectation
from flash_ticket.verify.probe.judgement import Enforcer, Meaning, Place, enforcer_of
from flash_ticket.verify.probe.plan import ProbePlan, RunningPod
from flash_ticket.verify.probe.result import Probe, ProbeOutput, probe_result
from flash_ticket.verify.probe.script import ProbeOutcome
from tests.support.naive.naive_probe import naive_verdicts, possible

CONNECTED, REFUSED, TIMED_OUT = ProbeOutcome.CONNECTED, ProbeOutcome.REFUSED, ProbeOutcome.TIMED_OUT
HOLDS, VIOLATED, UNDECIDED = CheckVerdict.HOLDS, CheckVerdict.VIOLATED, CheckVerdict.UNDECIDED
API, PAY, GATEWAY = (
    RunningPod(name, f"{name}-0", "main", f"10.0.0.{number}")
    for number, name in enumerate(("api", "pay", "gateway"), 1)
)
REDIS = "10.0.1.1"
API_REDIS = Check("api", "redis", tcp(6379), 6379, Expectation.CONNECTS, (REDIS,))
PAY_REDIS = Check("pay", "redis", tcp(6379), 6379, Expectation.BLOCKED, (REDIS,))
PAY_API = Check("pay", "api", tcp(4000), 4000, Expectation.BLOCKED, (API.address,))
API_PAY = Check("api", "pay", PortRange(Protocol.TCP, 3000, 3010), 3000, Expectation.CONNECTS, (PAY.address,))
AT_API = (API.address, 4000)
AT_PAY = (PAY.address, 3000)


def probed(
    outcomes: dict[Check, tuple[ProbeOutcome, ...]],
    own: dict[Place, ProbeOutcome] | None = None,
    enforcer: Enforcer = Enforcer.DROPS,
    ready: frozenset[Place] = frozenset(),
) -> Probe:
    """Return the result if connections have these outcomes; a pod's connection to itself is unknown if not given."""
    plan = ProbePlan(
        "ns", frozenset({"api", "pay", "gateway"}), (API, GATEWAY, PAY), tuple(outcomes), (), enforcer, ready
    )
    return probe_result(plan, {pod: printed(plan, pod, outcomes, own or {}) for pod in plan.pods})


def printed(
    plan: ProbePlan, pod: RunningPod, outcomes: dict[Check, tuple[ProbeOutcome, ...]], own: dict[Place, ProbeOutcome]
) -> ProbeOutput:
    words = [outcome for check in plan.of(pod) for outcome in outcomes[check]]
    words += [own.get(place, ProbeOutcome.UNKNOWN) for place in plan.own(pod)]
    return ProbeOutput("".join(f"{number} {word}\n" for number, word in enumerate(words)))


def verdict(probe: Probe, check: Check) -> tuple[CheckVerdict, Meaning]:
    (tried,) = (each for each in probe.checked if each.check == check)
    (seen,) = tried.seen
    return tried.verdict, seen.meaning


@pytest.mark.parametrize("enforcer", Enforcer)
def test_refused_where_a_declared_client_connects_is_a_rejection(enforcer: Enforcer) -> None:
    found = probed({API_REDIS: (CONNECTED,), PAY_REDIS: (REFUSED,)}, enforcer=enforcer)

    assert verdict(found, PAY_REDIS) == (HOLDS, Meaning.REJECTED)
    assert found.enforcer is Enforcer.REJECTS
    assert found.holds
    assert (
        "HOLDS  pay => redis : TCP 6379  must not connect: "
        "10.0.1.1 refused: an enforcer rejects it (api connects to it)\n"
    ) in probe_text(found)


@pytest.mark.parametrize("enforcer", Enforcer)
def test_refused_where_the_pod_itself_connects_is_a_rejection(enforcer: Enforcer) -> None:
    found = probed({PAY_API: (REFUSED,)}, {AT_API: CONNECTED}, enforcer)

    assert verdict(found, PAY_API) == (HOLDS, Meaning.REJECTED)


@pytest.mark.parametrize("own", [{}, {AT_API: REFUSED}])
def test_refused_by_an_enforcer_that_only_drops_means_that_it_arrives(own: dict[Place, ProbeOutcome]) -> None:
    found = probed({PAY_API: (REFUSED,)}, own)

    assert verdict(found, PAY_API) == (VIOLATED, Meaning.ARRIVES)
    assert "(the declared enforcer gives no answer to what it stops" in probe_text(found)


@pytest.mark.parametrize(
    ("own", "meaning"),
    [({}, Meaning.UNTOLD), ({AT_API: REFUSED}, Meaning.ABSENT), ({AT_API: TIMED_OUT}, Meaning.UNTOLD)],
)
def test_refused_without_a_listener_is_undecided_where_an_enforcer_may_reject(
    own: dict[Place, ProbeOutcome], meaning: Meaning
) -> None:
    found = probed({PAY_API: (REFUSED,)}, own, Enforcer.MAY_REJECT)

    assert verdict(found, PAY_API) == (UNDECIDED, meaning)
    assert not found.holds
    assert probe_text(found).endswith("probe of ns: 1 checks, 0 hold, 1 undecided, 0 not run, 0 violated.\n")


def test_one_rejection_shows_that_other_refusals_may_be_rejections_too() -> None:
    """An enforcer that was not declared rejects: what it refuses elsewhere is no finding."""
    found = probed({API_REDIS: (CONNECTED,), PAY_REDIS: (REFUSED,), PAY_API: (REFUSED,)})

    assert verdict(found, PAY_API) == (UNDECIDED, Meaning.UNTOLD)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({}, (UNDECIDED, Meaning.UNTOLD)),
        ({API_REDIS: (CONNECTED,), PAY_REDIS: (REFUSED,)}, (HOLDS, Meaning.REJECTED)),
    ],
)
def test_a_readiness_probe_that_passes_counts_once_this_run_shows_that_the_enforcer_rejects(
    others: dict[Check, tuple[ProbeOutcome, ...]], expected: tuple[CheckVerdict, Meaning]
) -> None:
    found = probed({**others, PAY_API: (REFUSED,)}, enforcer=Enforcer.MAY_REJECT, ready=frozenset({AT_API}))

    assert verdict(found, PAY_API) == expected


def test_a_connection_to_a_name_does_not_show_who_listens_at_another_host_of_that_name() -> None:
    named = {replace(each, hosts=("redis.example",)): each for each in (API_REDIS, PAY_REDIS)}
    client, stranger = named

    found = probed({client: (CONNECTED,), stranger: (REFUSED,)})

    assert verdict(found, stranger) == (UNDECIDED, Meaning.UNTOLD)


@pytest.mark.parametrize(
    ("own", "enforcer", "expected"),
    [
        ({}, Enforcer.DROPS, (HOLDS, Meaning.ARRIVES)),
        ({AT_PAY: REFUSED}, Enforcer.DROPS, (HOLDS, Meaning.ARRIVES)),
        ({AT_PAY: CONNECTED}, Enforcer.DROPS, (VIOLATED, Meaning.REJECTED)),
        ({}, Enforcer.MAY_REJECT, (UNDECIDED, Meaning.UNTOLD)),
        ({AT_PAY: REFUSED}, Enforcer.MAY_REJECT, (UNDECIDED, Meaning.ABSENT)),
        ({AT_PAY: CONNECTED}, Enforcer.MAY_REJECT, (VIOLATED, Meaning.REJECTED)),
    ],
)
def test_refused_in_a_declared_range_holds_only_if_it_arrives(
    own: dict[Place, ProbeOutcome], enforcer: Enforcer, expected: tuple[CheckVerdict, Meaning]
) -> None:
    assert verdict(probed({API_PAY: (REFUSED,)}, own, enforcer), API_PAY) == expected


@pytest.mark.parametrize(
    ("own", "enforcer", "meaning"),
    [
        ({}, Enforcer.DROPS, Meaning.ARRIVES),
        ({AT_PAY: CONNECTED}, Enforcer.DROPS, Meaning.REJECTED),
        ({}, Enforcer.MAY_REJECT, Meaning.UNTOLD),
        ({AT_PAY: REFUSED}, Enforcer.MAY_REJECT, Meaning.ABSENT),
        ({AT_PAY: CONNECTED}, Enforcer.MAY_REJECT, Meaning.REJECTED),
    ],
)
def test_a_declared_port_that_refuses_is_violated_and_the_report_does_not_blame_the_firewall_without_a_reason(
    own: dict[Place, ProbeOutcome], enforcer: Enforcer, meaning: Meaning
) -> None:
    single = replace(API_PAY, ports=tcp(3000))

    assert verdict(probed({single: (REFUSED,)}, own, enforcer), single) == (VIOLATED, meaning)


def test_each_host_has_its_meaning_and_the_reason_in_json() -> None:
    document = probe_document(probed({API_REDIS: (CONNECTED,), PAY_REDIS: (TIMED_OUT,)}))

    assert document["enforcer"] == "drops"
    checks = document["checks"]
    assert isinstance(checks, list)
    assert [each["hosts"] for each in checks] == [
        [{"host": REDIS, "outcome": "connected", "meaning": "open", "why": ""}],
        [
            {
                "host": REDIS,
                "outcome": "timed-out",
                "meaning": "dropped without an answer",
                "why": "api connects to it",
            }
        ],
    ]


def test_every_plug_in_has_an_enforcer() -> None:
    assert {cni: enforcer_of(cni) for cni in CniName} == {
        CniName.VPC_CNI: Enforcer.DROPS,
        CniName.CILIUM: Enforcer.MAY_REJECT,
        CniName.CALICO: Enforcer.MAY_REJECT,
    }


GATEWAY_PAY = Check("gateway", "pay", tcp(3000), 3000, Expectation.BLOCKED, (PAY.address,))
CHECKS = (API_REDIS, PAY_REDIS, PAY_API, API_PAY, GATEWAY_PAY)
TWO_HOSTS = tuple(replace(each, hosts=(*each.hosts, "10.0.2.2")) for each in CHECKS)
TRIED = st.lists(st.sampled_from((*CHECKS, *TWO_HOSTS)), unique=True)
OWN = st.sampled_from([CONNECTED, REFUSED, ProbeOutcome.UNKNOWN])
SOME = st.sampled_from([CONNECTED, REFUSED, REFUSED, TIMED_OUT, ProbeOutcome.UNREACHABLE, ProbeOutcome.UNKNOWN])


@given(TRIED, st.sampled_from([Enforcer.DROPS, Enforcer.MAY_REJECT]), st.data())
def test_the_verdicts_equal_those_of_an_evaluator_that_tries_every_world(
    checks: list[Check], enforcer: Enforcer, data: st.DataObject
) -> None:
    outcomes = {each: tuple(data.draw(SOME) for _ in each.hosts) for each in checks}
    places = {(host, each.port) for each in checks for host in each.hosts}
    own = {place: data.draw(OWN) for place in (AT_API, AT_PAY) if place in places}
    connected = {place for place in own if CONNECTED in at(place, outcomes)}
    assume(all(own[place] is not REFUSED for place in connected))  # something listens there, or nothing does

    found = probed(outcomes, own, enforcer)

    assert {each.check: each.verdict for each in found.checked} == naive_verdicts(enforcer, outcomes, own)


def at(place: Place, outcomes: dict[Check, tuple[ProbeOutcome, ...]]) -> set[ProbeOutcome]:
    pairs = ((check, *pair) for check, seen in outcomes.items() for pair in zip(check.hosts, seen, strict=True))
    return {outcome for check, host, outcome in pairs if (host, check.port) == place}


WORLDS = [(rejects, cni) for rejects in (False, True) for cni in CniName if not (rejects and cni is CniName.VPC_CNI)]


@given(st.sampled_from(WORLDS), st.data())
def test_no_finding_is_false_and_nothing_open_holds_in_any_world(
    world: tuple[bool, CniName], data: st.DataObject
) -> None:
    """A world is what listens, what is blocked, and what the enforcer does with what it blocks."""
    rejects, cni = world
    listens = {place: data.draw(st.booleans()) for place in (AT_API, AT_PAY, (REDIS, 6379))}
    blocked = {check: data.draw(st.booleans()) for check in CHECKS}
    outcomes: dict[Check, tuple[ProbeOutcome, ...]] = {}
    for check in CHECKS:
        listener = listens[check.hosts[0], check.port]
        seen = possible(rejects=rejects, listens=listener, blocked=blocked[check])
        outcomes[check] = (data.draw(st.sampled_from(sorted(seen))),)
    own = {place: CONNECTED if listens[place] else REFUSED for place in (AT_API, AT_PAY)}
    ready = frozenset(place for place in own if listens[place])

    found = probed(outcomes, own, enforcer_of(cni), ready)

    for tried in found.checked:
        if tried.check.expected is Expectation.CONNECTS:
            assert tried.verdict is not HOLDS or not blocked[tried.check]
            continue
        assert tried.verdict is not VIOLATED or not blocked[tried.check]
        assert tried.verdict is not HOLDS or blocked[tried.check]
        if cni is CniName.VPC_CNI or (
            tried.check.target != "redis" and listens[tried.check.hosts[0], tried.check.port]
        ):
            assert tried.verdict is not UNDECIDED
