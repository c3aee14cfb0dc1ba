"""The alerts by name: their summaries, their severity, and their headings in the runbook."""

from enum import StrEnum


class Severity(StrEnum):
    """The severity of an alert, with the names of the monitoring mixins."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Alert(StrEnum):
    """Every alert of Prometheus and CloudWatch. The runbook has a heading for each name."""

    DECLARED_FLOW_DENIED = "NetworkPolicyDeclaredFlowDenied"
    DENIED_TRAFFIC = "NetworkPolicyDeniedTraffic"
    NEW_DENIED_PAIR = "NetworkPolicyNewDeniedPair"
    METRIC_MISSING = "NetworkPolicyMetricMissing"
    METRIC_LABELS_MISSING = "NetworkPolicyMetricLabelsMissing"
    FLOW_LOG_MISSING = "NetworkPolicyFlowLogMissing"
    FLOW_LOG_REFUSED = "NetworkPolicyFlowLogRefused"
    AGENT_LOG_MISSING = "NetworkPolicyAgentLogMissing"
    SUSPENDED = "NetworkPolicySuspended"
    SUSPENSION_OVER = "NetworkPolicySuspensionOver"
    FLOW_OVER = "NetworkPolicyFlowOver"

    @property
    def severity(self) -> Severity:
        """How urgent the alert is: fix it at once, look at it during the day, or just information."""
        match self:
            case Alert.DECLARED_FLOW_DENIED:
                return Severity.CRITICAL
            case Alert.NEW_DENIED_PAIR | Alert.SUSPENDED:
                return Severity.INFO
            case _:
                return Severity.WARNING

    @property
    def summary(self) -> str:
        """One static sentence."""
        return _SUMMARIES[self]

    def runbook_url(self, runbook: str) -> str:
        """Return the URL of this alert in the runbook; common renderers use the heading in lower case as anchor."""
        return f"{runbook}#{self.value.lower()}"


_SUMMARIES = {
    Alert.DECLARED_FLOW_DENIED: "A flow that traffic.yaml declares is denied.",
    Alert.DENIED_TRAFFIC: "Traffic is denied at a high rate.",
    Alert.NEW_DENIED_PAIR: "A source is denied a destination that it was not denied during the day before.",
    Alert.METRIC_MISSING: "The metric of denied traffic is missing.",
    Alert.METRIC_LABELS_MISSING: "The metric of denied traffic lacks the source or the destination.",
    Alert.FLOW_LOG_MISSING: "The VPC flow log has stopped.",
    Alert.FLOW_LOG_REFUSED: "Requests to the bucket of the VPC flow log are refused.",
    Alert.AGENT_LOG_MISSING: "The network policy agent's log has stopped.",
    Alert.SUSPENDED: "A NetworkPolicy is suspended: it allows all traffic.",
    Alert.SUSPENSION_OVER: "The suspension of a NetworkPolicy is over, but the policy is still open.",
    Alert.FLOW_OVER: "A flow has ended, but nothing was deployed since, so it is still open.",
}
