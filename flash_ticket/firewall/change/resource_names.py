"""The names of the resources that a verb may change alone: components give them, and the verb targets them.

Both read them from this module each time, so that a name that changes here changes for both.
"""

FIREWALL = "firewall"
"""The firewall of a stack, as the program calls it."""

POLICIES = "policies"
"""What holds its NetworkPolicies."""

ALERTS = "alerts"
"""What holds the objects of Prometheus and Grafana."""

RULE = "rule"
"""The PrometheusRule among them."""


def joined(*parts: str) -> str:
    """Return the name of a part below others: ``firewall-policies-00-default-deny``."""
    return "-".join(parts)
