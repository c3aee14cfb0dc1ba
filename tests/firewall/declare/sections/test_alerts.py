"""The alerts that a stack can request, and the one-line error for each mistake."""

from typing import Any

import pytest

from flash_ticket.firewall.declare.binding import parse_binding
from flash_ticket.firewall.declare.sections.alerts import Alerting, CloudWatchAlerting, Thresholds
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.alerts.alerted import EVERYTHING, RUNBOOK, TOPIC, alerted, alerted_content
from tests.support.declared.accounts import STACKS, binding_content, environment_of
from tests.support.declared.json_values import put, without

# The mistake, the plug-in, the key of the binding, its value (... for no such key), and the error line after the file
# and the key alerts.
# fmt: off
MISTAKES: list[tuple[str, str, str, Any, str]] = [
    ("nothing", "cilium", "", None,
        ": nothing is written here. Write {} or keys with values, or remove it."),
    ("a key with nothing", "cilium", "prometheus", None,
        ".prometheus: nothing is written here. Write {} or keys with values, or remove it."),
    ("no runbook", "cilium", "runbook", ...,
        ".runbook: this key is missing. Add it."),
    ("an address that Prometheus would read as a template", "cilium", "runbook", "https://x/{{ $value }}",
        (".runbook: 'https://x/{{ $value }}' is not the address of a page. Write where docs/runbook.md is published, "
        "such as https://wiki.example.com/runbook, without an anchor.")),
    ("an address with an anchor", "cilium", "runbook", "https://x/y#z",
        (".runbook: 'https://x/y#z' is not the address of a page. Write where docs/runbook.md is published, such as "
        "https://wiki.example.com/runbook, without an anchor.")),
    ("a misspelt key", "cilium", "promethues", {},
        ".promethues: this key is not known. Write 'prometheus' instead, or remove it."),
    ("labels that are words", "cilium", "prometheus.labels", "release",
        ".prometheus.labels: 'release' is not a set of labels. Write labels, such as {app: flash-api}."),
    ("a label that YAML reads as a number", "cilium", "grafana.labels", {"grafana_dashboard": 1},
        (".grafana.labels: the label grafana_dashboard has the value 1, which YAML does not read as text. Put it in "
        "quotes.")),
    ("no topic", "cilium", "cloudwatch", {},
        ".cloudwatch.topic: this key is missing. Add it."),
    ("a topic that is none", "cilium", "cloudwatch.topic", "on call",
        ".cloudwatch.topic: 'on call' is not an SNS topic. Write the name or the ARN of a standard topic."),
    ("a FIFO topic, which no alarm can notify", "cilium", "cloudwatch.topic", f"{TOPIC}.fifo",
        (".cloudwatch.topic: 'arn:aws:sns:ap-northeast-2:111122223333:on-call.fifo' is not an SNS topic. Write the "
        "name or the ARN of a standard topic.")),
    ("a topic of another region", "cilium", "cloudwatch.topic", TOPIC.replace("ap-northeast-2", "eu-west-1"),
        (".cloudwatch.topic: the topic is in eu-west-1, and an alarm can notify only topics in its own region, "
        "ap-northeast-2. Name a topic there.")),
    ("a log group of two words", "vpc-cni", "cloudwatch.agentLogGroup", "the cluster's",
        ('.cloudwatch.agentLogGroup: "the cluster\'s" is not a log group. Write its name, such as '
        "/aws/eks/<cluster>/cluster.")),
    ("the agent's log without the agent", "cilium", "cloudwatch.agentLogGroup", "/aws/eks/x/cluster",
        (".cloudwatch.agentLogGroup: only the VPC CNI has a network policy agent, and this stack uses cilium. "
        "Remove it.")),
    ("a metric that Calico does not have", "calico", "prometheus", {},
        (".prometheus: open source Calico has no Prometheus metric for denied packets. Remove it, and keep "
        "cloudwatch for the VPC's side.")),
    ("a rate of nothing", "cilium", "thresholds", {"deniedPerSecond": 0},
        ".thresholds.deniedPerSecond: 0 is not a rate. Write a number above 0, without quotes."),
    ("a rate in quotes", "cilium", "thresholds", {"deniedPerSecond": "1"},
        ".thresholds.deniedPerSecond: '1' is not a rate. Write a number above 0, without quotes."),
    ("no records", "cilium", "thresholds", {"deniedPerPeriod": 0},
        ".thresholds.deniedPerPeriod: 0 is too small. Write 1 or more."),
    ("a dashboard of what nobody records", "cilium", "prometheus", ...,
        ": the Grafana dashboard shows metrics that the Prometheus rules record. Add prometheus: {}."),
]
# fmt: on


def refusal(cni: str, key: str, value: Any) -> str:  # noqa: ANN401 - parsed YAML has any shape
    path = ("alerts", *key.split(".")) if key else ("alerts",)
    content = alerted_content(cni)
    with pytest.raises(InputError) as refused:
        environment_of("dev", without(content, path) if value is ... else put(content, path, value))
    return str(refused.value).removeprefix("Pulumi.dev.yaml: flash-ticket-firewall:binding.alerts")


@pytest.mark.parametrize(
    ("cni", "key", "value", "line"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_reported_with_file_key_problem_and_remedy(cni: str, key: str, value: Any, line: str) -> None:  # noqa: ANN401 - parsed YAML has any shape
    assert refusal(cni, key, value) == line


def test_alerts_that_go_nowhere_are_refused() -> None:
    with pytest.raises(InputError, match="the alerts have no destination"):
        environment_of("dev", put(alerted_content(), ("alerts",), {"runbook": RUNBOOK}))


@pytest.mark.parametrize("stack", STACKS)
def test_there_are_no_alerts_by_default(stack: str) -> None:
    assert parse_binding(binding_content(stack), stack).alerts is None
    assert environment_of(stack).alerting is None


def test_a_topic_by_name_is_the_accounts_own_and_thresholds_have_defaults() -> None:
    _, alerting = alerted()

    assert alerting == Alerting(
        RUNBOOK,
        Thresholds(1.0, 100),
        (("release", "kube-prometheus-stack"),),
        (("grafana_dashboard", "1"),),
        CloudWatchAlerting(TOPIC, None),
    )


def test_a_topic_by_arn_may_be_another_accounts() -> None:
    arn = TOPIC.replace("111122223333", "444455556666")
    _, alerting = alerted(alerts={"runbook": RUNBOOK, "cloudwatch": {"topic": arn}})

    assert alerting.cloudwatch == CloudWatchAlerting(arn, None)
    assert (alerting.rule_labels, alerting.dashboard_labels) == (None, None)


def test_a_stack_gets_the_alerts_it_writes() -> None:
    written = put(EVERYTHING, ("thresholds",), {"deniedPerSecond": 0.5, "deniedPerPeriod": 7})
    written = put(written, ("cloudwatch", "agentLogGroup"), "/aws/eks/shop/cluster")
    written = put(written, ("grafana", "labels"), {"dashboards": "security"})
    _, alerting = alerted("vpc-cni", alerts=written)

    assert alerting.thresholds == Thresholds(0.5, 7)
    assert alerting.dashboard_labels == (("dashboards", "security"),)
    assert alerting.cloudwatch == CloudWatchAlerting(TOPIC, "/aws/eks/shop/cluster")
