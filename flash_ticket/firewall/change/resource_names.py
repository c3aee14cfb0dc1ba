"""The names of the resources that a verb can target: the components use them, and so do the verbs.

Both read them from this module at run time, so that a change here applies to both.
"""

FIREWALL = "firewall"
"""The component of a stack's firewall."""

FIREWALL_TYPE = "flash-ticket-firewall:components:Firewall"
"""The type of that component."""

POLICIES = "policies"
"""The component of its NetworkPolicies."""

POLICIES_TYPE = "flash-ticket-firewall:components:NetworkPolicies"
"""The type of that component."""

KEPT = "kept"
"""The output of that component that says whether its objects stay if they are no longer declared."""

ALERTS = "alerts"
"""The component of its objects for Prometheus and Grafana."""

RULE = "rule"
"""The PrometheusRule among these objects."""


def joined(*parts: str) -> str:
    """Return the name of a resource within others: ``firewall-policies-00-default-deny``."""
    return "-".join(parts)
