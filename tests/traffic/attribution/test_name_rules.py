"""The DNS rules of Cilium's policies: what they allow to which pods."""

from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.change.overruling import OtherPolicy
from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS
from flash_ticket.traffic.attribution.inventory import NameRule
from flash_ticket.traffic.attribution.name_rules import CLUSTERWIDE, NAMESPACED, listed_name_rules, rules_in
from tests.support.traffic.incident import INVENTORY

PAY = (("app", "flash-pay"), ("tier", "back"))


def egress(*names: dict[str, str]) -> dict[str, Any]:
    return {
        "toEndpoints": [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system"}}],
        "toPorts": [{"ports": [{"port": "53", "protocol": "ANY"}], "rules": {"dns": list(names)}}],
    }


def policy(spec: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"metadata": {"name": "pay-names", "namespace": "flash-ticket"}, "spec": spec, **more}


def test_a_rule_has_its_policy_its_place_and_its_names() -> None:
    spec = {
        "endpointSelector": {"matchLabels": {"app": "flash-pay"}},
        "egress": [{"toEntities": ["world"]}, egress({"matchName": "a.example"}, {"matchPattern": "*.b.example"})],
    }

    assert list(listed_name_rules(NAMESPACED, [policy(spec)])) == [
        NameRule(
            "CiliumNetworkPolicy flash-ticket/pay-names",
            "spec.egress[1].toPorts[0].rules.dns",
            "flash-ticket",
            (("app", "flash-pay"),),
            ("a.example", "*.b.example"),
        )
    ]


def test_a_policy_of_the_whole_cluster_selects_by_namespace_too() -> None:
    labels = {"k8s:io.kubernetes.pod.namespace": "flash-ticket", "any:app": "flash-pay"}
    described = {
        "metadata": {"name": "names"},
        "specs": [
            {"egress": []},
            {"endpointSelector": {"matchLabels": labels}, "egress": [egress({"matchName": "a"})]},
        ],
    }

    (rule,) = listed_name_rules(CLUSTERWIDE, [described])

    assert (rule.policy, rule.place) == (
        "CiliumClusterwideNetworkPolicy names",
        "specs[1].egress[0].toPorts[0].rules.dns",
    )
    assert rule.selects("flash-ticket", PAY)
    assert not rule.selects("monitoring", PAY)
    assert not rule.selects("flash-ticket", (("app", "flash-api"),))


@pytest.mark.parametrize(
    "described",
    [
        {},
        policy({}),
        policy({"egress": "all"}),
        policy({"egress": [None, {"toPorts": [None, {"rules": {"dns": None}}]}]}),
        policy({"egress": [egress()]}, specs=["x"]),
        {"metadata": None, "spec": []},
    ],
)
def test_a_policy_without_a_dns_rule_yields_nothing(described: dict[str, Any]) -> None:
    assert list(listed_name_rules(NAMESPACED, [described])) == []


def test_the_rules_of_a_saved_inventory_are_in_the_policies_of_others() -> None:
    spec = {"endpointSelector": {}, "egress": [egress({"matchName": "a.example"})]}
    by_kind = {api.kind: api for api in OVERRULING_APIS if api.group == "cilium.io"}
    others = (
        OtherPolicy(by_kind[NAMESPACED], policy(spec)),
        OtherPolicy(by_kind[CLUSTERWIDE], {"metadata": {"name": "all"}, "spec": spec}),
        OtherPolicy(OVERRULING_APIS[0], policy(spec)),
    )

    found = [each.policy for each in rules_in(replace(INVENTORY, others=others))]

    assert found == ["CiliumNetworkPolicy flash-ticket/pay-names", "CiliumClusterwideNetworkPolicy all"]
    assert list(rules_in(INVENTORY)) == []
