"""The CloudWatch alerts for each destination of records; no alarm exists before its metric."""

import json
from typing import Any

import pulumi
import pytest

from components.cloudwatch_alerts import CloudWatchAlerts, CloudWatchAlertsArgs
from flash_ticket.firewall.compile.alerts.watch import compile_watch
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED
from tests.support.alerts.alerted import RUNBOOK, TOPIC, alerted
from tests.support.declared.accounts import STACKS, shop_matrix
from tests.support.pulumi.pulumi_mocks import Deployment, Registered, deploy

COMPONENT = "flash-ticket-firewall:components:CloudWatchAlerts"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
BUCKET_METRIC = "aws:s3/bucketMetric:BucketMetric"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
RULE = "aws:cloudwatch/contributorInsightRule:ContributorInsightRule"

AGENT_GROUP = "/aws/eks/flash-ticket/cluster"
LOCATIONS = {
    "dev": "/flash-ticket/dev/flow-logs-1",
    "prod": "arn:aws:s3:::records-1/AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/",
}


def deployed(stack: str, **asked: str) -> Deployment:
    alerts = {"runbook": RUNBOOK, "cloudwatch": {"topic": "on-call", **asked}}
    environment, _ = alerted("vpc-cni", stack, alerts)
    watch = compile_watch(shop_matrix(), environment, NONE_SUSPENDED).cloudwatch
    assert watch
    location = LOCATIONS[stack]

    def program() -> pulumi.Output[Any]:
        args = CloudWatchAlertsArgs(watch, environment, pulumi.Output.from_input(location))
        return CloudWatchAlerts("alarms", args).alarms

    return deploy(program)


def by_alarm(deployment: Deployment) -> dict[str, Registered]:
    return {alarm.inputs["name"]: alarm for alarm in deployment.all(ALARM)}


def test_rejects_are_counted_in_the_flow_logs_own_group_and_denials_in_the_agents() -> None:
    filters = deployed("dev", agentLogGroup=AGENT_GROUP).all(FILTER)
    groups = {each.inputs["metricTransformation"]["name"]: each.inputs["logGroupName"] for each in filters}

    assert groups == {
        "RejectedRecords": LOCATIONS["dev"],
        "DeclaredFlowRejectedRecords": LOCATIONS["dev"],
        "PolicyAgentDenials": AGENT_GROUP,
        "PolicyAgentVerdicts": AGENT_GROUP,
        "DeclaredFlowPolicyAgentDenials": AGENT_GROUP,
    }
    for each in filters:
        assert each.inputs["metricTransformation"]["namespace"] == "flash-ticket/dev/network-policy"
        assert each.inputs["metricTransformation"]["defaultValue"] == "0"


@pytest.mark.parametrize("stack", STACKS)
def test_every_alarm_notifies_the_topic_at_its_start_and_its_end(stack: str) -> None:
    for alarm in deployed(stack).all(ALARM):
        assert alarm.inputs["alarmActions"] == alarm.inputs["okActions"] == [TOPIC]


@pytest.mark.parametrize("stack", STACKS)
def test_every_alarm_waits_for_its_metric(stack: str) -> None:
    deployment = deployed(stack)
    counting = [*deployment.all(FILTER), *deployment.all(RULE), *deployment.all(BUCKET_METRIC)]

    assert counting
    for alarm in deployment.all(ALARM):
        for each in counting:
            assert deployment.waits_for(alarm, each)


def test_a_silent_log_group_is_an_alarm() -> None:
    inputs = by_alarm(deployed("dev"))["NetworkPolicyFlowLogMissing-flash-ticket-dev"].inputs

    assert (inputs["namespace"], inputs["metricName"]) == ("AWS/Logs", "IncomingLogEvents")
    assert inputs["dimensions"] == {"LogGroupName": LOCATIONS["dev"]}
    assert inputs["treatMissingData"] == "breaching"


def test_a_bucket_without_new_files_is_an_alarm_with_its_own_request_metric() -> None:
    deployment = deployed("prod")
    metrics = deployment.only(BUCKET_METRIC).inputs
    inputs = by_alarm(deployment)["NetworkPolicyFlowLogMissing-flash-ticket-prod"].inputs

    assert (metrics["bucket"], metrics["filter"]) == ("records-1", {"prefix": "AWSLogs/"})
    assert (inputs["namespace"], inputs["metricName"]) == ("AWS/S3", "PutRequests")
    assert inputs["dimensions"] == {"BucketName": "records-1", "FilterId": metrics["name"]}
    assert inputs["treatMissingData"] == "breaching"
    assert deployment.all(FILTER) == deployment.all(RULE) == ()


def test_the_busiest_pair_comes_from_the_insights_rule_by_name() -> None:
    deployment = deployed("dev")
    rule = deployment.only(RULE).inputs
    (query,) = by_alarm(deployment)["NetworkPolicyDeniedTraffic-flash-ticket-dev-vpc"].inputs["metricQueries"]

    assert query["expression"] == f"INSIGHT_RULE_METRIC('{rule['ruleName']}', 'MaxContributorValue')"
    assert json.loads(rule["ruleDefinition"])["LogGroupNames"] == [LOCATIONS["dev"]]


@pytest.mark.parametrize("stack", STACKS)
def test_the_dashboard_reads_where_the_flow_log_writes(stack: str) -> None:
    body = deployed(stack).only(DASHBOARD).inputs["dashboardBody"]

    assert {"dev": LOCATIONS["dev"], "prod": '"records-1"'}[stack] in body


@pytest.mark.parametrize("stack", STACKS)
def test_resources_of_others_are_not_declared(stack: str) -> None:
    deployment = deployed(stack, agentLogGroup=AGENT_GROUP)
    made = {resource.type for resource in deployment.resources}

    assert made <= {COMPONENT, ALARM, BUCKET_METRIC, DASHBOARD, FILTER, RULE}
    assert sorted(deployment.outputs(deployment.only(COMPONENT))["alarms"]) == sorted(by_alarm(deployment))


def test_everything_is_a_child_of_the_component_and_named_after_it() -> None:
    deployment = deployed("dev", agentLogGroup=AGENT_GROUP)
    inside = deployment.children(deployment.only(COMPONENT))

    assert {resource.urn for resource in inside} == {each.urn for each in deployment.resources if each.custom}
    assert all(resource.name.startswith("alarms-") for resource in inside)
