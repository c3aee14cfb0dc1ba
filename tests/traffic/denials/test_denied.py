"""Denials of an invented incident: which layer, declared or not, why, and how to allow it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.firewall.terms.verdict import Direction, Layer
from flash_ticket.traffic.attribution.attributed_traffic import attribute_logs
from flash_ticket.traffic.attribution.inventory import Interface, Inventory
from flash_ticket.traffic.denials.cause import Suspect
from flash_ticket.traffic.denials.denied import Denial, Denied, Standing, denied
from flash_ticket.traffic.records.record import Disposition, Evidence, PodIdentity, Record
from tests.support.declared.described import deployed, rule
from tests.support.declared.stacks import CASES, as_eks_makes_groups
from tests.support.traffic.incident import (
    ALB,
    API_SERVICE,
    BASTION,
    CLIENT,
    DEV,
    FIREWALL,
    INVENTORY,
    NODE,
    RABBITMQ,
    REDIS,
    SHOP,
    STRANGER,
    UNKNOWN_STORE,
    Heard,
    line,
)

GATEWAY, API, API_BARE, API_YOUNG, PAY = "10.10.10.11", "10.10.10.21", "10.10.10.22", "10.10.10.23", "10.10.10.31"
DEBUG, PAY_MISLABELLED, MONITORING = "10.10.10.41", "10.10.10.42", "10.10.10.51"
AGENT = Evidence.POLICY_AGENT
UNANSWERED = Disposition.UNANSWERED


def found(*lines: Record, inventory: Inventory = INVENTORY, service: str | None = None) -> Denied:
    return denied(attribute_logs(SHOP, inventory, [Heard(lines)]), service)


def only(denials: Iterable[Denial]) -> Denial:
    (denial,) = denials
    return denial


def suspects(denial: Denial) -> list[Suspect]:
    return [cause.suspect for cause in denial.causes]


def standing(**fields: Any) -> Inventory:  # noqa: ANN401 - the fields of Deployed
    return replace(INVENTORY, deployed=deployed(FIREWALL, **fields))


def test_a_denial_has_both_ends_a_count_and_a_period() -> None:
    denial = only(
        found(line(API_BARE, REDIS, 6379, count=3), line(API_BARE, REDIS, 6379, at=500, interface="eni-redis")).denials
    )

    assert (denial.source.name, denial.destination.name, denial.port, denial.layer) == (
        *("api", "redis", tcp(6379)),
        Layer.VPC,
    )
    assert (denial.count, denial.last - denial.first) == (4, 440)
    assert (denial.sources, denial.destinations) == ((API_BARE,), (REDIS,))


def test_layers_are_reported_separately_and_logs_of_one_layer_together() -> None:
    denials = found(
        line(DEBUG, PAY, 3100, evidence=AGENT, direction=Direction.INGRESS),
        line(DEBUG, PAY, 3100, evidence=Evidence.HUBBLE, reason="POLICY_DENIED", direction=Direction.EGRESS),
        line(DEBUG, PAY, 3100),
    ).denials

    assert {(each.layer, each.evidence, each.count) for each in denials} == {
        (Layer.POD, (AGENT, Evidence.HUBBLE), 2),
        (Layer.VPC, (Evidence.FLOW_LOG,), 1),
    }


def test_a_denial_names_what_decides_in_the_layer_that_stopped_it() -> None:
    pod, vpc = (
        only(found(line(GATEWAY, PAY, 3100, evidence=evidence)).denials).decided
        for evidence in (AGENT, Evidence.FLOW_LOG)
    )

    default, egress, ingress = (
        f"flash-ticket/{name}" for name in ("00-default-deny", "04-allow-egress-gateway", "03-allow-pay-from-api")
    )
    assert pod == (
        f"Egress: {default}, {egress} govern gateway, and no rule names pay",
        f"Ingress: {default}, {ingress} govern pay, and no rule names gateway",
    )
    assert vpc == (
        "Egress: gateway, pods.flash-ticket govern gateway, and no rule names pay",
        "Ingress: pay, pods.flash-ticket govern pay, and no rule names gateway",
    )


@pytest.mark.parametrize(
    ("source", "destination", "port", "protocol"),
    [
        (GATEWAY, API, 4000, 6),
        (GATEWAY, API_SERVICE, 80, 6),
        (PAY, RABBITMQ, 5672, 6),
        (ALB, GATEWAY, 3000, 6),
        (CLIENT, ALB, 443, 6),
        (PAY, "10.10.11.3", 53, 17),
        (NODE, PAY, 3100, 6),
    ],
)
def test_flows_dns_probes_and_clients_are_declared(source: str, destination: str, port: int, protocol: int) -> None:
    result = found(line(source, destination, port, protocol=protocol))

    denial = only(result.denials)
    assert denial.standing is Standing.DECLARED
    assert denial.allowance is None
    assert denial.causes
    assert not result.holds


@pytest.mark.parametrize(
    ("source", "destination", "port"),
    [(API, GATEWAY, 3000), (API, API_BARE, 4000), (STRANGER, ALB, 443), (CLIENT, ALB, 80), (DEBUG, PAY, 3100)],
)
def test_everything_else_is_undeclared(source: str, destination: str, port: int) -> None:
    result = found(line(source, destination, port))

    assert only(result.denials).standing is Standing.UNDECLARED
    assert only(result.denials).allowance
    assert result.holds


def test_declared_denials_come_first_even_with_few_lines() -> None:
    denials = found(
        line(STRANGER, PAY, 22, count=900), line(API_BARE, REDIS, 6379), line(DEBUG, PAY, 1, count=5)
    ).denials

    assert [each.source.name for each in denials] == ["api", "the internet", "another pod of flash-ticket"]


def test_denials_between_others_are_only_counted() -> None:
    result = found(line(STRANGER, REDIS, 6379, count=4), line(MONITORING, UNKNOWN_STORE, 80), line(API, REDIS, 1))

    assert result.beside == 5
    assert only(result.denials).source.name == "api"


def test_passed_traffic_is_counted_and_added_to_a_denial_of_the_same_pair_and_layer() -> None:
    passed = line(API, REDIS, 6379, disposition=Disposition.PASSED, count=7)
    elsewhere = line(API, REDIS, 6379, disposition=Disposition.PASSED, evidence=AGENT, count=2)

    result = found(passed, elsewhere, line(API_BARE, REDIS, 6379))

    assert result.passed == 9
    assert only(result.denials).passed == 7


def test_an_unanswered_call_is_listed_separately() -> None:
    result = found(line(GATEWAY, API, 4000, disposition=UNANSWERED, count=3))

    assert result.denials == ()
    assert result.holds
    assert (only(result.unanswered).count, only(result.unanswered).standing) == (3, Standing.DECLARED)


def test_an_unanswered_call_that_the_pod_layer_stopped_belongs_to_that_denial() -> None:
    result = found(
        line(DEBUG, PAY, 3100, disposition=UNANSWERED, count=3), line(DEBUG, PAY, 3100, evidence=AGENT, count=2)
    )

    assert result.unanswered == ()
    denial = only(result.denials)
    assert (denial.count, denial.unanswered) == (2, 3)
    assert denial.evidence == (AGENT, Evidence.FLOW_LOG)


def test_denials_can_be_limited_to_one_service() -> None:
    lines = (line(API, PAY, 1), line(PAY, API, 1), line(GATEWAY, API, 1), line(GATEWAY, PAY, 1))

    assert {(each.source.name, each.destination.name) for each in found(*lines, service="api").denials} == {
        ("api", "pay"),
        ("pay", "api"),
        ("gateway", "api"),
    }


def test_an_unknown_service_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"'redis' is not a service\. Name one of: api, gateway, pay"):
        found(service="redis")


def test_an_interface_without_its_services_group_is_blamed_and_the_pod_named() -> None:
    cause = only(found(line(API_BARE, REDIS, 6379, interface="eni-redis")).denials).causes[0]

    assert cause.suspect is Suspect.MISSING_GROUP
    assert "eni-api-2 of api (10.10.10.22) lacks sg-own-api" in cause.problem
    assert "delete pod api-2" in cause.remedy


def test_a_young_pod_is_the_first_cause_with_its_share_of_the_lines() -> None:
    young = only(found(line(API_YOUNG, REDIS, 6379, evidence=AGENT, at=601, count=2)).denials)
    partly = only(
        found(
            line(API_YOUNG, REDIS, 6379, evidence=AGENT, at=601), line(API, REDIS, 6379, evidence=AGENT, count=2)
        ).denials
    )

    assert young.causes[0].suspect is Suspect.NOT_ENFORCED_YET
    assert young.causes[0].problem.startswith("all lines")
    assert partly.causes[0].problem.startswith("1 of 3 lines")


def test_a_policy_that_is_missing_or_was_changed_is_named() -> None:
    manifests = {each.name: each.manifest() for each in FIREWALL.pods.policies}
    missing = tuple(each for name, each in manifests.items() if name != "02-allow-api-from-gateway")
    emptied = {**manifests["04-allow-egress-gateway"]}
    emptied["spec"] = {**emptied["spec"], "egress": []}
    changed = tuple(emptied if name == "04-allow-egress-gateway" else each for name, each in manifests.items())
    denials = [
        only(found(line(GATEWAY, API, 4000, evidence=AGENT), inventory=standing(policies=policies)).denials)
        for policies in (missing, changed)
    ]

    assert [each.causes[0].problem for each in denials] == [
        "what is deployed denies it too: the NetworkPolicy 02-allow-api-from-gateway is missing",
        "what is deployed denies it too: the NetworkPolicy 04-allow-egress-gateway was changed",
    ]
    assert {each.causes[0].remedy for each in denials} == {"Run pulumi up --refresh --stack dev"}


def test_a_rule_that_is_missing_is_named_with_its_group() -> None:
    name = "api-egress-tcp-6379-to-flash-ticket-dev-redis"
    rules = tuple(rule(each, FIREWALL.owner) for each in FIREWALL.vpc.rules if each.name != name)

    denial = only(found(line(API, REDIS, 6379), inventory=standing(rules=rules)).denials)

    assert suspects(denial) == [Suspect.DRIFT]
    assert denial.causes[0].problem == f"what is deployed denies it too: the rule {name} of api is missing"


def test_cluster_network_policies_are_named_as_a_cause() -> None:
    denial = only(found(line(API, REDIS, 6379, evidence=AGENT), inventory=standing(overruling=("admin-deny",))).denials)

    assert suspects(denial) == [Suspect.OVERRULED]
    assert "admin-deny" in denial.causes[0].problem


def test_with_correct_groups_and_rules_a_network_acl_is_the_cause() -> None:
    assert suspects(only(found(line(API, REDIS, 6379)).denials)) == [Suspect.NETWORK_ACL]


def test_the_reject_reason_of_a_flow_log_is_reported() -> None:
    denial = only(found(line(API, REDIS, 6379, reason="BPA")).denials)

    assert suspects(denial) == [Suspect.REJECT_REASON]
    assert "BPA" in denial.causes[0].problem


def test_a_drop_that_no_policy_caused_is_reported_as_such() -> None:
    denial = only(found(line(API, REDIS, 6379, evidence=Evidence.HUBBLE, reason="CT_MAP_INSERTION_FAILED")).denials)

    assert denial.causes[0].suspect is Suspect.NO_POLICY
    assert "CT_MAP_INSERTION_FAILED" in denial.causes[0].problem


def test_a_datastore_outside_its_subnets_is_found() -> None:
    moved = replace(INVENTORY.interfaces[5], id="eni-moved", addresses=("10.10.30.5",))
    inventory = replace(INVENTORY, interfaces=(*INVENTORY.interfaces, moved))

    denial = only(found(line(API, "10.10.30.5", 6379, evidence=AGENT), inventory=inventory).denials)

    assert suspects(denial) == [Suspect.OUTSIDE]
    assert denial.causes[0].problem.startswith("10.10.30.5 is outside")


def test_without_a_known_cause_the_remedy_lists_what_to_check_in_order() -> None:
    bare = replace(INVENTORY, deployed=None, interfaces=())

    for evidence in (AGENT, Evidence.FLOW_LOG):
        denial = only(found(line(API, REDIS, 6379, evidence=evidence), inventory=bare).denials)
        assert suspects(denial) == [Suspect.UNKNOWN]
        assert denial.causes[0].remedy.startswith("Check in this order")
    unanswered = only(found(line(API, REDIS, 6379, disposition=UNANSWERED), inventory=bare).unanswered)
    assert "nothing listens" in unanswered.causes[0].problem


@pytest.mark.parametrize(
    ("source", "destination", "port"), [(API, PAY_MISLABELLED, 3100), (PAY_MISLABELLED, REDIS, 6379)]
)
def test_a_pod_with_a_misspelled_label_is_found(source: str, destination: str, port: int) -> None:
    denial = only(found(line(source, destination, port, evidence=AGENT)).denials)

    assert denial.standing is Standing.UNDECLARED
    assert suspects(denial) == [Suspect.LABELS]
    assert "pay-2 looks like pay" in denial.causes[0].problem
    assert "app=flash-payy instead of app=flash-pay" in denial.causes[0].problem


def test_a_pod_that_only_the_log_knows_is_found_too() -> None:
    stray = PodIdentity("flash-ticket", "gateway-x7", (("tier", "web"),))

    denial = only(found(line(stray, API, 4000, evidence=Evidence.HUBBLE, reason="POLICY_DENIED")).denials)

    assert suspects(denial) == [Suspect.LABELS]
    assert "gateway-x7 looks like gateway" in denial.causes[0].problem


def test_a_similar_label_is_no_cause_if_the_connection_would_still_be_undeclared() -> None:
    assert suspects(only(found(line(PAY_MISLABELLED, GATEWAY, 3000)).denials)) == []


def test_a_port_next_to_the_declared_one_is_found() -> None:
    denial = only(found(line(GATEWAY, API, 4001)).denials)

    assert suspects(denial) == [Suspect.PORT]
    assert denial.causes[0].problem == "gateway to api is declared on TCP 4000, not on TCP 4001"


def test_a_port_that_nothing_in_the_subnets_declares_is_found() -> None:
    denial = only(found(line(API, UNKNOWN_STORE, 9999), inventory=replace(INVENTORY, interfaces=())).denials)

    assert denial.destination.name == "another host of the VPC"
    assert suspects(denial) == [Suspect.PORT]
    assert "database, rabbitmq, redis" in denial.causes[0].problem


def test_verdicts_use_the_environment_of_the_inventory() -> None:
    assert attribute_logs(SHOP, INVENTORY, []).firewall.environment == DEV


def test_a_denied_host_whose_neighbours_may_connect_shows_what_stops_the_host_itself() -> None:
    """The addresses of the load balancer are open, and are also addresses of the VPC."""
    host = Interface("eni-host", ("10.10.11.77",), ("sg-dev-nodes",))
    inventory = replace(INVENTORY, interfaces=(*INVENTORY.interfaces, host))
    record = line("10.10.11.77", GATEWAY, 3000, evidence=AGENT, direction=Direction.INGRESS)
    denial = only(found(record, inventory=inventory).denials)

    assert denial.source.name == "another host of the VPC"
    assert denial.standing is Standing.UNDECLARED
    assert [each for each in denial.decided if "allows it" in each or "allowed by" in each] == []
    assert "govern gateway, and no rule names another host of the VPC" in denial.decided[-1]


def test_as_compiled_counts_the_rules_of_others_as_far_as_they_are_known() -> None:
    """With attachment nodes, rules of others decide at both pods of the shop and at their node."""
    (_, unread), (_, read) = CASES["dev-nodes"](), as_eks_makes_groups("dev-nodes")
    record = line(API, BASTION, 22)
    inventories = [replace(INVENTORY, environment=each) for each in (unread, read)]
    unknown, opened = (only(found(record, inventory=each).denials).decided for each in inventories)

    (said,) = unknown
    assert said.endswith("only the account knows whether rules of others there allow another host of the VPC")
    assert opened[:2] == (
        "the compiled vpc layer allows it",
        "Egress: allowed by flash-ticket-dev-nodes sgr-anywhere (a rule of others)",
    )
