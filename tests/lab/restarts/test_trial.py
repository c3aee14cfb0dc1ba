"""What counts as lost while pods come and go."""

from dataclasses import replace
from pathlib import Path

import pytest

from flash_ticket.firewall.terms.ports import tcp
from lab.on_the_way.moments.stage import Pod
from lab.on_the_way.probe import Kept, Look, Run
from lab.packets.connections import Attempt
from lab.restarts.replicas import Replica
from lab.restarts.traffic import Flow
from lab.restarts.trial import Happened, Trial, judged

CALLER, OLD, NEW = (
    Replica(service, Pod(name, Path("/run/netns") / name, f"198.18.101.{number}", 0.0))
    for number, (service, name) in enumerate((("gateway", "caller"), ("api", "old"), ("api", "new")))
)
BEGIN = 10.0
INTERVAL = 0.05
ENDED = Happened(BEGIN + 3, {NEW: BEGIN + 1}, {NEW: BEGIN + 2.5}, (OLD,), frozenset({"api"}))
"""The old pod must end from 10 s on, and still works for 3 s. The new pod's container starts at 11 s."""


def flow(source: Replica | None, target: Replica | None, service: str = "") -> Flow:
    return Flow(source, target, service, Attempt(Path("/run/netns"), "198.18.101.9", tcp(4000)), "gateway => api")


def trial(tried: Flow, text: str, kept: Kept | None = None, happened: Happened = ENDED) -> Trial:
    """Return what became of a flow; each character is an attempt: ``+`` passes, ``-`` does not, from 10 s on."""
    runs: list[Run] = []
    for number, sign in enumerate(text):
        at, passed = BEGIN + number * INTERVAL, sign == "+"
        if runs and runs[-1].passed is passed:
            last = runs.pop()
            runs.append(replace(last, count=last.count + 1, last=at, gap=INTERVAL))
        else:
            runs.append(Run(passed, 1, at, at, 0.0))
    return judged({1: tried}, Look({1: tuple(runs)}, {1: kept} if kept else {}, ()), happened, INTERVAL)


def test_between_ends_that_stay_every_attempt_has_to_pass() -> None:
    stays = flow(CALLER, None)

    assert trial(stays, "++++").wrong == []
    found = trial(stays, "++-+")
    assert (found.staying.tried, found.staying.lost, found.wrong) == (4, 1, ["gateway => api is lost"])


def test_a_connection_between_ends_that_stay_must_not_be_cut() -> None:
    found = trial(flow(CALLER, None), "++++", Kept(silence=0.1, quiet=2.0, ended="", answered=True))

    assert (found.kept, found.cut, found.wrong) == (1, 1, ["gateway => api is cut"])


@pytest.mark.parametrize(("text", "lost"), [("+" * 60 + "-" * 20, 0), ("+" * 10 + "-" * 70, 70)])
def test_a_pod_that_ends_works_until_its_end_and_not_longer(text: str, lost: int) -> None:
    assert trial(flow(CALLER, OLD), text).staying.lost == lost


def test_of_a_new_pod_counts_what_comes_after_the_start_of_its_container() -> None:
    found = trial(flow(NEW, None), "-" * 30 + "+" * 10)

    assert (found.to_places.lost, found.to_places.tried) == (10, 20)
    assert found.to_places.seconds == pytest.approx(0.5)
    assert found.ready == pytest.approx(1.5)


def test_a_new_pod_that_never_connects_is_wrong() -> None:
    assert trial(flow(NEW, None, "pay"), "-" * 40).wrong == ["gateway => api never connects"]


def test_flows_of_a_new_pod_are_distinguished_by_their_other_end() -> None:
    assert trial(flow(NEW, None, "pay"), "+" * 40).to_pods.tried == 20
    assert trial(flow(CALLER, NEW), "+" * 40).from_callers.tried == 20


def test_a_service_whose_pods_change_is_counted_apart() -> None:
    found = trial(flow(CALLER, None, "api"), "++--+++")

    assert (found.called.tried, found.called.lost, found.staying.tried) == (7, 2, 0)
    assert found.called.seconds == pytest.approx(3 * INTERVAL)
    assert found.wrong == []


def test_no_connection_to_dns_is_kept_for_dns_ends_it_without_a_question() -> None:
    assert flow(CALLER, OLD).is_kept
    assert not flow(CALLER, OLD, "api").is_kept
    assert not replace(flow(CALLER, None), attempt=Attempt(Path("/run/netns"), "198.19.128.10", tcp(53))).is_kept
