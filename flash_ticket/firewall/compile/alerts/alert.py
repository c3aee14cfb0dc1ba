"""The alerts by name: what each says, how urgent it is, and where the runbook tells what to do."""

from enum import StrEnum


class Severity(StrEnum):
    """How urgent an alert is, in the words of the monitoring mixins."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Alert(StrEnum):
    """Every alert, wherever it comes from. The runbook has a heading of each name."""

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

    @property
    def severity(self) -> Severity:
        """How urgent it is: ours to mend at once, worth a look by day, or good to know."""
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
        """Return the place of this alert in the runbook; the usual renderers make anchors of lower-case headings."""
        return f"{runbook}#{self.value.lower()}"


_SUMMARIES = {
    Alert.DECLARED_FLOW_DENIED: "A flow that traffic.yaml declares is denied.",
    Alert.DENIED_TRAFFIC: "Traffic is denied at a high rate.",
    Alert.NEW_DENIED_PAIR: "A source is denied a destination that it was not denied during the day before.",
    Alert.METRIC_MISSING: "The metric of denied traffic is missing.",
    Alert.METRIC_LABELS_MISSING: "The metric of denied traffic does not say who was denied what.",
    Alert.FLOW_LOG_MISSING: "The VPC flow log has stopped.",
    Alert.FLOW_LOG_REFUSED: "Requests to the bucket of the VPC flow log are refused.",
    Alert.AGENT_LOG_MISSING: "The network policy agent's log has stopped.",
    Alert.SUSPENDED: "A NetworkPolicy is suspended: it lets everything through.",
    Alert.SUSPENSION_OVER: "The suspension of a NetworkPolicy is over, and nothing has closed it.",
}
