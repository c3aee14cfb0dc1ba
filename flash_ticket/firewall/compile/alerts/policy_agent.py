"""Prometheus rules for the VPC CNI: how many packets its network policy agent drops, by node.

The agent counts only by direction, for all pods of a node. Its metric has no pods, no namespaces and no declared flows;
its log and CloudWatch have them. Source: aws/aws-network-policy-agent, pkg/ebpf/events/events.go (metrics on port
8162), where the counters cover IPv4.
"""

from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.compile.alerts.prometheus_rule import (
    PERIOD_SECONDS,
    AlertingRule,
    RecordingRule,
    RuleGroup,
    SeriesSelector,
    grown,
)
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.alerts import Alerting

DROPPED = "networkpolicy:node_denied_packets:increase5m"
"""Packets that one node's agent dropped in five minutes, by direction."""


def policy_agent_group(matrix: Matrix, alerting: Alerting) -> RuleGroup:
    """Return the rules of one firewall."""
    dropped = grown(SeriesSelector("network_policy_drop_count_total"))
    return RuleGroup(
        f"{matrix.namespace}-network-policy",
        (
            RecordingRule(DROPPED, f"sum by (instance, direction) ({dropped})"),
            AlertingRule(
                Alert.DENIED_TRAFFIC,
                f"{DROPPED} / {PERIOD_SECONDS} > {alerting.thresholds.per_second:g}",
                5,
                "The agent on {{ $labels.instance }} drops {{ $value | humanize }} packets a second "
                "({{ $labels.direction }}). Its metric has neither pods nor namespaces; its log has both. Run "
                "`flash-firewall denied`.",
                alerting.runbook,
            ),
            AlertingRule(
                Alert.METRIC_MISSING,
                # A counter has no series before its first drop; the agent's counter of policy updates shows that the
                # agent runs.
                "absent(network_policy_drop_count_total or awsnodeagent_aws_ebpf_sdk_latency_ms_count)",
                15,
                "Prometheus scrapes no network policy agent (port 8162 of aws-node), so no denied traffic can be seen.",
                alerting.runbook,
            ),
        ),
    )
