"""The result of a plan of connections: a verdict on each check, or why it could not be made."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from flash_ticket.verify.probe.check import Check, CheckVerdict, Expectation, TriedCheck
from flash_ticket.verify.probe.judgement import Control, Enforcer, Knowledge, Listener, Place, knowledge
from flash_ticket.verify.probe.plan import ProbePlan, RunningPod, is_address
from flash_ticket.verify.probe.script import ProbeOutcome, answers


@dataclass(frozen=True, slots=True)
class ProbeOutput:
    """What a pod's container printed, or why it printed nothing.

    Attributes:
        text: The output, unchanged.
        problem: Why the output is missing or incomplete; empty if the script ended.
    """

    text: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of a plan: one entry for each of its checks, in the same order.

    Attributes:
        enforcer: What the declaration and this run say about the enforcer.
    """

    plan: ProbePlan
    enforcer: Enforcer
    checked: tuple[TriedCheck, ...]

    @property
    def holds(self) -> bool:
        """Whether every check was made and its outcome is as declared."""
        return all(each.verdict is CheckVerdict.HOLDS for each in self.checked)


def probe_result(plan: ProbePlan, said: Mapping[RunningPod, ProbeOutput]) -> Probe:
    """Judge what each pod of a plan printed."""
    answered: dict[Check, _Answer] = {}
    own: dict[Place, ProbeOutcome] = {}
    for pod in plan.pods:
        checks, outcomes = plan.of(pod), answers(said[pod].text, len(plan.ends(pod)))
        answered |= dict(_answers(checks, outcomes, said[pod]))
        own |= zip(plan.own(pod), outcomes[len(outcomes) - len(plan.own(pod)) :], strict=True)
    known = _known(plan, answered, own)
    checked = tuple(
        _tried(each, answered.get(each) or _Answer((), _lacking(plan, each)), known) for each in plan.checks
    )
    return Probe(plan, known.enforcer, checked)


class _Answer(NamedTuple):
    """The outcomes at the hosts of a check, or the problem that took their place."""

    outcomes: tuple[ProbeOutcome, ...]
    problem: str = ""


def _answers(
    checks: tuple[Check, ...], outcomes: tuple[ProbeOutcome, ...], said: ProbeOutput
) -> Iterator[tuple[Check, _Answer]]:
    first = 0
    for check in checks:
        own, first = outcomes[first : first + len(check.hosts)], first + len(check.hosts)
        if set(own) == {ProbeOutcome.UNKNOWN}:
            yield check, _Answer((), said.problem or "its container gives an unexpected answer")
        elif ProbeOutcome.NO_TOOL in own:
            problem = "its container has no tool to connect with: name an image that has one with --probe-image"
            yield check, _Answer((), problem)
        else:
            yield check, _Answer(own)


def _tried(check: Check, answer: _Answer, known: Knowledge) -> TriedCheck:
    hosts = zip(check.hosts, answer.outcomes, strict=False)
    return TriedCheck(check, tuple(known.seen(host, check.port, outcome) for host, outcome in hosts), answer.problem)


def _known(plan: ProbePlan, answered: Mapping[Check, _Answer], own: Mapping[Place, ProbeOutcome]) -> Knowledge:
    """Return what the connections of a run show about the places that others tried."""
    ready = Control(Listener.LIKELY, "its readiness probe passes")
    controls = dict.fromkeys(plan.ready, ready)
    for place, outcome in own.items():
        if outcome is ProbeOutcome.CONNECTED:
            controls[place] = Control(Listener.CONNECTED, "its own pod connects to it")
        elif outcome is ProbeOutcome.REFUSED:
            controls[place] = Control(Listener.ABSENT, "its own pod is refused, too")
    outcomes: dict[Place, set[ProbeOutcome]] = defaultdict(set)
    # Declared connections come last, so that one of them is named where several connect.
    for check in sorted(answered, key=lambda each: each.expected is Expectation.CONNECTS):
        for host, outcome in zip(check.hosts, answered[check].outcomes, strict=False):
            outcomes[host, check.port].add(outcome)
            if outcome is ProbeOutcome.CONNECTED:
                listener = Listener.CONNECTED if is_address(host) else Listener.LIKELY
                controls[host, check.port] = Control(listener, f"{check.source} connects to it")
    return knowledge(plan.enforcer, controls, outcomes)


def _lacking(plan: ProbePlan, check: Check) -> str:
    pod = next((each for each in plan.pods if each.service == check.source), None)
    if pod is None:
        return f"no pod of {check.source} runs"
    if pod.proxy:
        return f"{pod.proxy} in pod {pod.name} answers in place of every target: its connections prove nothing"
    if check.target in plan.services:
        return f"no pod of {check.target} runs"
    return f"no address of {check.target} is known: name one with --probe-host {check.target}=HOST"
