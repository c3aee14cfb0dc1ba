"""A suspension opens one policy's pods in its direction at the pod layer until its end, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.change.impact import difference
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.declare.suspensions import (
    Suspension,
    Suspensions,
    lasting,
    parse_suspensions,
)
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.verdict import Layer
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.kubernetes.schema import parsed_policy

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
HOSTILE = "</td><script>\x1b[31m{{ $labels }}\u202e: [*a, !!python/object:x {}]\n---\n=cmd|' /C calc'!A0"
API = Suspension("04-allow-egress-api", NOW + timedelta(minutes=30), "partner changes its address", "night shift")


def suspended(*suspensions: Suspension, at: datetime = NOW) -> CompiledFirewall:
    return compile_firewall(shop_matrix(), environment_of("dev"), Suspensions(suspensions, at))


def manifest(firewall: CompiledFirewall, name: str) -> dict[str, Any]:
    return next(policy.manifest() for policy in firewall.deployed_pods.policies if policy.name == name)


@pytest.mark.parametrize(
    ("policy", "rules"),
    [
        ("04-allow-egress-api", {"egress": [{}]}),
        ("02-allow-api-from-gateway", {"ingress": [{}]}),
        ("00-default-deny", {"ingress": [{}], "egress": [{}]}),
    ],
)
def test_a_suspended_policy_allows_all_traffic_in_its_directions(policy: str, rules: dict[str, Any]) -> None:
    declared, found = (manifest(suspended(*each), policy) for each in ((), (Suspension(policy, API.until, "r", "a"),)))

    assert found["spec"] == {
        **{key: declared["spec"][key] for key in ("podSelector", "policyTypes")},
        **rules,
    }
    assert found["metadata"]["name"] == declared["metadata"]["name"]
    assert found["metadata"]["labels"] == declared["metadata"]["labels"]
    assert parsed_policy(found)


def test_a_suspended_policy_has_annotations_with_end_author_and_reason() -> None:
    annotations = manifest(suspended(API), API.policy)["metadata"]["annotations"]

    assert annotations["flash-firewall/suspended-until"] == "2026-11-24T03:30:00Z"
    assert annotations["flash-firewall/suspended-by"] == "night shift"
    assert annotations["flash-firewall/suspended-because"] == "partner changes its address"


def test_a_suspension_opens_only_its_policys_pods_in_its_direction() -> None:
    opened = difference(suspended().layers(), suspended(API).layers())

    assert opened.by_layer[Layer.VPC] == ()
    assert {change.source for change in opened.by_layer[Layer.POD]} == {"api"}


def test_a_suspension_does_not_change_the_proof() -> None:
    assert suspended(API).proof() == suspended().proof()


def test_the_vpc_layer_still_applies_during_a_suspension() -> None:
    pairs = {
        (change.source, change.destination)
        for change in difference(suspended().layers(), suspended(API).layers()).through_both
    }

    assert not {pair for pair in pairs if "database" not in pair and "redis" not in pair and "rabbitmq" not in pair}


def test_a_notice_describes_an_open_suspension() -> None:
    assert str(suspended(API).notices()[0]) == (
        "SUSPENDED until 2026-11-24T03:30:00Z (30 min): 04-allow-egress-api: its pods are open in its direction to "
        "anything at the pod layer; the VPC layer still applies; suspended by night shift: partner changes its "
        "address. "
        "flash-firewall resume 04-allow-egress-api closes it at once."
    )


def test_after_its_end_a_suspension_is_closed_and_reported_as_over() -> None:
    over = suspended(API, at=API.until)

    assert manifest(over, API.policy) == manifest(suspended(), API.policy)
    assert next(str(notice) for notice in over.notices()).startswith(
        "suspension of 04-allow-egress-api: it ended at 2026-11-24T03:30:00Z, and this deployment closes it"
    )


def test_a_suspension_of_an_unknown_policy_is_refused_with_the_known_names() -> None:
    with pytest.raises(
        InputError, match=r"Pulumi.dev.yaml: .*:suspensions: '04-allow-egress-pai' is not a policy .*00-"
    ):
        suspended(Suspension("04-allow-egress-pai", API.until, "r", "a"))


def test_a_suspension_that_is_over_may_name_an_unknown_policy() -> None:
    assert suspended(Suspension("99-former", NOW, "r", "a")).proof().holds


MISTAKES: dict[str, tuple[Any, str]] = {
    "no list": ({}, "suspensions: {} is not a list"),
    "an unknown key": ([{"policy": "a", "til": 1}], "suspensions[0].til: this key is not known. Write 'until' instead"),
    "a time without its zone": (
        [{"policy": "a", "until": "2026-11-24T03:00:00", "reason": "r", "author": "a"}],
        "suspensions[0].until: '2026-11-24T03:00:00' is not a time with its zone",
    ),
    "an empty reason": (
        [{"policy": "a", "until": "2026-11-24T03:00:00Z", "reason": " ", "author": "a"}],
        "suspensions[0].reason: ' ' is blank",
    ),
    "a long reason": (
        [{"policy": "a", "until": "2026-11-24T03:00:00Z", "reason": "r" * 201, "author": "a"}],
        "suspensions[0].reason: it has 201 characters",
    ),
    "half a character": (
        [{"policy": "a", "until": "2026-11-24T03:00:00Z", "reason": "caf\udce9", "author": "a"}],
        "suspensions[0].reason: it contains bytes that are not text",
    ),
    "one policy twice": (
        [{"policy": "a", "until": "2026-11-24T03:00:00Z", "reason": "r", "author": "a"}] * 2,
        "suspensions: 'a' appears twice",
    ),
}


@pytest.mark.parametrize("content", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_reported_with_file_key_and_remedy(content: tuple[Any, str]) -> None:
    with pytest.raises(InputError) as error:
        parse_suspensions(content[0], "dev", NOW)

    assert str(error.value).startswith(f"Pulumi.dev.yaml: flash-ticket-firewall:{content[1]}")


@pytest.mark.parametrize("text", ["", "30", "0m", "59s", "25h", "1d", "-5m", "1441m", "9e9h"])
def test_a_duration_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--for: .* is not a time from 1m to 24h"):
        lasting(text)


@pytest.mark.parametrize(("text", "minutes"), [("1m", 1), ("90m", 90), ("24h", 1440)])
def test_a_duration_is_read(text: str, minutes: int) -> None:
    assert lasting(text) == timedelta(minutes=minutes)


def test_a_hostile_reason_is_harmless_wherever_it_is_shown() -> None:
    firewall = suspended(Suspension(API.policy, API.until, HOSTILE[:200], HOSTILE[:200]))
    shown = [
        *manifest(firewall, API.policy)["metadata"]["annotations"].values(),
        *map(str, firewall.notices()),
    ]

    assert all(text.isprintable() for text in shown)
    assert yaml.safe_load(yaml.safe_dump(shown)) == shown


def test_a_policy_that_is_applied_from_git_cannot_be_suspended() -> None:
    bound = environment_of("dev")
    rendered = replace(bound, cluster=replace(bound.cluster, pod_layer=PodLayerOwner.RENDERED))

    with pytest.raises(InputError) as refused:
        compile_firewall(shop_matrix(), rendered, Suspensions((API,), NOW))

    assert str(refused.value) == (
        "Pulumi.dev.yaml: flash-ticket-firewall:suspensions: cluster.podLayer is rendered, so Pulumi cannot open a "
        "policy: the policies are applied from Git. Revert the commit of the rendered files there, or edit "
        "traffic.yaml, run flash-firewall render and commit what it writes."
    )
    assert compile_firewall(shop_matrix(), rendered, Suspensions((API,), API.until)).suspensions.over == (API,)
