"""What ``verify --probe`` is going to do, and what came of it, written down.

As JSON one object: ``holds``; ``checks``, each ``{"source", "target", "protocol", "port", "expected", "verdict",
"hosts": [{"host", "outcome"}], "problem"}``; and ``untried``, what no connection can show.
"""

from collections import Counter
from collections.abc import Iterator

from flash_ticket.firewall.terms.escape import escaped_lines
from flash_ticket.verify.probe.check import Checked, Expectation, Verdict
from flash_ticket.verify.probe.plan import CONNECTION_SECONDS, ProbePlan
from flash_ticket.verify.probe.result import Probe


def plan_text(plan: ProbePlan, image: str | None) -> str:
    """Return what the probe does, for whoever is to consent."""
    return escaped_lines(_plan(plan, image))


def _plan(plan: ProbePlan, image: str | None) -> Iterator[str]:
    yield f"The probe opens TCP connections from pods of {plan.namespace}, sends nothing on them, and closes them."
    for pod in plan.pods:
        count = sum(len(each.hosts) for each in plan.of(pod))
        yield f"  pod {pod.name}, for {pod.service}: {count} connections, at most {plan.seconds(pod)} s in all"
    if image is None:
        yield "It runs sh in each pod's own container (pods/exec). It writes no file, and nothing of it stays."
    else:
        yield f"It adds a container to each of these pods: {image}, without privileges."
        yield "That ends by itself. Kubernetes keeps an ended one listed in its pod until the pod is gone."
    yield f"Each connection is given up after {CONNECTION_SECONDS} s. Logs and alerts will show those that are dropped."


def probe_text(probe: Probe) -> str:
    """Return what came of it, what is wrong first."""
    return escaped_lines(_lines(probe))


def _lines(probe: Probe) -> Iterator[str]:
    order = list(Verdict)
    for each in sorted(probe.checked, key=lambda each: order.index(each.verdict)):
        yield f"{each.verdict.value.upper()}  {each.check}  {each.check.expected}: {_came_of(probe, each)}"
    yield from (f"NOT TRIED  {each}" for each in probe.plan.untried)
    count = Counter(each.verdict for each in probe.checked)
    told = f"{count[Verdict.HOLDS]} hold, {count[Verdict.NOT_RUN]} not run, {count[Verdict.VIOLATED]} violated"
    yield f"probe of {probe.plan.namespace}: {len(probe.checked)} checks, {told}."


def _came_of(probe: Probe, checked: Checked) -> str:
    if checked.problem:
        return checked.problem
    told = ", ".join(f"{host} {outcome}" for host, outcome in zip(checked.check.hosts, checked.outcomes, strict=True))
    if checked.verdict is Verdict.HOLDS and checked.check.expected is Expectation.BLOCKED:
        witness = probe.witness(checked.check)
        return f"{told}; {f'{witness} reaches it' if witness else 'no other service may reach it either'}"
    return told


def probe_document(probe: Probe) -> dict[str, object]:
    """Return what came of it as the object that JSON shows."""
    return {
        "holds": probe.holds,
        "checks": [_document(each) for each in probe.checked],
        "untried": list(probe.plan.untried),
    }


def _document(checked: Checked) -> dict[str, object]:
    check = checked.check
    tried = zip(check.hosts, checked.outcomes, strict=False)
    return {
        "source": check.source,
        "target": check.target,
        "protocol": check.ports.protocol.value,
        "port": check.port,
        "expected": check.expected.value,
        "verdict": checked.verdict.value,
        "hosts": [{"host": host, "outcome": outcome.value} for host, outcome in tried],
        "problem": checked.problem or None,
    }
