"""Prometheus rules for Cilium: denied pairs from Hubble's metric of drops, compared with the matrix.

The rules need the Hubble metric ``drop`` with the options in `HUBBLE_OPTIONS`. It counts packets and has no ports, so
an undeclared port between a declared pair looks like a declared flow. Sources: Cilium documentation, "Monitoring &
Metrics", Hubble metrics (``drop``, context options); cilium/cilium, pkg/hubble/metrics/drop/handler.go and
pkg/hubble/metrics/api/context.go.
"""

from collections import defaultdict

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.compile.alerts.patterns import address_regex
from flash_ticket.firewall.compile.alerts.prometheus_rule import (
    PERIOD_SECONDS,
    AlertingRule,
    RecordingRule,
    Rule,
    RuleGroup,
    SeriesSelector,
    equal,
    grown,
    matching,
    not_equal,
)
from flash_ticket.firewall.declare.matrix import External, Labels, Matrix, Service
from flash_ticket.firewall.declare.sections.alerts import Alerting

HUBBLE_OPTIONS = (
    "drop:sourceContext=app|workload-name|ip;destinationContext=app|workload-name|ip;"
    "labelsContext=source_namespace,destination_namespace"
)
"""For Helm's ``hubble.metrics.enabled``: the metric names a pod by its app, and anything else by its address."""

APP_LABELS = ("app.kubernetes.io/name", "app", "k8s-app")
"""The labels that Hubble uses as a pod's app: the first that the pod has."""

DENIED = "networkpolicy:denied_packets:increase5m"
"""Packets denied in five minutes, from or to the firewalled namespace, by source and destination."""

DECLARED_DENIED = "networkpolicy:declared_denied_packets:increase5m"
"""The same for pairs with a declared flow; the label ``flow_to`` names the flow's target."""

_PAIR = "source_namespace, source, destination_namespace, destination"
_POLICY = matching("reason", "POLICY_DENIED|POLICY_DENY")
_SOURCE = '{{ or $labels.source_namespace "outside the cluster" }}/{{ $labels.source }}'
_DESTINATION = '{{ or $labels.destination_namespace "outside the cluster" }}/{{ $labels.destination }}'

LabelledEnd = tuple[str, ...]
"""Label matchers that select one end of a pair."""


def hubble_group(matrix: Matrix, environment: Environment, alerting: Alerting) -> RuleGroup:
    """Return the rules of one firewall."""
    # Several firewalls can share a Prometheus, and a pair can belong to two of them.
    firewall = (("firewall", matrix.namespace),)
    rules: list[Rule] = [RecordingRule(DENIED, _denied(matrix.namespace), firewall)]
    rules += [
        RecordingRule(DECLARED_DENIED, " or ".join(sorted(selectors)), (*firewall, ("flow_to", target)))
        for target, selectors in sorted(_declared(matrix, environment).items())
    ]
    rules += _alerts(matrix.namespace, alerting)
    return RuleGroup(f"{matrix.namespace}-network-policy", tuple(rules))


def ambiguous_endpoints(matrix: Matrix, environment: Environment) -> tuple[str, ...]:
    """Return the endpoints with a flow that the metric's labels cannot distinguish from others, sorted."""
    concerned = {name for flow in matrix.flows for name in (flow.source, flow.target)}
    return tuple(sorted(name for name in concerned if _end(name, "source", matrix, environment) is None))


def _denied(namespace: str) -> str:
    from_here = SeriesSelector("hubble_drop_total", (_POLICY, equal("source_namespace", namespace)))
    to_here = SeriesSelector(
        "hubble_drop_total",
        (_POLICY, not_equal("source_namespace", namespace), equal("destination_namespace", namespace)),
    )
    return f"sum by ({_PAIR}) ({grown(from_here)} or {grown(to_here)})"


def _declared(matrix: Matrix, environment: Environment) -> dict[str, set[str]]:
    """Return selectors of the pairs with a flow, by the flow's target; targets at the same place form one group."""
    sources: dict[LabelledEnd, set[LabelledEnd]] = defaultdict(set)
    names: dict[LabelledEnd, set[str]] = defaultdict(set)
    for flow in matrix.flows:
        source = _end(flow.source, "source", matrix, environment)
        target = _end(flow.target, "destination", matrix, environment)
        if source is not None and target is not None:
            sources[target].add(source)
            names[target].add(flow.target)
    return {
        ", ".join(sorted(names[target])): {
            str(SeriesSelector(DENIED, (equal("firewall", matrix.namespace), *source, *target))) for source in found
        }
        for target, found in sources.items()
    }


def _end(name: str, side: str, matrix: Matrix, environment: Environment) -> LabelledEnd | None:
    """Return the matchers for an endpoint at one side of the metric; None if the metric's labels cannot select it."""
    endpoint = matrix.endpoints[name]
    if isinstance(endpoint, Service):
        return _pods(side, matrix.namespace, endpoint.pods)
    if isinstance(endpoint, External) and endpoint.namespace is not None:
        return _pods(side, endpoint.namespace, endpoint.pods)
    regex = address_regex(environment.place(name).networks)
    return None if regex is None else (equal(f"{side}_namespace", ""), matching(side, regex))


def _pods(side: str, namespace: str, pods: Labels) -> LabelledEnd | None:
    inside = equal(f"{side}_namespace", namespace)
    if not pods:
        return (inside,)
    app = next((dict(pods)[label] for label in APP_LABELS if label in dict(pods)), None)
    return None if app is None else (inside, equal(side, app))


def _alerts(namespace: str, alerting: Alerting) -> list[Rule]:
    denied, declared_denied = (
        SeriesSelector(record, (equal("firewall", namespace),)) for record in (DENIED, DECLARED_DENIED)
    )
    policy_drops = SeriesSelector("hubble_drop_total", (_POLICY,))
    unnamed = [
        SeriesSelector("hubble_drop_total", (_POLICY, matching(side, "|.*/.*"))) for side in ("source", "destination")
    ]
    placed = [
        SeriesSelector("hubble_drop_total", (_POLICY, not_equal(f"{side}_namespace", "")))
        for side in ("source", "destination")
    ]
    agents_drop = SeriesSelector("cilium_drop_count_total", (matching("reason", "Policy denied.*"),))
    return [
        # Longer than the five minutes for which one denied packet counts, so that a denial of under a minute, such as
        # of the first packets of a new pod, raises no alert.
        AlertingRule(
            Alert.DECLARED_FLOW_DENIED,
            f"{declared_denied} > 0",
            6,
            f"{_SOURCE} is denied {_DESTINATION}, and traffic.yaml declares a flow to {{{{ $labels.flow_to }}}}; "
            "{{ $value | humanize }} packets in five minutes. The metric has no port; `flash-firewall denied` shows "
            "it.",
            alerting.runbook,
        ),
        AlertingRule(
            Alert.DENIED_TRAFFIC,
            f"{denied} / {PERIOD_SECONDS} > {alerting.thresholds.per_second:g} unless on ({_PAIR}) {declared_denied}",
            5,
            f"{_SOURCE} is denied {_DESTINATION}, which no flow of traffic.yaml declares; "
            "{{ $value | humanize }} packets a second.",
            alerting.runbook,
        ),
        AlertingRule(
            Alert.NEW_DENIED_PAIR,
            f"{denied} > 0 unless max_over_time({denied}[1d] offset 10m) > 0",
            0,
            f"{_SOURCE} is denied {_DESTINATION}, and was not during the day before.",
            alerting.runbook,
        ),
        AlertingRule(
            Alert.METRIC_MISSING,
            # A counter has no series before its first drop; Hubble's own counter of scrapes shows that Hubble runs.
            "absent(hubble_drop_total or hubble_metrics_http_handler_requests_total)"
            f" or (sum(increase({agents_drop}[15m])) > 0 unless on () {policy_drops})",
            15,
            "Prometheus has no hubble_drop_total, so no denied traffic can be seen. "
            f"Hubble's metrics need {HUBBLE_OPTIONS} and a ServiceMonitor.",
            alerting.runbook,
        ),
        AlertingRule(
            Alert.METRIC_LABELS_MISSING,
            f"count({' or '.join(map(str, unnamed))}) > 0"
            f" or (count({policy_drops}) > 0 unless count({' or '.join(map(str, placed))}))",
            15,
            "hubble_drop_total lacks the labels of source and destination, so declared flows cannot be "
            f"distinguished from others. Hubble's metrics need {HUBBLE_OPTIONS}.",
            alerting.runbook,
        ),
    ]
