"""The shop's firewall with alerts, deployed on the lab's node, and the Prometheus that watches it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from flash_ticket.firewall.declare.binding import BINDING_KEY
from lab.denials.past import remember
from lab.denials.prometheus import Group, Prometheus, hurried
from lab.enclosure.mounts import RUN
from lab.node.node import Node
from lab.running.aws_session import aws_client
from lab.running.engine import Engine
from lab.running.lab import Lab
from lab.running.program import copy_program
from lab.shop.interfaces import Interfaces
from lab.shop.shop import OTHER_HOST, Shop

REPOSITORY = Path(__file__).parents[2]
STACK = "dev"
# A single round of undeclared attempts is to raise the alert: 15 packets in five minutes.
_ALERTS = {
    "runbook": "https://wiki.example.com/runbook",
    "thresholds": {"deniedPerSecond": 0.05},
    "prometheus": {"labels": {"release": "kube-prometheus-stack"}},
}
_METRICS_PORT = 8162
_RULES = "/apis/monitoring.coreos.com/v1/namespaces/flash-ticket/prometheusrules"


def deployed(lab: Lab, shop: Shop, cni: Mapping[str, Any] | None = None) -> Engine:
    """Deploy the shop's firewall with alerts, and make the interfaces that AWS has for what runs here.

    Args:
        lab: With the account.
        shop: Which runs.
        cni: What the binding says of the network plug-in, if it is not the committed one.

    Raises:
        EngineError: The deployment fails.
    """
    settings = yaml.safe_load((REPOSITORY / f"Pulumi.{STACK}.yaml").read_text())
    binding = settings["config"][BINDING_KEY]
    binding["alerts"] = _ALERTS
    if cni is not None:
        binding["cluster"]["cni"] = dict(cni)
    changed = {f"Pulumi.{STACK}.yaml": yaml.safe_dump(settings)}
    engine = Engine(lab, STACK, copy_program(REPOSITORY, lab.folder / "denials", changed))
    engine.up().checked()
    ec2, eks = (aws_client(lab.aws_endpoint, each) for each in ("ec2", "eks"))
    interfaces = Interfaces(shop, ec2, eks, STACK, engine.outputs()["loadBalancerGroupId"])
    interfaces.make()
    interfaces.make_one(shop.hosts[OTHER_HOST])
    return engine


def rule_groups(shop: Shop) -> list[dict[str, Any]]:
    """Return the groups of alerting rules that are deployed."""
    (rule,) = shop.node.api.items(_RULES)
    return list(rule["spec"]["groups"])


def metrics_of(node: Node) -> str:
    """Return the address and port of the metrics of the agent of AWS."""
    return f"{node.addresses.node}:{_METRICS_PORT}"


@contextmanager
def alerting_on(
    program: str, groups: Sequence[Group], targets: Sequence[str], *, promtool: Path | None = None
) -> Iterator[Prometheus]:
    """Run a Prometheus that evaluates rules, for the length of a ``with`` block.

    Args:
        program: Its executable.
        groups: The rules; their minutes become seconds.
        targets: The addresses and ports with the metrics.
        promtool: With it, Prometheus knows the metrics for a while already: what they count so far is nothing new.

    Raises:
        PrometheusEndedError: It does not evaluate them.
    """
    fill = partial(remember, promtool, targets) if promtool else None
    with Prometheus.start(Path(program), RUN / "prometheus", hurried(groups), targets, fill) as alerting:
        alerting.wait("the first evaluation of every rule", alerting.is_evaluated)
        yield alerting


def rings(alerting: Prometheus, name: str, meanwhile: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Wait until an alert fires, and return it, and when it was first pending and firing.

    Args:
        alerting: Evaluates the rules.
        name: The alert.
        meanwhile: What to do again and again until it fires.

    Raises:
        PrometheusEndedError: It does not fire in time.
    """

    def is_firing() -> bool:
        meanwhile()
        return alerting.states()[name] == "firing"

    alerting.wait(f"{name} firing", is_firing)
    return {
        "alerts": [each for each in alerting.alerts() if each["labels"]["alertname"] == name],
        "history": alerting.history(name),
        "states": alerting.states(),
        "unwell": alerting.unwell(),
    }
