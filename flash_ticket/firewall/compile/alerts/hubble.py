"""Prometheus rules for Cilium: denied pairs from Hubble's metrics, compared with the matrix.

The rules need the Hubble metric ``policy`` or ``drop`` with the options in `HUBBLE_CONTEXT`:

* ``hubble_policy_verdicts_total`` counts a denied packet once. The rules use it for each pair that it knows.
* ``hubble_drop_total`` counts a denied packet twice: as the verdict of the policy, and as the drop. The rules halve it,
  and use it for the other pairs. A default denial has the reason POLICY_DENIED, a policy that denies POLICY_DENY.
* A query that the DNS proxy refuses is one message without a reason. Both metrics count it once.

Both count packets and have no ports, so an undeclared port between a declared pair looks like a declared flow. Sources:
Cilium documentation, "Monitoring & Metrics", Hubble metrics (``drop``, ``policy``, context options); cilium/cilium,
pkg/hubble/metrics: drop/handler.go, policy/handler.go and api/context.go; the metrics of an agent of Cilium 1.20.2.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

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
    among,
    among_others,
    equal,
    grown,
    matching,
    not_equal,
)
from flash_ticket.firewall.declare.matrix import External, Labels, Matrix, Service
from flash_ticket.firewall.declare.sections.alerts import Alerting

HUBBLE_CONTEXT = (
    "sourceContext=app|workload-name|ip;destinationContext=app|workload-name|ip;"
    "labelsContext=source_namespace,destination_namespace"
)
"""The options of both metrics: they name a pod by its app, and anything else by its address."""

HUBBLE_OPTIONS = f"drop:{HUBBLE_CONTEXT}"
"""The metric of drops, for Helm's ``hubble.metrics.enabled``."""

HUBBLE_METRICS = f"policy:{HUBBLE_CONTEXT} and {HUBBLE_OPTIONS}"
"""Both metrics, in words."""

VERDICTS, DROPS = "hubble_policy_verdicts_total", "hubble_drop_total"

APP_LABELS = ("app.kubernetes.io/name", "app", "k8s-app")
"""The labels that Hubble uses as a pod's app: the first that the pod has."""

DENIED = "networkpolicy:denied_packets:increase5m"
"""Packets denied in five minutes, from or to the firewalled namespace, by source and destination."""

DECLARED_DENIED = "networkpolicy:declared_denied_packets:increase5m"
"""The same for pairs with a declared flow; the label ``flow_to`` names the flow's target."""

_PAIR = "source_namespace, source, destination_namespace, destination"
_VERDICT = equal("action", "dropped")
_POLICY = matching("reason", "POLICY_DENIED|POLICY_DENY")
_REFUSED_MESSAGE = (equal("reason", "DROP_REASON_UNKNOWN"), matching("protocol", "DNS|HTTP"))
_LINES_A_DROP = 2

_OTHER_CONTEXT = "|.*/.*|.*(k8s|reserved):.*"
"""How other context options name an end: not at all, as a pod or workload with its namespace, or by its labels."""

_OTHER_NAME_OF_PODS = (
    "[0-9.]+|[0-9a-f]*:[0-9a-f:]*|.+-[bcdfghjklmnpqrstvwxz2456789]{1,10}-[bcdfghjklmnpqrstvwxz2456789]{5}"
)
"""How they name a pod of a namespace: by its address, or by the name that its Deployment gave it.

By its namespace alone is the third way.
"""
_SOURCE = '{{ or $labels.source_namespace "outside the cluster" }}/{{ $labels.source }}'
_DESTINATION = '{{ or $labels.destination_namespace "outside the cluster" }}/{{ $labels.destination }}'

LabelledEnd = tuple[str, ...]
"""Label matchers that select one end of a pair."""


def hubble_group(matrix: Matrix, environment: Environment, alerting: Alerting) -> RuleGroup:
    """Return the rules of one firewall."""
    # Several firewalls can share a Prometheus, and a pair can belong to two of them.
    firewall = (("firewall", matrix.namespace),)
    rules: list[Rule] = [RecordingRule(DENIED, _denied(matrix.namespaces), firewall)]
    rules += [
        RecordingRule(DECLARED_DENIED, " or ".join(sorted(selectors)), (*firewall, ("flow_to", target)))
        for target, selectors in sorted(_declared(matrix, environment).items())
    ]
    rules += _alerts(matrix, alerting)
    return RuleGroup(f"{matrix.namespace}-network-policy", tuple(rules))


def ambiguous_endpoints(matrix: Matrix, environment: Environment) -> tuple[str, ...]:
    """Return the endpoints with a flow that the metric's labels cannot distinguish from others, sorted."""
    concerned = {name for flow in matrix.flows for name in (flow.source, flow.target)}
    return tuple(sorted(name for name in concerned if _end(name, "source", matrix, environment) is None))


def _denied(namespaces: Sequence[str]) -> str:
    verdicts = _grown_here(namespaces, VERDICTS, _VERDICT)
    drops = f"({_grown_here(namespaces, DROPS, _POLICY)}) / {_LINES_A_DROP}"
    messages = _grown_here(namespaces, DROPS, *_REFUSED_MESSAGE)
    return f"sum by ({_PAIR}) ({verdicts}) or sum by ({_PAIR}) ({drops} or {messages})"


def _grown_here(namespaces: Sequence[str], metric: str, *matchers: str) -> str:
    """Return the increase of the series from and to some namespaces."""
    from_here = SeriesSelector(metric, (*matchers, among("source_namespace", namespaces)))
    beside, here = among_others("source_namespace", namespaces), among("destination_namespace", namespaces)
    to_here = SeriesSelector(metric, (*matchers, beside, here))
    return f"{grown(from_here)} or {grown(to_here)}"


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
        return _pods(side, matrix.namespace_of(endpoint), endpoint.pods)
    if isinstance(endpoint, External) and endpoint.namespace is not None:
        return _pods(side, endpoint.namespace, endpoint.pods)
    if endpoint.domains:
        return None
    regex = address_regex(environment.place(name).networks)
    return None if regex is None else (equal(f"{side}_namespace", ""), matching(side, regex))


def _pods(side: str, namespace: str, pods: Labels) -> LabelledEnd | None:
    inside = equal(f"{side}_namespace", namespace)
    if not pods:
        return (inside,)
    app = _app(pods)
    return None if app is None else (inside, equal(side, app))


def _app(pods: Labels) -> str | None:
    return next((dict(pods)[label] for label in APP_LABELS if label in dict(pods)), None)


def _alerts(matrix: Matrix, alerting: Alerting) -> list[Rule]:
    denied, declared_denied = (
        SeriesSelector(record, (equal("firewall", matrix.namespace),)) for record in (DENIED, DECLARED_DENIED)
    )
    policy_drops, dropped = SeriesSelector(DROPS, (_POLICY,)), SeriesSelector(VERDICTS, (_VERDICT,))
    agents_drop = SeriesSelector("cilium_drop_count_total", (matching("reason", "Policy denied.*"),))
    return [
        # Longer than the five minutes that one denied packet counts for, so that a denial of under a minute, such as
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
            f"absent({VERDICTS} or {DROPS} or hubble_metrics_http_handler_requests_total)"
            f" or (sum(increase({agents_drop}[15m])) > 0 unless on () ({dropped} or {policy_drops}))",
            15,
            f"Prometheus has neither {VERDICTS} nor {DROPS}, so no denied traffic can be seen. "
            f"Hubble's metrics need {HUBBLE_METRICS}, and a ServiceMonitor.",
            alerting.runbook,
        ),
        AlertingRule(
            Alert.METRIC_LABELS_MISSING,
            " or ".join((_misnamed(matrix), _unplaced(policy_drops), _unplaced(dropped))),
            15,
            f"{VERDICTS} or {DROPS} lacks the labels of source and destination, or names pods in another way, so "
            f"declared flows cannot be distinguished from others. Hubble's metrics need {HUBBLE_METRICS}.",
            alerting.runbook,
        ),
    ]


def _misnamed(matrix: Matrix) -> str:
    """Return an expression that has a value if an end is named by other context options than `HUBBLE_CONTEXT`."""
    apps = {_app(each.pods) for each in matrix.services}
    names = "|".join((*(each for each in matrix.namespaces if each not in apps), _OTHER_NAME_OF_PODS))
    found = [
        SeriesSelector(metric, (*only, *ends))
        for metric, only in ((VERDICTS, ()), (DROPS, (_POLICY,)))
        for side in ("source", "destination")
        for ends in (
            (matching(side, _OTHER_CONTEXT),),
            (among(f"{side}_namespace", matrix.namespaces), matching(side, names)),
        )
    ]
    return f"count({' or '.join(map(str, found))}) > 0"


def _unplaced(denied: SeriesSelector) -> str:
    """Return an expression that has a value if denials are counted, and none has a namespace at any end."""
    sides = ("source", "destination")
    placed = (replace(denied, matchers=(*denied.matchers, not_equal(f"{side}_namespace", ""))) for side in sides)
    return f"(count({denied}) > 0 unless count({' or '.join(map(str, placed))}))"
