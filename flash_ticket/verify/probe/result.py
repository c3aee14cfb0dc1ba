"""The result of a plan of connections: a verdict on each check, or why it could not be made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flash_ticket.verify.probe.check import Check, CheckVerdict, Expectation, TriedCheck
from flash_ticket.verify.probe.plan import ProbePlan, RunningPod
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
    """The result of a plan: one entry for each of its checks, in the same order."""

    plan: ProbePlan
    checked: tuple[TriedCheck, ...]

    @property
    def holds(self) -> bool:
        """Whether every check was made and its outcome is as declared."""
        return all(each.verdict is CheckVerdict.HOLDS for each in self.checked)

    def witness(self, check: Check) -> str | None:
        """Return a service that reaches the same target and port: it listens, so the firewall blocks this check."""
        for each in self.checked:
            same = (each.check.target, each.check.port) == (check.target, check.port)
            if same and each.check.expected is Expectation.CONNECTS and each.verdict is CheckVerdict.HOLDS:
                return each.check.source
        return None


def probe_result(plan: ProbePlan, said: Mapping[RunningPod, ProbeOutput]) -> Probe:
    """Judge what each pod of a plan printed."""
    found: dict[Check, TriedCheck] = {}
    for pod in plan.pods:
        found |= {each.check: each for each in _judged(plan.of(pod), said[pod])}
    return Probe(plan, tuple(found.get(each) or TriedCheck(each, (), _lacking(plan, each)) for each in plan.checks))


def _judged(checks: tuple[Check, ...], said: ProbeOutput) -> Iterator[TriedCheck]:
    outcomes = answers(said.text, sum(len(each.hosts) for each in checks))
    first = 0
    for check in checks:
        own, first = outcomes[first : first + len(check.hosts)], first + len(check.hosts)
        if set(own) == {ProbeOutcome.UNKNOWN}:
            problem = said.problem or "its container gives an unexpected answer"
            yield TriedCheck(check, (), problem)
        elif ProbeOutcome.NO_TOOL in own:
            yield TriedCheck(
                check, (), "its container has no tool to connect with: name an image that has one with --probe-image"
            )
        else:
            yield TriedCheck(check, own)


def _lacking(plan: ProbePlan, check: Check) -> str:
    pod = next((each for each in plan.pods if each.service == check.source), None)
    if pod is None:
        return f"no pod of {check.source} runs"
    if pod.proxy:
        return f"{pod.proxy} in pod {pod.name} answers in place of every target: its connections prove nothing"
    if check.target in plan.services:
        return f"no pod of {check.target} runs"
    return f"no address of {check.target} is known: name one with --probe-host {check.target}=HOST"
