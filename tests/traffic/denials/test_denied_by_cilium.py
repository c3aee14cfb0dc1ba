"""What Cilium refuses besides connections: names, and drops that no policy makes."""

from dataclasses import replace

import pytest

from flash_ticket.traffic.attribution.attributed_traffic import attribute_logs
from flash_ticket.traffic.attribution.inventory import Inventory, NameRule
from flash_ticket.traffic.attribution.refused_names import MOST_NAMES, OTHER_NAMES
from flash_ticket.traffic.denials.cause import Suspect
from flash_ticket.traffic.denials.denied import Denied, News, denied
from flash_ticket.traffic.denials.refusals import Refusal
from flash_ticket.traffic.records.record import UNKNOWN_NAME, Evidence, Record
from tests.support.traffic.incident import INVENTORY, NIGHT, PROMETHEUS, RESOLVER, SHOP, Heard, address_of, line

API, PAY, DEBUG, REDIS = "10.10.10.21", "10.10.10.31", "10.10.10.41", "10.10.20.5"
DNS = address_of(RESOLVER)
RULE = NameRule(
    "CiliumNetworkPolicy flash-ticket/pay-names",
    "spec.egress[0].toPorts[0].rules.dns",
    "flash-ticket",
    (("app", "flash-pay"),),
    ("api.example", "*.cdn.example"),
)
FOR_API = replace(RULE, policy="CiliumNetworkPolicy flash-ticket/api-names", labels=(("app", "flash-api"),))


def query(name: str, source: str = PAY, count: int = 1, at: float = 60.0) -> Record:
    refused = line(source, DNS, 53, evidence=Evidence.HUBBLE, protocol=17, count=count, at=at)
    return refused._replace(name=name)


def found(*lines: Record, inventory: Inventory = INVENTORY, service: str | None = None) -> Denied:
    return denied(attribute_logs(SHOP, inventory, [Heard(lines)]), service)


def only(*lines: Record, inventory: Inventory = INVENTORY) -> Refusal:
    (refusal,) = found(*lines, inventory=inventory).refused
    return refusal


def test_a_refused_name_is_listed_with_its_rule_and_not_as_a_denied_connection() -> None:
    known = replace(INVENTORY, name_rules=(FOR_API, RULE))
    answer = found(query("example.com", count=2), query("example.com", at=90), inventory=known)

    assert (answer.denials, answer.unanswered, answer.beside, answer.holds) == ((), (), 0, True)
    (refusal,) = answer.refused
    assert (refusal.asked.source.name, refusal.asked.name, refusal.asked.count) == ("pay", "example.com", 3)
    assert (refusal.asked.first, refusal.asked.last) == (NIGHT + 60, NIGHT + 90)
    assert (refusal.asked.sources, refusal.asked.servers) == ((PAY,), (DNS,))
    assert [pod.name for pod in refusal.asked.callers] == ["pay-1"]
    assert refusal.rules == (RULE,)
    (sentence,) = refusal.decided
    assert sentence == f"{RULE.policy}, {RULE.place} allows only api.example, *.cdn.example"
    assert refusal.line == "- matchName: example.com"


def test_without_the_rules_it_says_how_to_find_them() -> None:
    refusal = only(query("example.com"))

    (sentence,) = refusal.decided
    assert "find it with kubectl get ciliumnetworkpolicies,ciliumclusterwidenetworkpolicies" in sentence
    assert refusal.line == ""


def test_a_name_that_the_log_leaves_out_has_no_line_that_would_allow_it() -> None:
    assert only(query(UNKNOWN_NAME), inventory=replace(INVENTORY, name_rules=(RULE,))).line == ""


def test_names_of_other_namespaces_are_counted_elsewhere_and_a_service_narrows_them() -> None:
    lines = (query("a.example", address_of(PROMETHEUS), count=4), query("b.example"), query("c.example", API))

    assert found(*lines).beside == 4
    assert [each.asked.name for each in found(*lines).refused] == ["c.example", "b.example"]
    assert [each.asked.name for each in found(*lines, service="pay").refused] == ["b.example"]


def test_a_pod_that_asks_for_a_new_name_each_time_does_not_fill_memory() -> None:
    lines = [query(f"{number}.example") for number in range(MOST_NAMES + 50)]
    refused = found(*lines).refused

    assert len(refused) == MOST_NAMES + 1
    assert (refused[0].asked.name, refused[0].asked.count) == (OTHER_NAMES, 50)


def test_queries_are_attributed_lines() -> None:
    traffic = attribute_logs(SHOP, INVENTORY, [Heard((query("a.example", count=3), query("b.example", "10.10.10.60")))])

    assert (traffic.attribution.attributed, traffic.totals[0].attributed, traffic.totals[0].unattributed) == (4, 4, 0)


def test_a_follower_reports_a_refused_name_once_and_again_when_it_is_refused_again() -> None:
    news, first = News(), found(query("a.example"))

    assert [each.asked.name for each in news.names_of(first)] == ["a.example"]
    assert list(news.names_of(first)) == []
    assert [each.asked.name for each in news.names_of(found(query("a.example", at=61)))] == ["a.example"]


@pytest.mark.parametrize("port", [4001, 0])
def test_a_drop_that_no_policy_made_is_counted_apart_by_its_reason(port: int) -> None:
    dropped = line(PAY, API, port, evidence=Evidence.HUBBLE, reason="STALE_OR_UNROUTABLE_IP", count=3)
    policys = line(PAY, API, port, evidence=Evidence.HUBBLE, reason="POLICY_DENIED")

    answer = found(dropped, policys)

    assert [(each.source.name, each.count) for each in answer.denials] == [("pay", 1)]
    assert answer.aside == {"STALE_OR_UNROUTABLE_IP": 3}


def test_a_declared_connection_that_cilium_drops_for_another_reason_is_still_a_denial() -> None:
    answer = found(line(API, REDIS, 6379, evidence=Evidence.HUBBLE, reason="STALE_OR_UNROUTABLE_IP"))

    assert (len(answer.denials), answer.aside, answer.holds) == (1, {}, False)


DENY = "POLICY_DENY by CiliumNetworkPolicy flash-ticket/no-redis, CiliumClusterwideNetworkPolicy no-data"


def test_a_deny_rule_that_stops_a_declared_connection_is_its_cause() -> None:
    (denial,) = found(
        line(API, REDIS, 6379, evidence=Evidence.HUBBLE, reason=DENY),
        line(API, REDIS, 6379, evidence=Evidence.HUBBLE, reason="POLICY_DENY"),
    ).denials

    assert denial.count == 2
    assert [(cause.suspect, cause.problem) for cause in denial.causes] == [
        (Suspect.OVERRULED, "a deny rule of CiliumClusterwideNetworkPolicy no-data stopped it"),
        (Suspect.OVERRULED, "a deny rule of CiliumNetworkPolicy flash-ticket/no-redis stopped it"),
    ]


def test_a_flow_alone_does_not_allow_what_a_deny_rule_stops() -> None:
    by_default, by_rule = (
        found(line(PAY, API, 4000, evidence=Evidence.HUBBLE, reason=reason)).denials[0].allowance
        for reason in ("POLICY_DENIED", DENY)
    )

    assert by_default
    assert by_rule
    assert by_rule.line == by_default.line
    added = by_rule.before[len(by_default.before) :]
    assert [each.partition(" stopped it. ")[0] for each in added] == [
        "A deny rule of CiliumClusterwideNetworkPolicy no-data",
        "A deny rule of CiliumNetworkPolicy flash-ticket/no-redis",
    ]
