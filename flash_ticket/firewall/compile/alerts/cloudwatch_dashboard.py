"""The CloudWatch dashboard of one firewall: alarms, counts, and queries for denied pairs in the logs.

Source: CloudWatch User Guide, "Dashboard body structure and syntax"; CloudWatch Logs User Guide, "Logs Insights query
syntax". Every view of the dashboard runs the log queries and costs money.
"""

import json
from typing import Any

from flash_ticket.firewall.bind.environment import Environment, Origin
from flash_ticket.firewall.compile.alerts.cloudwatch import DECLARED_DENIED, DECLARED_REJECTED, DENIED, REJECTED
from flash_ticket.firewall.compile.alerts.cloudwatch_alarm import METRICS_NAME, CloudWatchWatch, pairs_expression
from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS

_WIDTH = 24
_HEIGHT = 6
_AGENT_LINE = "Node: *;SIP: *;SPORT: *;DIP: *;DPORT: *;PROTOCOL: *;PolicyVerdict: *"

Widget = dict[str, Any]


def dashboard_body(watch: CloudWatchWatch, environment: Environment, *, group: str = "", bucket: str = "") -> str:
    """Return the dashboard as JSON.

    Args:
        watch: The monitoring to show.
        environment: The monitored environment.
        group: The flow log's group; empty if the flow log writes to a bucket.
        bucket: The flow log's bucket; empty if the flow log writes to a group.
    """
    region = environment.region
    shown = [_alarms(watch, environment)]
    if group:
        shown.append(_counts(watch, region, "Rejected by security groups", (REJECTED, DECLARED_REJECTED)))
        shown.append(_pairs_over_time(watch, region))
        shown.append(_query(region, group, "Rejected pairs (flow log)", _flow_log_query()))
    if bucket:
        shown.append(_bucket_requests(region, bucket))
    if watch.agent_log_group:
        shown.append(_counts(watch, region, "Denied by NetworkPolicies", (DENIED, DECLARED_DENIED)))
        title = "Denied pairs (network policy agent)"
        shown.append(_query(region, watch.agent_log_group, title, _agent_query()))
    placed = [
        {"type": kind, "x": 0, "y": row * _HEIGHT, "width": _WIDTH, "height": _HEIGHT, "properties": properties}
        for row, (kind, properties) in enumerate(shown)
    ]
    return json.dumps({"widgets": placed})


def _alarms(watch: CloudWatchWatch, environment: Environment) -> tuple[str, Widget]:
    origin = Origin(environment.partition, environment.region, environment.account)
    arns = [origin.arn("cloudwatch", f"alarm:{watch.alarm_name(alarm)}") for alarm in watch.alarms]
    return "alarm", {"title": f"Firewall of {watch.name}", "alarms": arns}


def _counts(watch: CloudWatchWatch, region: str, title: str, metrics: tuple[str, ...]) -> tuple[str, Widget]:
    return _graph(region, title, [[watch.namespace, metric] for metric in metrics])


def _pairs_over_time(watch: CloudWatchWatch, region: str) -> tuple[str, Widget]:
    lines = [
        [{"expression": pairs_expression(watch.pairs_rule or "", metric), "label": label}]
        for metric, label in (
            ("UniqueContributors", "pairs rejected"),
            ("MaxContributorValue", "records of the busiest pair"),
        )
    ]
    return _graph(region, "Rejected pairs", lines)


def _bucket_requests(region: str, bucket: str) -> tuple[str, Widget]:
    lines = [
        ["AWS/S3", metric, "BucketName", bucket, "FilterId", METRICS_NAME] for metric in ("PutRequests", "4xxErrors")
    ]
    return _graph(region, "Files of the flow log", lines)


def _graph(region: str, title: str, metrics: list[list[Any]]) -> tuple[str, Widget]:
    return "metric", {
        "title": title,
        "region": region,
        "view": "timeSeries",
        "stat": "Sum",
        "period": 300,
        "metrics": metrics,
    }


def _query(region: str, group: str, title: str, query: str) -> tuple[str, Widget]:
    return "log", {"title": title, "region": region, "view": "table", "query": f"SOURCE '{group}' | {query}"}


def _flow_log_query() -> str:
    names = ", ".join(f"f_{field.replace('-', '_')}" for field in RECORD_FIELDS)
    return (
        f'parse @message "{" ".join("*" for _ in RECORD_FIELDS)}" as {names}'
        ' | filter f_action = "REJECT"'
        " | stats count(*) as records, min(f_start) as first, max(f_end) as last"
        " by f_pkt_srcaddr as source, f_pkt_dstaddr as destination, f_dstport as port, f_protocol as protocol"
        " | sort records desc | limit 50"
    )


def _agent_query() -> str:
    return (
        "filter @logStream like /aws-network-policy-agent-audit/ and @message like /PolicyVerdict: DENY/"
        f' | parse @message "{_AGENT_LINE}" as node, source, source_port, destination, port, protocol, verdict'
        " | stats count(*) as packets, min(@timestamp) as first, max(@timestamp) as last"
        " by source, destination, port, protocol"
        " | sort packets desc | limit 50"
    )
