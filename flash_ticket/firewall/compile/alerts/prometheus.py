"""The Prometheus rules for the plug-in, suspended policies and flows that end, and the object that contains them."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.compile.alerts.hubble import hubble_group
from flash_ticket.firewall.compile.alerts.policy_agent import policy_agent_group
from flash_ticket.firewall.compile.alerts.prometheus_rule import AlertingRule, PrometheusRule, RuleGroup
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.declare.matrix import LimitedFlow, Matrix
from flash_ticket.firewall.declare.sections.alerts import Alerting
from flash_ticket.firewall.declare.suspensions import Suspension, Suspensions
from flash_ticket.firewall.terms.input_error import InputError

MAX_OBJECT_BYTES = 1_000_000
"""etcd accepts requests of 1.5 MiB (etcd documentation, "System limits"), and the API server adds managed fields."""


def prometheus_rule(
    matrix: Matrix, environment: Environment, alerting: Alerting, suspensions: Suspensions
) -> PrometheusRule | None:
    """Return the object with the rules, or None if the binding does not request it.

    Raises:
        InputError: The object is larger than the API server accepts.
    """
    if alerting.rule_labels is None:
        return None
    groups = (
        *rule_groups(matrix, environment, alerting),
        *suspension_groups(matrix, suspensions, alerting),
        *flow_groups(matrix, alerting),
    )
    rule = PrometheusRule(matrix.namespace, alerting.rule_labels, groups)
    size = len(json.dumps(rule.manifest()).encode())
    if size > MAX_OBJECT_BYTES:
        raise InputError(
            stack_file(environment.name),
            f"{BINDING_KEY}.alerts.prometheus",
            f"the rules of this matrix take {size:,} bytes, and the limit of a Kubernetes object is "
            f"{MAX_OBJECT_BYTES:,}",
            "Remove it, or declare flows between fewer endpoints",
        )
    return rule


def rule_groups(matrix: Matrix, environment: Environment, alerting: Alerting) -> tuple[RuleGroup, ...]:
    """Return the rules of one environment; empty for a network plug-in without a metric."""
    match environment.cluster.cni:
        case CniName.CILIUM:
            return (hubble_group(matrix, environment, alerting),)
        case CniName.VPC_CNI:
            return (policy_agent_group(matrix, alerting),)
        case CniName.CALICO:
            return ()


def suspension_groups(matrix: Matrix, suspensions: Suspensions, alerting: Alerting) -> tuple[RuleGroup, ...]:
    """Return the rules about suspended policies of one firewall; empty if no policy is open."""
    rules = tuple(
        rule for each in suspensions.open for rule in _rules(each, matrix.namespace_of_policy(each.policy), alerting)
    )
    return (RuleGroup(f"{matrix.namespace}-network-policy-suspensions", rules),) if rules else ()


def flow_groups(matrix: Matrix, alerting: Alerting) -> tuple[RuleGroup, ...]:
    """Return the rules about flows that end; empty if none does."""
    rules = tuple(_flow_over(each, each.until, matrix.namespace, alerting) for each in matrix.timed if each.until)
    return (RuleGroup(f"{matrix.namespace}-network-policy-flows", rules),) if rules else ()


def _flow_over(limited: LimitedFlow, until: date, namespace: str, alerting: Alerting) -> AlertingRule:
    end = int(datetime.combine(until, time.max, UTC).timestamp()) + 1
    flow = f"{limited.flow.source} -> {limited.flow.target}"
    return AlertingRule(
        Alert.FLOW_OVER,
        f"vector(time()) >= {end}",
        5,
        f"{flow} in {namespace} ended after {until} (UTC), and it is still open. `pulumi up` closes it.",
        alerting.runbook,
        (("namespace", namespace), ("flow", flow), ("until", str(until))),
    )


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
