"""Rules that tell of suspended policies: one alert while a policy is open, one when it should be closed and is not.

Nothing in the cluster closes a policy when its suspension ends; the next update does. Who suspended it and why is said
by the policy's annotations, not here: an annotation of Prometheus is a template, and a reason is anybody's text.
"""

from collections.abc import Iterator

from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.compile.alerts.prometheus_rule import AlertingRule, RuleGroup
from flash_ticket.firewall.compile.suspended import Suspension, Suspensions
from flash_ticket.firewall.declare.alerting import Alerting
from flash_ticket.firewall.declare.matrix import Matrix


def suspension_groups(matrix: Matrix, suspensions: Suspensions, alerting: Alerting) -> tuple[RuleGroup, ...]:
    """Return the rules of one firewall; none where nothing is open."""
    rules = tuple(rule for each in suspensions.open for rule in _rules(each, matrix.namespace, alerting))
    return (RuleGroup(f"{matrix.namespace}-network-policy-suspensions", rules),) if rules else ()


def _rules(suspension: Suspension, namespace: str, alerting: Alerting) -> Iterator[AlertingRule]:
    policy = f"{namespace}/{suspension.policy}"
    end, labels = int(suspension.until.timestamp()), (("namespace", namespace), ("policy", suspension.policy))
    look = f"kubectl -n {namespace} describe networkpolicy {suspension.policy}"
    yield AlertingRule(
        Alert.SUSPENDED,
        f"vector(time()) < {end}",
        0,
        f"{policy} is open until {suspension.end}. Who and why: `{look}`.",
        alerting.runbook,
        labels,
    )
    yield AlertingRule(
        Alert.SUSPENSION_OVER,
        f"vector(time()) >= {end}",
        5,
        f"The suspension of {policy} ended at {suspension.end}, and it is still open. `pulumi up` closes it.",
        alerting.runbook,
        labels,
    )
