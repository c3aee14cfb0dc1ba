"""Rules of a service's own group for DNS and probes stay until all its running pods carry the group of all pods."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.ownership.waiting import RunningPod, waiting_services
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from tests.support.declared.described import deployed
from tests.support.declared.former_layout import former_layout
from tests.support.declared.stacks import CASES

OWN, EVERY = "sg-own-pay", "sg-own-pods.flash-ticket"
SERVICES = {"api", "gateway", "pay"}


def shop(case: str = "dev") -> CompiledFirewall:
    return compile_firewall(*CASES[case]())


def between() -> Deployed:
    """What is deployed after the first deployment of this version on top of an earlier one."""
    new = shop()
    return deployed(compile_firewall(new.matrix, replace(new.environment, waiting=frozenset(SERVICES))))


def pod(*groups: str, service: str = "pay") -> RunningPod:
    return RunningPod((("app", f"flash-{service}"), ("pod-template-hash", "x")), frozenset(groups))


def waiting(stands: Deployed, pods: Sequence[RunningPod] | None, case: str = "dev") -> frozenset[str]:
    new = shop(case)
    return waiting_services(new.matrix, new.environment, stands, pods)


@pytest.mark.parametrize("pods", [None, [], [pod(OWN)], [pod(OWN, EVERY)]])
def test_every_service_waits_while_the_policies_of_an_earlier_version_are_deployed(pods: Any) -> None:  # noqa: ANN401 - a list
    """A pod that starts before the new policies are there gets the old groups, so it is not known yet who waits."""
    assert waiting(deployed(former_layout(shop())), pods) == SERVICES


def test_a_service_waits_no_longer_when_all_its_pods_have_restarted() -> None:
    assert waiting(between(), []) == set()
    assert waiting(between(), [pod(OWN, EVERY), pod(OWN)]) == {"pay"}
    assert waiting(between(), [pod(OWN, EVERY), pod("sg-dev-nodes")]) == set()
    assert waiting(between(), [RunningPod((("app", "flash-pay"),), None)]) == {"pay"}
    assert waiting(between(), [pod("sg-own-api", service="api"), pod(OWN, service="api")]) == {"api"}
    assert waiting(between(), None) == SERVICES


def test_nobody_waits_without_rules_of_an_earlier_version() -> None:
    assert waiting(deployed(shop()), [pod(OWN)]) == set()
    assert waiting(deployed(shop()), None) == set()


def test_nobody_waits_where_pods_have_no_groups_of_ours() -> None:
    assert shop("dev-nodes").environment.cluster.attachment is Attachment.NODES
    assert waiting(deployed(former_layout(shop())), None, "dev-nodes") == set()


def test_the_preview_says_that_pods_must_restart_once() -> None:
    new = shop()
    old = compile_firewall(new.matrix, replace(new.environment, waiting=frozenset(SERVICES)))
    (notice,) = (each for each in old.notices() if each.where.startswith("pods of"))

    assert notice.where == "pods of api and 2 more services"
    assert "stay until they restart" in notice.what
    assert notice.remedy == (
        "Restart these pods once (kubectl rollout restart), and deploy again: that removes the rules"
    )
    assert not [each for each in new.notices() if each.where.startswith("pods of")]
