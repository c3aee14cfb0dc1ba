"""The CloudWatch monitoring of one firewall: metric filters, alarms to a topic, a rule for pairs, and a dashboard.

Not here on purpose: the topic and its subscriptions, and the log group of the network policy agent, which others own.
Nothing here needs a role: CloudWatch counts and notifies by itself.
"""

from dataclasses import dataclass
from functools import partial

import pulumi
from pulumi_aws import cloudwatch, s3

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.cloudwatch_alarm import (
    METRICS_NAME,
    RECORDS_PREFIX,
    Alarm,
    BucketRequests,
    CloudWatchWatch,
    Counted,
    LogEvents,
    LogGroupMetrics,
    MetricFilter,
    TopPair,
    bucket_name,
    pairs_expression,
    pairs_rule_definition,
)
from flash_ticket.firewall.compile.alerts.cloudwatch_dashboard import dashboard_body
from flash_ticket.firewall.declare.choices import LogDestination


@dataclass(frozen=True, slots=True)
class CloudWatchAlertsArgs:
    """What `CloudWatchAlerts` declares.

    Attributes:
        watch: The compiled monitoring.
        environment: The monitored environment.
        flow_log_location: `FlowLogs.location`: the log group, or the folder in the bucket; None without a flow log.
    """

    watch: CloudWatchWatch
    environment: Environment
    flow_log_location: pulumi.Output[str] | None


class CloudWatchAlerts(pulumi.ComponentResource):
    """Metric filters, alarms and the dashboard of one firewall.

    Attributes:
        alarms: The names of the alarms.
        dashboard: The name of the dashboard.
    """

    alarms: pulumi.Output[list[str]]
    dashboard: pulumi.Output[str]

    def __init__(self, name: str, args: CloudWatchAlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flash-ticket-firewall:components:CloudWatchAlerts", name, None, opts)
        self._name, self._args = name, args
        self._own = pulumi.ResourceOptions(parent=self)
        watch = args.watch
        location = args.flow_log_location or pulumi.Output.from_input("")
        in_bucket = args.environment.records_to(LogDestination.S3)
        self._location, self._bucket = location, location.apply(bucket_name) if in_bucket else None
        counting: list[pulumi.Resource] = [self._filter(each) for each in watch.filters]
        if watch.pairs_rule:
            counting.append(self._pairs_rule(watch.pairs_rule))
        if self._bucket:
            counting.append(self._bucket_metrics(self._bucket))
        alarms = [self._alarm(alarm, counting) for alarm in watch.alarms]
        place = "bucket" if self._bucket else "group"
        dashboard = cloudwatch.Dashboard(
            f"{name}-dashboard",
            # The dashboards of all regions share their names.
            dashboard_name=f"{watch.name}-{args.environment.region}-network-policy",
            dashboard_body=(self._bucket or location).apply(
                lambda found: dashboard_body(watch, args.environment, **{place: found})
            ),
            opts=self._own,
        )
        self.alarms = pulumi.Output.all(*(alarm.name for alarm in alarms)).apply(list)
        self.dashboard = dashboard.dashboard_name
        self.register_outputs({"alarms": self.alarms, "dashboard": self.dashboard})

    def _filter(self, counted: MetricFilter) -> cloudwatch.LogMetricFilter:
        watch = self._args.watch
        group = self._location if counted.log is LogGroupMetrics.FLOW_LOG else watch.agent_log_group
        return cloudwatch.LogMetricFilter(
            f"{self._name}-{counted.log}-{counted.name}",
            name=counted.name,
            log_group_name=group,
            pattern=counted.pattern,
            metric_transformation=cloudwatch.LogMetricFilterMetricTransformationArgs(
                name=counted.metric, namespace=watch.namespace, value="1", default_value="0"
            ),
            opts=self._own,
        )

    def _pairs_rule(self, rule: str) -> cloudwatch.ContributorInsightRule:
        return cloudwatch.ContributorInsightRule(
            f"{self._name}-pairs",
            rule_name=rule,
            rule_state="ENABLED",
            rule_definition=self._location.apply(pairs_rule_definition),
            opts=self._own,
        )

    def _bucket_metrics(self, bucket: pulumi.Output[str]) -> s3.BucketMetric:
        return s3.BucketMetric(
            f"{self._name}-bucket",
            name=METRICS_NAME,
            bucket=bucket,
            filter=s3.BucketMetricFilterArgs(prefix=RECORDS_PREFIX),
            opts=self._own,
        )

    def _alarm(self, alarm: Alarm, counting: list[pulumi.Resource]) -> cloudwatch.MetricAlarm:
        watch = self._args.watch
        name = watch.alarm_name(alarm)
        topic = [watch.topic]
        declare = partial(
            cloudwatch.MetricAlarm,
            f"{self._name}-{'-'.join(part for part in (alarm.alert.value, alarm.subject) if part)}",
            name=name,
            alarm_description=watch.description(alarm),
            comparison_operator=alarm.comparison.value,
            threshold=alarm.threshold,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=alarm.breaches,
            treat_missing_data=alarm.missing.value,
            alarm_actions=topic,
            ok_actions=topic,
            # Without the filters, the alarm would begin with a false alarm.
            opts=pulumi.ResourceOptions(parent=self, depends_on=counting),
        )
        match alarm.metric:
            case TopPair():
                query = cloudwatch.MetricAlarmMetricQueryArgs(
                    id="busiest",
                    expression=pairs_expression(watch.pairs_rule or "", "MaxContributorValue"),
                    label="records of the busiest pair",
                    period=alarm.seconds,
                    return_data=True,
                )
                return declare(metric_queries=[query])
            case Counted(metric):
                return declare(namespace=watch.namespace, metric_name=metric, statistic="Sum", period=alarm.seconds)
            case LogEvents():
                return declare(
                    namespace="AWS/Logs",
                    metric_name="IncomingLogEvents",
                    dimensions={"LogGroupName": self._location},
                    statistic="Sum",
                    period=alarm.seconds,
                )
            case BucketRequests(metric):
                return declare(
                    namespace="AWS/S3",
                    metric_name=metric,
                    dimensions={"BucketName": self._bucket or "", "FilterId": METRICS_NAME},
                    statistic="Sum",
                    period=alarm.seconds,
                )
