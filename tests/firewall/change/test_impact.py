"""The preview shows exactly what a change opens and closes in each layer, and one line if nothing changes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from flash_ticket.firewall.bind.environment import Adopting, Environment
from flash_ticket.firewall.change.impact import difference, impact
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.verdict import Layer
from flash_ticket.report.impact import difference_text, impact_text, impact_warnings
from tests.support.declared.accounts import binding_content, environment_of
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.described import Described, deployed, nothing_deployed
from tests.support.declared.stacks import CASES, traffic_content

NOTHING = "No connection is opened or closed."
API = {"podSelector": {"matchLabels": {"app": "flash-api"}}}


def firewall(content: dict[str, Any] | None = None, binding: dict[str, Any] | None = None) -> CompiledFirewall:
    matrix = parse_matrix(content or traffic_content(), "traffic.yaml")
    return compile_firewall(matrix, environment_of("dev", binding, matrix))


def through_both(before: CompiledFirewall, after: CompiledFirewall) -> list[str]:
    """Return the differences through both layers, as a preview shows them."""
    found = impact(deployed(before), after.layers()).difference
    return [str(change) for change in found.through_both] if found else []


def alone(layer: Layer, before: CompiledFirewall, after: CompiledFirewall) -> list[str]:
    found = impact(deployed(before), after.layers()).difference
    assert found
    return [str(change) for change in found.by_layer[layer]]


def foreign(name: str, spec: Described) -> Described:
    metadata = {"name": name, "namespace": "flash-ticket"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def warnings(*policies: Described) -> Iterator[str]:
    shop = firewall()
    return impact_warnings(impact(deployed(shop, foreign_policies=policies), shop.layers()))


def without_redis() -> CompiledFirewall:
    content, binding = traffic_content(), binding_content("dev")
    del content["externals"]["redis"], binding["places"]["redis"]
    for flow in content["flows"]:
        if "redis" in flow["to"]:
            flow["to"].remove("redis")
    return firewall(content, binding)


def with_mail() -> CompiledFirewall:
    content = traffic_content()
    content["services"]["mail"] = {"pods": {"app": "flash-mail"}, "ports": [2525]}
    content["flows"].append({"from": "pay", "to": "mail"})
    return firewall(content)


@pytest.mark.parametrize("case", CASES)
def test_no_change_is_one_line(case: str) -> None:
    shop = compile_firewall(*CASES[case]())

    found = impact(deployed(shop), shop.layers())

    assert impact_text(found) == NOTHING
    assert list(impact_warnings(found)) == []


@given(shops())
def test_deploying_the_same_again_never_changes_anything(drawn: tuple[Matrix, Environment]) -> None:
    shop = compile_firewall(*drawn)

    assert impact_text(impact(deployed(shop), shop.layers())) == NOTHING


def test_a_first_deployment_lists_nothing() -> None:
    text = impact_text(impact(nothing_deployed(), firewall().layers()))

    assert text == "Nothing is deployed yet: this opens what is declared and closes the rest."


def test_a_removed_flow_is_one_line_and_an_added_one_too() -> None:
    content = traffic_content()
    content["flows"][3]["to"].remove("redis")
    fewer = firewall(content)

    assert through_both(firewall(), fewer) == ["removed  pay => redis : TCP 6379"]
    assert through_both(fewer, firewall()) == ["added    pay => redis : TCP 6379"]
    assert alone(Layer.VPC, firewall(), fewer) == ["removed  pay => redis : TCP 6379"]


def test_a_changed_port_is_a_line_for_each_flow_to_it() -> None:
    content = traffic_content()
    content["externals"]["redis"]["ports"] = [6380]

    assert through_both(firewall(), firewall(content)) == [
        "changed  api => redis : TCP 6379 -> TCP 6380",
        "changed  pay => redis : TCP 6379 -> TCP 6380",
    ]


def test_changes_of_the_load_balancers_clients_and_ports_are_shown() -> None:
    binding = binding_content("dev")
    binding["loadBalancer"]["listeners"] = [80, 443]
    both = firewall(None, binding)
    binding["loadBalancer"]["clients"] = {"cidrs": ["0.0.0.0/0"]}
    anybody = firewall(None, binding)

    assert through_both(firewall(), both) == ["changed  clients of alb => alb : TCP 443 -> TCP 80,443"]
    assert "removed  the internet => alb : TCP 80,443" in through_both(anybody, both)


def test_changes_that_only_the_pod_layer_sees_by_address_are_shown_separately() -> None:
    """All datastores share their subnets, so to the pod layer a port of one is a port of all."""
    content = traffic_content()
    content["flows"][3]["to"].remove("redis")

    text = impact_text(impact(deployed(firewall()), firewall(content).layers()))

    assert text.splitlines()[:6] == [
        "What this opens and closes:",
        "  through both layers:",
        "    removed  pay => redis : TCP 6379",
        "  in the pod layer only, stopped by the other:",
        "    changed  pay => another host of the VPC : TCP 3306,5432,5672,6379 -> TCP 3306,5432,5672",
        "    changed  pay => database : TCP 3306,5432,5672,6379 -> TCP 3306,5432,5672",
    ]


def test_without_the_account_no_change_is_said_to_be_stopped_by_groups_of_others() -> None:
    """With attachment nodes, rules of others may open the VPC layer for what the pod layer opens."""
    binding, content = binding_content("dev"), traffic_content()
    binding["cluster"]["attachment"] = "nodes"
    content["flows"][3]["to"].remove("redis")
    found = difference(firewall(None, binding).layers(), firewall(content, binding).layers())

    assert "in the pod layer only, as far as known without the account:" in difference_text(found)


def test_a_new_service_opens_what_it_needs_and_a_removed_one_closes_it() -> None:
    opened = ["mail => DNS : TCP 53,UDP 53", "pay => mail : TCP 2525"]

    for line in opened:
        assert f"added    {line}" in through_both(firewall(), with_mail())
        assert f"removed  {line}" in through_both(with_mail(), firewall())
    assert len(through_both(firewall(), with_mail())) == len(through_both(with_mail(), firewall())) == 3


def test_an_external_that_is_no_longer_declared_closes_what_it_had() -> None:
    """Its name and groups are no longer in the files, but the deployed objects still contain them."""
    assert through_both(firewall(), without_redis()) == [
        "removed  api => redis : TCP 6379",
        "removed  pay => redis : TCP 6379",
    ]
    assert through_both(without_redis(), firewall()) == [
        "added    api => redis : TCP 6379",
        "added    pay => redis : TCP 6379",
    ]


def test_pods_of_another_namespace_that_are_no_longer_declared_close_what_they_had() -> None:
    scraped = compile_firewall(*CASES["dev-prometheus"]())

    assert "removed  prometheus => api : TCP 9090" in through_both(scraped, firewall())


def test_the_place_of_a_former_external_may_be_addresses_or_a_prefix_list() -> None:
    content, binding = traffic_content(), binding_content("dev")
    content["externals"] |= {"bank": {"ports": [443]}, "cdn": {"ports": [8443]}}
    content["flows"] += [{"from": "pay", "to": "bank"}, {"from": "cdn", "to": "gateway"}, {"from": "api", "to": "cdn"}]
    binding["places"]["bank"] = {"cidrs": ["192.0.2.0/24"]}
    binding["places"]["cdn"] = {"prefixList": {"name": "com.amazonaws.global.cloudfront.origin-facing"}}

    assert through_both(firewall(content, binding), firewall()) == [
        "removed  api => cdn : TCP 8443",
        "removed  cdn => gateway : TCP 3000",
        "removed  pay => bank : TCP 443",
    ]


@settings(max_examples=20)
@given(shops(), shops())
def test_any_deployment_can_be_followed_by_any_other(
    before: tuple[Matrix, Environment], after: tuple[Matrix, Environment]
) -> None:
    stands, planned = compile_firewall(*before), compile_firewall(*after)

    found = impact(deployed(stands), planned.layers())

    assert bool(found.difference) == (impact_text(found) != NOTHING)


def test_a_rule_changed_by_hand_is_shown_even_if_the_matrix_is_the_same() -> None:
    shop = firewall()
    stands = deployed(shop)
    widened = tuple(
        {**rule, "ToPort": 9999} if "tcp-4000" in rule["SecurityGroupRuleId"] else rule for rule in stands.rules
    )

    found = impact(replace(stands, rules=widened), shop.layers()).difference

    assert found
    assert [str(change) for change in found.through_both] == ["changed  the kubelet => api : TCP 4000-9999 -> TCP 4000"]
    assert "changed  gateway => api : TCP 4000-9999 -> TCP 4000" in map(str, found.by_layer[Layer.VPC])
    assert not found.by_layer[Layer.POD]


def test_a_deleted_default_deny_is_shown() -> None:
    shop = firewall()
    stands = deployed(shop)
    held = tuple(policy for policy in stands.policies if policy["metadata"]["name"] != "00-default-deny")

    text = impact_text(impact(replace(stands, policies=held), shop.layers()))

    assert "    removed  another pod of flash-ticket => the internet : All Connections" in text.splitlines()


def test_more_than_30_lines_are_cut_with_a_count() -> None:
    content = traffic_content()
    content["services"] |= {
        f"worker-{number}": {"pods": {"app": f"worker-{number}"}, "ports": [7000]} for number in range(40)
    }
    content["flows"].append({"from": "gateway", "to": [f"worker-{number}" for number in range(40)]})

    lines = impact_text(impact(deployed(firewall()), firewall(content).layers())).splitlines()

    heading = lines.index("  through both layers:")
    assert lines[heading + 30].startswith("    added ")
    assert lines[heading + 31] == "    and 90 more"  # to each of 40: gateway and the kubelet; from each: DNS


def test_a_difference_between_two_declarations_is_shown_the_same_way() -> None:
    assert difference_text(difference(firewall().layers(), firewall().layers())) == NOTHING
    assert "    removed  api => redis : TCP 6379" in difference_text(
        difference(firewall().layers(), without_redis().layers())
    )


def test_a_foreign_policy_that_opens_more_is_named_with_what_it_opens() -> None:
    policy = foreign(
        "let-me-in",
        {**API, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "8.8.8.8/32"}}]}]},
    )

    assert list(warnings(policy)) == [
        (
            "This program did not create the NetworkPolicy let-me-in, which opens more:\n"
            "    added    api => the internet : All Connections\n"
            "Remove it, or declare its flows in traffic.yaml."
        )
    ]


def test_pods_that_only_a_foreign_policy_selects_are_named_by_its_selector() -> None:
    peer = {
        "namespaceSelector": {"matchLabels": {"team": "growth"}},
        "podSelector": {"matchLabels": {"app": "crawler"}},
    }
    policy = foreign("crawl", {**API, "ingress": [{"from": [peer], "ports": [{"port": 4000}]}]})

    (warning,) = warnings(policy)

    assert "app=crawler => api : TCP 4000" in warning


@pytest.mark.parametrize(
    "spec",
    [
        {"podSelector": {}},
        {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        {
            **API,
            "ingress": [
                {"from": [{"podSelector": {"matchLabels": {"app": "flash-gateway"}}}], "ports": [{"port": 4000}]}
            ],
        },
        {
            **API,
            "ingress": [
                {"from": [{"podSelector": {"matchLabels": {"app": "flash-gateway"}}}], "ports": [{"port": "http"}]}
            ],
        },
    ],
    ids=["denies ingress", "denies all", "says the same", "names a port that nobody has"],
)
def test_a_foreign_policy_that_opens_nothing_is_not_shown(spec: Described) -> None:
    assert list(warnings(foreign("theirs", spec))) == []


def test_a_foreign_policy_is_shown_only_with_what_it_opens_itself() -> None:
    """Both policies select an undeclared pod; each opens only its own direction."""
    crawler = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "crawler"}}}
    opens = foreign("opens", {**API, "ingress": [{"from": [crawler]}]})
    names = foreign("names", {**API, "policyTypes": ["Egress"], "egress": [{"to": [crawler], "ports": [{"port": 1}]}]})

    first, second = warnings(opens, names)

    assert "app=crawler => api" in first
    assert "api =>" not in first
    assert "api => " in second
    assert "=> api" not in second


def test_what_foreign_policies_open_only_together_is_named_with_all_that_it_needs() -> None:
    """Each policy opens one end of a connection from pay to api; neither opens a connection alone."""
    api, pay = ({"podSelector": {"matchLabels": {"app": app}}} for app in ("flash-api", "flash-pay"))
    accepts = foreign("accepts", {**API, "ingress": [{"from": [pay], "ports": [{"port": 9000}]}]})
    calls = foreign("calls", {**pay, "policyTypes": ["Egress"], "egress": [{"to": [api], "ports": [{"port": 9000}]}]})
    denies = foreign("denies", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})

    assert list(warnings(accepts, denies)) == list(warnings(calls, denies)) == []
    assert list(warnings(accepts, calls, denies)) == [
        (
            "The NetworkPolicies accepts and calls of others open more together:\n"
            "    added    pay => api : TCP 9000\n"
            "Remove one of them, or declare the flows in traffic.yaml."
        )
    ]


def test_a_foreign_policy_for_undeclared_pods_opens_what_default_deny_denies() -> None:
    policy = foreign(
        "theirs", {"podSelector": {"matchLabels": {"app": "wiki"}}, "ingress": [{"ports": [{"port": 80}]}]}
    )

    (warning,) = warnings(policy)

    assert "added    the internet => a pod of flash-ticket with app=wiki : TCP 80" in warning


def test_a_foreign_policy_with_a_name_of_ours_is_shown_as_replaced() -> None:
    assert list(warnings(foreign("00-default-deny", {"podSelector": {}, "ingress": [{}]}))) == [
        (
            "NetworkPolicies that this program did not create have the names of its own: 00-default-deny. A deployment "
            "replaces their rules, and destroy removes them."
        )
    ]


def test_a_policy_to_take_over_is_not_shown_as_replaced_against_the_will_of_its_owner() -> None:
    policy, shop = foreign("00-default-deny", {"podSelector": {}, "ingress": [{}]}), firewall()
    adopting = replace(shop.environment, adopting=Adopting(frozenset({"00-default-deny"})))
    planned = replace(shop, environment=adopting)

    assert list(impact_warnings(impact(deployed(planned, foreign_policies=(policy,)), planned.layers()))) == []


def test_what_others_open_is_shown_before_the_first_deployment_too() -> None:
    policy = foreign("open", {"podSelector": {}, "ingress": [{}]})

    found = impact(nothing_deployed(foreign_policies=(policy,)), firewall().layers())

    warning = next(impact_warnings(found))

    assert "This program did not create the NetworkPolicy open, which opens more" in warning
    assert warning.endswith("When this update has succeeded, remove it, or declare its flows in traffic.yaml.")


def paying(*domains: str) -> CompiledFirewall:
    """Return a firewall with Cilium in which pay reaches these names, or none."""
    content, binding = traffic_content(), binding_content("dev")
    binding["cluster"] |= {"attachment": "nodes", "cni": {"name": "cilium"}}
    if domains:
        content["externals"]["payments"] = {"domains": list(domains), "ports": [8443]}
        content["flows"].append({"from": "pay", "to": "payments"})
    return firewall(content, binding)


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (("a.x.com",), ("a.x.com", "b.x.com"), ["added    pay => b.x.com : TCP 8443"]),
        (("a.x.com", "b.x.com"), ("a.x.com",), ["removed  pay => b.x.com : TCP 8443"]),
        (("*.x.com",), ("a.x.com",), ["removed  pay => *.x.com : TCP 8443"]),
        (("a.x.com",), ("*.x.com",), ["added    pay => *.x.com : TCP 8443"]),
        (("*.x.com",), ("*.x.com", "a.x.com"), []),
        ((), ("a.x.com",), ["added    pay => a.x.com : TCP 8443", "added    pay => payments : TCP 8443"]),
        (("a.x.com",), (), ["removed  pay => a.x.com : TCP 8443", "removed  pay => payments : TCP 8443"]),
    ],
)
def test_a_difference_shows_each_domain_name(before: tuple[str, ...], after: tuple[str, ...], shown: list[str]) -> None:
    one, other = paying(*before), paying(*after)
    found = difference(one.layers(), other.layers())

    assert [str(change) for change in found.through_both] == shown
    # What is deployed no longer tells that the addresses of a former name are not others of the internet.
    of_names = [each for each in through_both(one, other) if "=> the internet" not in each]
    assert of_names == shown
