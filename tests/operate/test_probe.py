"""The probe in pods that really run commands: its results, and its messages if nothing can run."""

import socket
from collections.abc import Iterator

import pytest

from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.live.progress import Progress
from flash_ticket.operate.probe import run_probe
from flash_ticket.verify.probe.check import Check, CheckVerdict, Expectation, TriedCheck
from flash_ticket.verify.probe.judgement import Enforcer
from flash_ticket.verify.probe.plan import ProbePlan, RunningPod
from flash_ticket.verify.probe.script import ProbeOutcome
from tests.support.clouds.kubelet import Kubelet

HOST = "127.0.0.1"
POD = RunningPod("api", "api-0", "main", HOST)


@pytest.fixture
def plan() -> Iterator[ProbePlan]:
    """Two declared connections, to an open and to a closed port, and an undeclared one."""
    with socket.create_server((HOST, 0)) as listening, socket.socket() as unheard:
        unheard.bind((HOST, 0))
        opened, closed = listening.getsockname()[1], unheard.getsockname()[1]
        checks = (
            Check("api", "pay", tcp(opened), opened, Expectation.CONNECTS, (HOST,)),
            Check("api", "redis", tcp(closed), closed, Expectation.CONNECTS, (HOST,)),
            Check("api", "gateway", tcp(opened), opened, Expectation.BLOCKED, (HOST,)),
        )
        yield ProbePlan(
            "flash-ticket", frozenset({"api", "pay", "gateway"}), (POD,), checks, (), Enforcer.DROPS, frozenset()
        )


def only_problem(checked: tuple[TriedCheck, ...]) -> str:
    """Return why nothing could run: the same reason for each check."""
    assert {each.verdict for each in checked} == {CheckVerdict.NOT_RUN}
    (problem,) = {each.problem for each in checked}
    return problem


def test_the_probe_opens_each_connection_from_the_pods_own_container(plan: ProbePlan) -> None:
    kubelet = Kubelet()
    with kubelet.serve() as cluster:
        probe = run_probe(cluster, plan, None, 30)

    assert [[seen.outcome for seen in each.seen] for each in probe.checked] == [
        [ProbeOutcome.CONNECTED],
        [ProbeOutcome.REFUSED],
        [ProbeOutcome.CONNECTED],
    ]
    assert [each.verdict for each in probe.checked] == [
        CheckVerdict.HOLDS,
        CheckVerdict.VIOLATED,
        CheckVerdict.VIOLATED,
    ]
    ((container, command),) = kubelet.executed
    assert (container, command[0]) == ("main", "sh")
    assert kubelet.added == []


def test_the_probe_opens_each_connection_from_an_added_container(plan: ProbePlan) -> None:
    kubelet = Kubelet()
    with kubelet.serve() as cluster:
        first = run_probe(cluster, plan, "tools@sha256:0", 30)
        second = run_probe(cluster, plan, "tools@sha256:0", 30)

    assert first.checked == second.checked
    assert [each.verdict for each in first.checked] == [
        CheckVerdict.HOLDS,
        CheckVerdict.VIOLATED,
        CheckVerdict.VIOLATED,
    ]
    assert [each["name"] for each in kubelet.added] == ["flash-firewall-probe-0", "flash-firewall-probe-1"]
    assert kubelet.executed == []


def test_the_added_container_meets_the_restricted_pod_security_standard(plan: ProbePlan) -> None:
    kubelet = Kubelet()
    with kubelet.serve() as cluster:
        run_probe(cluster, plan, "tools@sha256:0", 30)

    (added,) = kubelet.added
    assert added["image"] == "tools@sha256:0"
    assert added["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_an_image_that_cannot_be_pulled_is_reported_after_a_limited_wait(plan: ProbePlan) -> None:
    with Kubelet(waiting="ImagePullBackOff").serve() as cluster:
        problem = only_problem(run_probe(cluster, plan, "tools@sha256:0", 1).checked)

    assert problem == (
        "container flash-firewall-probe-0 waits (ImagePullBackOff) and has not ended within 1 s; "
        "it ends by itself once it has run"
    )


@pytest.mark.parametrize(
    ("status", "said", "message"),
    [
        (403, "pods is forbidden", "this identity may not: pods is forbidden"),
        (400, "pod api-0 does not have a host assigned", "the API server answers 400: pod api-0 does not have a host"),
        (500, "dial tcp: lookup node", "the API server answers 500: dial tcp: lookup node"),
    ],
)
def test_a_refused_exec_is_reported_in_the_servers_words(status: int, said: str, message: str, plan: ProbePlan) -> None:
    with Kubelet(refused=(status, said)).serve() as cluster:
        assert only_problem(run_probe(cluster, plan, None, 30).checked).startswith(message)


def test_an_unreachable_api_server_is_reported(plan: ProbePlan) -> None:
    with Kubelet().serve() as cluster:
        pass

    assert only_problem(run_probe(cluster, plan, None, 5).checked)


def test_an_interrupt_ends_all_waiting(plan: ProbePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "say", interrupt)
    with Kubelet(waiting="ContainerCreating").serve() as cluster, pytest.raises(KeyboardInterrupt):
        run_probe(cluster, plan, "tools@sha256:0", 3600)
