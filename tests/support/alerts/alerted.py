"""Environments that request alerts."""

from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.alerts import Alerting
from tests.support.declared.accounts import SHOP, AccountInMemory, binding_content, environment_of

RUNBOOK = "https://wiki.example.com/runbook"
TOPIC = "arn:aws:sns:ap-northeast-2:111122223333:on-call"
EVERYTHING: dict[str, Any] = {
    "runbook": RUNBOOK,
    "prometheus": {"labels": {"release": "kube-prometheus-stack"}},
    "grafana": {},
    "cloudwatch": {"topic": "on-call"},
}


def alerted_content(cni: str = "cilium", stack: str = "dev", alerts: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a new copy of a committed stack's binding, with a network plug-in and alerts."""
    content = binding_content(stack)
    if cni != content["cluster"]["cni"]["name"]:  # the other keys are the VPC CNI's
        content["cluster"]["cni"] = {"name": cni}
    content["alerts"] = EVERYTHING if alerts is None else alerts
    return content


def alerted(
    cni: str = "cilium",
    stack: str = "dev",
    alerts: dict[str, Any] | None = None,
    matrix: Matrix | None = None,
    account: AccountInMemory = SHOP,
) -> tuple[Environment, Alerting]:
    """Return an environment that requests alerts, and the alerts."""
    environment = environment_of(stack, alerted_content(cni, stack, alerts), matrix, account)
    assert environment.alerting is not None
    return environment, environment.alerting
