"""What CloudWatch counts and when it raises an alarm, for each destination of the flow log."""

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.alert import Alert, Severity
from flash_ticket.firewall.compile.alerts.cloudwatch import MAX_FILTERS, cloudwatch_watch
from flash_ticket.firewall.compile.alerts.cloudwatch_alarm import (
    Alarm,
    BucketRequests,
    CloudWatchWatch,
    ComparisonOperator,
    Counted,
    LogEvents,
    LogGroupMetrics,
    Missing,
    TopPair,
    pairs_rule_definition,
)
from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
from flash_ticket.firewall.declare.matrix import External, Flow
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp
from tests.support.alerts.alerted import RUNBOOK, alerted
from tests.support.declared.accounts import shop_matrix

AGENT_GROUP = "/aws/eks/flash-ticket-dev/cluster"
ASKED: dict[str, Any] = {"runbook": RUNBOOK, "cloudwatch": {"topic": "on-call", "agentLogGroup": AGENT_GROUP}}


def environment(stack: str = "dev") -> Environment:
    return alerted("vpc-cni", stack, ASKED)[0]


def watched(found: Environment) -> CloudWatchWatch:
    assert found.alerting is not None
    watch = cloudwatch_watch(shop_matrix(), found, found.alerting)
    assert watch is not None
    return watch


def alarms(watch: CloudWatchWatch) -> dict[str, Alarm]:
    return {watch.alarm_name(alarm): alarm for alarm in watch.alarms}


def test_alarms_on_a_flow_log_in_cloudwatch_cover_rejects_and_missing_records() -> None:
    found = alarms(watched(environment()))

    assert set(found) == {
        "NetworkPolicyDeclaredFlowDenied-flash-ticket-dev-vpc",
        "NetworkPolicyDeniedTraffic-flash-ticket-dev-vpc",
        "NetworkPolicyFlowLogMissing-flash-ticket-dev",
        "NetworkPolicyDeclaredFlowDenied-flash-ticket-dev-pods",
        "NetworkPolicyDeniedTraffic-flash-ticket-dev-pods",
        "NetworkPolicyAgentLogMissing-flash-ticket-dev",
    }
    assert isinstance(found["NetworkPolicyFlowLogMissing-flash-ticket-dev"].metric, LogEvents)
    assert isinstance(found["NetworkPolicyDeniedTraffic-flash-ticket-dev-vpc"].metric, TopPair)


def test_alarms_on_a_flow_log_in_s3_cover_only_its_delivery() -> None:
    watch = watched(environment("prod"))
    found = alarms(watch)

    assert found["NetworkPolicyFlowLogMissing-flash-ticket-prod"].metric == BucketRequests("PutRequests")
    assert found["NetworkPolicyFlowLogRefused-flash-ticket-prod"].metric == BucketRequests("4xxErrors")
    assert watch.pairs_rule is None
    assert not [each for each in watch.filters if each.log is LogGroupMetrics.FLOW_LOG]


def test_missing_data_is_an_alarm_only_for_a_missing_log() -> None:
    for stack in ("dev", "prod"):
        for alarm in watched(environment(stack)).alarms:
            silent = alarm.alert in (Alert.FLOW_LOG_MISSING, Alert.AGENT_LOG_MISSING)
            assert (alarm.missing is Missing.ALARM) is silent
            assert (alarm.comparison is ComparisonOperator.BELOW) is silent


def test_only_a_declared_flow_is_critical() -> None:
    for alarm in watched(environment()).alarms:
        assert (alarm.alert.severity is Severity.CRITICAL) is (alarm.alert is Alert.DECLARED_FLOW_DENIED)


def test_every_metric_that_an_alarm_reads_is_filled_by_a_filter() -> None:
    watch = watched(environment())
    filled = {each.metric for each in watch.filters}

    assert {alarm.metric.metric for alarm in watch.alarms if isinstance(alarm.metric, Counted)} <= filled


def test_a_notification_names_the_severity_and_the_runbook_heading() -> None:
    watch = watched(environment())

    for alarm in watch.alarms:
        text = watch.description(alarm)
        assert text.startswith(f"{alarm.alert.severity}: {alarm.alert.summary}")
        assert text.endswith(f"{RUNBOOK}#{alarm.alert.value.lower()}")
        assert len(text) <= 1024, "CloudWatch API reference, PutMetricAlarm, AlarmDescription"


def test_the_agents_log_group_is_read_only_on_request() -> None:
    own = [each for each in watched(environment()).filters if each.log is LogGroupMetrics.AGENT]
    without = alerted("vpc-cni", alerts={"runbook": RUNBOOK, "cloudwatch": {"topic": "on-call"}})[0]

    assert own
    assert all(each.name.startswith("flash-ticket-dev-") for each in own)
    assert not [each for each in watched(without).filters if each.log is LogGroupMetrics.AGENT]
    assert {alarm.subject for alarm in watched(without).alarms} == {"vpc", ""}


def test_names_of_filters_and_alarms_are_unique() -> None:
    watch = watched(environment())
    filters = [(each.log, each.name) for each in watch.filters]

    assert len(set(filters)) == len(filters)
    assert len(alarms(watch)) == len(watch.alarms)


def test_another_namespace_and_another_cluster_share_no_name_in_the_account() -> None:
    here = environment()
    green = replace(here, cluster=replace(here.cluster, name="green"))
    assert here.alerting is not None
    neighbour = cloudwatch_watch(replace(shop_matrix(), namespace="bookshop"), here, here.alerting)
    assert neighbour is not None
    watches = (watched(here), watched(green), neighbour)

    for names in (
        [name for each in watches for name in alarms(each)],
        [each.name for each in watches],
        [each.namespace for each in watches],
        [each.pairs_rule for each in watches],
        [each.name for watch in watches for each in watch.filters if each.log is LogGroupMetrics.AGENT],
    ):
        assert len(set(names)) == len(names)
    assert watched(here).namespace == "flash-ticket/dev/network-policy"


def test_more_filters_than_a_log_group_allows_are_refused() -> None:
    shop, found = shop_matrix(), environment()
    place = found.place("redis")
    extra = [
        (f"p{number}", replace(place, networks=(ip_network(f"10.9.{number}.0/24"),))) for number in range(MAX_FILTERS)
    ]
    crowd = replace(found, places=(*found.places, *extra))
    matrix = replace(
        shop,
        externals=(*shop.externals, *(External(name, (tcp(80),), None, ()) for name, _ in extra)),
        flows=(*shop.flows, *(Flow("api", name, (tcp(80),)) for name, _ in extra)),
    )

    assert crowd.alerting is not None
    with pytest.raises(InputError, match=r"alerts\.cloudwatch: the flows of this matrix take 104 metric filters"):
        cloudwatch_watch(matrix, crowd, crowd.alerting)


def test_the_contributor_rule_reads_the_fields_at_their_positions_in_a_record() -> None:
    rule = json.loads(pairs_rule_definition("records"))

    assert {RECORD_FIELDS[int(position) - 1] for position in rule["Fields"]} == {
        "pkt-srcaddr",
        "pkt-dstaddr",
        "action",
    }
    for position, name in rule["Fields"].items():
        assert RECORD_FIELDS[int(position) - 1] == name
    assert rule["Contribution"]["Filters"] == [{"Match": "action", "In": ["REJECT"]}]
    assert rule["LogGroupNames"] == ["records"]
