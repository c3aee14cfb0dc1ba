"""The CloudWatch monitoring of one environment: the flow log and, on request, the network policy agent's log.

No metric or event reports that a flow log cannot deliver: only DescribeFlowLogs returns the error. CloudWatch can see
that nothing arrives, and that S3 refuses requests. A VPC with interfaces always writes records, also for a minute
without traffic (Amazon VPC User Guide, "Flow log records", NODATA).
"""

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.compile.alerts.cloudwatch_alarm import (
    Alarm,
    BucketRequests,
    CloudWatchWatch,
    ComparisonOperator,
    Counted,
    LogEvents,
    LogGroupMetrics,
    MetricFilter,
    Missing,
    TopPair,
)
from flash_ticket.firewall.compile.alerts.patterns import (
    AGENT_DENIALS,
    AGENT_VERDICTS,
    declared_in_agent_log,
    declared_in_flow_log,
    rejections,
)
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.choices import LogDestination
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.alerts import Alerting, CloudWatchAlerting
from flash_ticket.firewall.terms.input_error import InputError

MAX_FILTERS = 100
"""The limit of metric filters of a log group (CloudWatch Logs quotas)."""

_FIVE_MINUTES = 300
_QUARTER_HOUR = 900

REJECTED = "RejectedRecords"
DECLARED_REJECTED = "DeclaredFlowRejectedRecords"
DENIED = "PolicyAgentDenials"
DECLARED_DENIED = "DeclaredFlowPolicyAgentDenials"
_VERDICTS = "PolicyAgentVerdicts"

_MAY_BE_ANOTHER = "The caller may also be an endpoint without a declared flow; `flash-firewall denied` shows which."


def cloudwatch_watch(matrix: Matrix, environment: Environment, alerting: Alerting) -> CloudWatchWatch | None:
    """Return the CloudWatch monitoring, or None if it is not requested.

    Raises:
        InputError: A log group would get more metric filters than CloudWatch allows.
    """
    asked = alerting.cloudwatch
    if asked is None:
        return None
    filters: list[MetricFilter] = []
    alarms: list[Alarm] = []
    in_cloudwatch = environment.records_to(LogDestination.CLOUDWATCH)
    if in_cloudwatch:
        filters += _flow_log_filters(matrix, environment)
        alarms += [*_rejections(alerting), _silent_group()]
    elif environment.records_to(LogDestination.S3):
        alarms += _bucket()
    if asked.agent_log_group:
        filters += _agent_filters(matrix, environment)
        alarms += _agent(alerting)
    owner = Owner.of(matrix.namespace, environment)
    name = owner.account_name
    metrics = (matrix.namespace, environment.name, *([] if owner.is_plain else [owner.digest]), "network-policy")
    _refuse_excess(filters, asked, environment)
    return CloudWatchWatch(
        name,
        "/".join(metrics),
        asked.topic,
        asked.agent_log_group,
        f"{name}-rejected-pairs" if in_cloudwatch else None,
        tuple(filters),
        tuple(alarms),
        alerting.runbook,
    )


def _flow_log_filters(matrix: Matrix, environment: Environment) -> list[MetricFilter]:
    declared = declared_in_flow_log(matrix, environment)
    return [
        MetricFilter("rejected", LogGroupMetrics.FLOW_LOG, rejections(), REJECTED),
        *_numbered("declared-rejected", LogGroupMetrics.FLOW_LOG, declared, DECLARED_REJECTED),
    ]


def _agent_filters(matrix: Matrix, environment: Environment) -> list[MetricFilter]:
    # The log group belongs to others, who may have filters of their own: the names must not collide.
    own = Owner.of(matrix.namespace, environment).account_name
    declared = declared_in_agent_log(matrix, environment)
    return [
        MetricFilter(f"{own}-denied", LogGroupMetrics.AGENT, AGENT_DENIALS, DENIED),
        MetricFilter(f"{own}-verdicts", LogGroupMetrics.AGENT, AGENT_VERDICTS, _VERDICTS),
        *_numbered(f"{own}-declared-denied", LogGroupMetrics.AGENT, declared, DECLARED_DENIED),
    ]


def _numbered(name: str, log: LogGroupMetrics, patterns: tuple[str, ...], metric: str) -> list[MetricFilter]:
    return [MetricFilter(f"{name}-{number}", log, pattern, metric) for number, pattern in enumerate(patterns, 1)]


def _rejections(alerting: Alerting) -> list[Alarm]:
    return [
        _declared("vpc", DECLARED_REJECTED, "The flow log shows REJECT"),
        Alarm(
            Alert.DENIED_TRAFFIC,
            "vpc",
            TopPair(),
            ComparisonOperator.ABOVE,
            alerting.thresholds.per_period,
            _FIVE_MINUTES,
            1,
            1,
            Missing.FINE,
            f"More than {alerting.thresholds.per_period} records in five minutes are REJECT from one address to "
            "another; the dashboard shows which.",
        ),
    ]


def _declared(subject: str, metric: str, evidence: str) -> Alarm:
    return Alarm(
        Alert.DECLARED_FLOW_DENIED,
        subject,
        Counted(metric),
        ComparisonOperator.ABOVE,
        0,
        _FIVE_MINUTES,
        3,
        2,
        Missing.FINE,
        f"{evidence} on a declared port of a declared target. {_MAY_BE_ANOTHER}",
    )


def _silent_group() -> Alarm:
    return Alarm(
        Alert.FLOW_LOG_MISSING,
        "",
        LogEvents(),
        ComparisonOperator.BELOW,
        1,
        _FIVE_MINUTES,
        6,
        6,
        Missing.ALARM,
        "No record arrived for half an hour. `aws ec2 describe-flow-logs` shows the delivery's error.",
    )


def _bucket() -> list[Alarm]:
    return [
        Alarm(
            Alert.FLOW_LOG_MISSING,
            "",
            BucketRequests("PutRequests"),
            ComparisonOperator.BELOW,
            1,
            _QUARTER_HOUR,
            4,
            4,
            Missing.ALARM,
            "No file arrived for an hour. `aws ec2 describe-flow-logs` shows the delivery's error.",
        ),
        Alarm(
            Alert.FLOW_LOG_REFUSED,
            "",
            BucketRequests("4xxErrors"),
            ComparisonOperator.ABOVE,
            0,
            _QUARTER_HOUR,
            2,
            2,
            Missing.FINE,
            "They come from log delivery or from a reader: check the policy of the bucket and the policy of its key.",
        ),
    ]


def _agent(alerting: Alerting) -> list[Alarm]:
    return [
        _declared("pods", DECLARED_DENIED, "The network policy agent denies"),
        Alarm(
            Alert.DENIED_TRAFFIC,
            "pods",
            Counted(DENIED),
            ComparisonOperator.ABOVE,
            alerting.thresholds.per_period,
            _FIVE_MINUTES,
            1,
            1,
            Missing.FINE,
            f"The network policy agents of the cluster denied more than {alerting.thresholds.per_period} packets in "
            "five minutes; the dashboard shows which.",
        ),
        Alarm(
            Alert.AGENT_LOG_MISSING,
            "",
            Counted(_VERDICTS),
            ComparisonOperator.BELOW,
            1,
            _QUARTER_HOUR,
            4,
            4,
            Missing.ALARM,
            "No verdict arrived for an hour. The add-on needs enablePolicyEventLogs and enableCloudWatchLogs.",
        ),
    ]


def _refuse_excess(filters: list[MetricFilter], asked: CloudWatchAlerting, environment: Environment) -> None:
    keys = {LogGroupMetrics.FLOW_LOG: "cloudwatch", LogGroupMetrics.AGENT: "cloudwatch.agentLogGroup"}
    for log, key in keys.items():
        count = sum(each.log is log for each in filters)
        if count > MAX_FILTERS:
            group = asked.agent_log_group if log is LogGroupMetrics.AGENT else "the flow log's group"
            raise InputError(
                stack_file(environment.name),
                f"{BINDING_KEY}.alerts.{key}",
                f"the flows of this matrix take {count} metric filters in {group}, and its limit is {MAX_FILTERS}",
                "Remove it, or give similar targets the same ports and subnets",
            )
