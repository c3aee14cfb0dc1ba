"""The Grafana dashboard of one firewall, over the series that its Prometheus rules record.

Source: Grafana documentation, "Dashboard JSON model". The data source is a variable, as in shared dashboards, so that
the dashboard works in any installation.
"""

import json
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.hubble import DECLARED_DENIED, DENIED, DROPS, VERDICTS
from flash_ticket.firewall.compile.alerts.policy_agent import DROPPED
from flash_ticket.firewall.compile.alerts.prometheus_rule import PERIOD_SECONDS, SeriesSelector, equal
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.declare.matrix import Matrix

SCHEMA_VERSION = 39
_LONGEST_UID = 40
"""The schema of Grafana 10.3; later releases migrate it when they load the dashboard."""

_WIDTH = 24
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

Panel = dict[str, Any]


def grafana_dashboard(matrix: Matrix, environment: Environment) -> str:
    """Return the dashboard as JSON; the text is stable for the same firewall.

    Raises:
        ValueError: The network plug-in has no metric to show.
    """
    match environment.cluster.cni:
        case CniName.CILIUM:
            panels = _by_pair(matrix.namespace)
        case CniName.VPC_CNI:
            panels = _by_node()
        case CniName.CALICO:
            raise ValueError("open source Calico has no metric of denied traffic")
    owner = Owner.of(matrix.namespace, environment)
    uid = f"{owner.account_name}-network-policy"
    where = "" if owner.is_plain else f" in {owner.cluster_name}"
    document = {
        "uid": uid if len(uid) <= _LONGEST_UID else f"{uid[: _LONGEST_UID - len(owner.digest) - 1]}-{owner.digest}",
        "title": f"Network policy: {owner.name}{where}",
        "tags": ["network-policy", matrix.namespace],
        "timezone": "browser",
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource_variable()]},
        "annotations": {"list": []},
        "links": [],
        "panels": [{"id": number, **panel} for number, panel in enumerate(_stacked(panels), 1)],
    }
    return json.dumps(document, indent=1)


def _by_pair(namespace: str) -> list[Panel]:
    own = equal("firewall", namespace)
    denied, declared = SeriesSelector(DENIED, (own,)), SeriesSelector(DECLARED_DENIED, (own,))
    pair = "{{source_namespace}}/{{source}} to {{destination_namespace}}/{{destination}}"
    return [
        _alerts_panel(),
        _stat("Declared flows denied now", f"count({declared} > 0) or vector(0)", "fix these"),
        _table("Denied pairs, packets in the last hour", f"sort_desc(sum_over_time({denied}[1h:5m]) > 0)"),
        _graph("Declared flows denied", f"{declared} / {PERIOD_SECONDS}", f"{pair} (flow to {{{{flow_to}}}})"),
        _graph("Denied by source and destination", f"topk(20, {denied} / {PERIOD_SECONDS})", pair),
        _stat(
            "Hubble's metric of verdicts",
            f"count({VERDICTS}) or vector(0)",
            "series; if it is 0, denied packets are half of the drops",
        ),
        _stat("Hubble's metric of drops", f"count({DROPS}) or vector(0)", "series; 0 is missing or quiet"),
    ]


def _by_node() -> list[Panel]:
    return [
        _alerts_panel(),
        _table("Denied by node, packets in the last hour", f"sort_desc(sum_over_time({DROPPED}[1h:5m]) > 0)"),
        _graph("Denied by node and direction", f"{DROPPED} / {PERIOD_SECONDS}", "{{instance}} {{direction}}"),
        _stat(
            "The agents' metric of drops",
            "count(network_policy_drop_count_total) or vector(0)",
            "series; 0 is missing or quiet",
        ),
    ]


def _alerts_panel() -> Panel:
    firing = 'ALERTS{alertname=~"NetworkPolicy.*", alertstate="firing"}'
    return _table("Firing alerts", f"count by (alertname, severity) ({firing})")


def _datasource_variable() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}}


def _table(title: str, expression: str) -> Panel:
    hidden = {"Time": True, "__name__": True, "firewall": True}
    return {
        "type": "table",
        "title": title,
        "datasource": _DATASOURCE,
        "height": 8,
        "targets": [_target(expression, instant=True)],
        "transformations": [{"id": "organize", "options": {"excludeByName": hidden}}],
        "fieldConfig": {"defaults": {}, "overrides": []},
        "options": {"showHeader": True},
    }


def _graph(title: str, expression: str, legend: str) -> Panel:
    return {
        "type": "timeseries",
        "title": title,
        "datasource": _DATASOURCE,
        "height": 9,
        "targets": [{**_target(expression, instant=False), "legendFormat": legend}],
        "fieldConfig": {"defaults": {"unit": "pps", "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["max", "lastNotNull"]}},
    }


def _stat(title: str, expression: str, description: str) -> Panel:
    return {
        "type": "stat",
        "title": title,
        "description": description,
        "datasource": _DATASOURCE,
        "height": 4,
        "targets": [_target(expression, instant=True)],
        "fieldConfig": {"defaults": {"unit": "none"}, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "none"},
    }


def _target(expression: str, *, instant: bool) -> dict[str, Any]:
    shape: dict[str, Any] = {"format": "table", "instant": True} if instant else {"range": True}
    return {"refId": "A", "datasource": _DATASOURCE, "expr": expression, **shape}


def _stacked(panels: list[Panel]) -> list[Panel]:
    """Return the panels one below the other, at full width."""
    placed, top = [], 0
    for panel in panels:
        height = int(panel["height"])
        rest = {key: value for key, value in panel.items() if key != "height"}
        placed.append({**rest, "gridPos": {"x": 0, "y": top, "w": _WIDTH, "h": height}})
        top += height
    return placed
