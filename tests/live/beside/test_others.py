"""Policies of other APIs are read from a cluster: an API that is not there holds none, and a missing right is said."""

import json
from typing import Any

import pytest

from flash_ticket.live.beside.others import read_others
from tests.support.clouds.api_server import answering, connected

ADMIN, CILIUM = "/apis/policy.networking.k8s.io/v1alpha1", "/apis/cilium.io/v2"
LABELS = {"team": "shop"}
Answers = dict[str, tuple[int, bytes]]


def kinds(*names: str) -> tuple[int, bytes]:
    return 200, json.dumps({"kind": "APIResourceList", "resources": [{"name": each} for each in names]}).encode()


def listing(*names: str, labels: dict[str, str] | None = None) -> tuple[int, bytes]:
    items: list[dict[str, Any]] = [{"metadata": {"name": each, "labels": labels or {}}} for each in names]
    return 200, json.dumps({"items": items, "metadata": {}}).encode()


def test_a_cluster_without_these_apis_holds_no_policy() -> None:
    with answering({}) as url:
        found = read_others(connected(url), {"shop": LABELS})

    assert (found.policies, found.unread, found.namespaces) == ((), (), {"shop": LABELS})


def test_policies_of_the_namespace_and_of_the_cluster_are_read_with_the_labels_of_namespaces() -> None:
    answers: Answers = {
        ADMIN: kinds("adminnetworkpolicies", "adminnetworkpolicies/status"),
        f"{ADMIN}/adminnetworkpolicies": listing("quarantine"),
        f"{ADMIN}/baselineadminnetworkpolicies": (403, b"{}"),
        CILIUM: kinds("ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies"),
        f"{CILIUM}/namespaces/shop/ciliumnetworkpolicies": listing("debug"),
        f"{CILIUM}/ciliumclusterwidenetworkpolicies": listing("hosts"),
        "/api/v1/namespaces?limit=500": listing("monitoring", labels={"tier": "platform"}),
    }
    with answering(answers) as url:
        found = read_others(connected(url), {"shop": LABELS})

    assert [(each.api.kind, each.name) for each in found.policies] == [
        ("AdminNetworkPolicy", "quarantine"),
        ("CiliumNetworkPolicy", "debug"),
        ("CiliumClusterwideNetworkPolicy", "hosts"),
    ]
    assert found.namespaces == {"shop": LABELS, "monitoring": {"tier": "platform"}}
    assert found.unread == ()


@pytest.mark.parametrize("missing", [f"{ADMIN}/adminnetworkpolicies", "/api/v1/namespaces?limit=500"])
def test_a_missing_right_is_reported_and_the_rest_is_read(missing: str) -> None:
    answers: Answers = {
        ADMIN: kinds("adminnetworkpolicies", "baselineadminnetworkpolicies"),
        f"{ADMIN}/adminnetworkpolicies": listing("quarantine"),
        f"{ADMIN}/baselineadminnetworkpolicies": listing("default"),
        "/api/v1/namespaces?limit=500": listing("shop"),
    }
    answers[missing] = (403, b"{}")
    with answering(answers) as url:
        found = read_others(connected(url), {"shop": LABELS})

    (error,) = found.unread
    assert str(error) == (
        f"Kubernetes: {missing.partition('?')[0]}: this identity may not read it. Grant get and list on it."
    )
    assert "default" in [each.name for each in found.policies]


def test_a_policy_that_two_apis_of_calico_show_is_read_once() -> None:
    crd, shown = "/apis/crd.projectcalico.org/v1", "/apis/projectcalico.org/v3"
    answers: Answers = {
        crd: kinds("globalnetworkpolicies"),
        f"{crd}/globalnetworkpolicies": listing("default.deny"),
        shown: kinds("globalnetworkpolicies"),
        f"{shown}/globalnetworkpolicies": listing("default.deny"),
    }
    with answering(answers) as url:
        found = read_others(connected(url), {"shop": LABELS})

    assert [(each.api.group, each.name) for each in found.policies] == [("crd.projectcalico.org", "default.deny")]
