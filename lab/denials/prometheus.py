"""A real Prometheus that scrapes a few targets and evaluates rules. It ends with the process that starts it."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from lab.running import child

JOB = "denials"
"""The job of all targets."""

_LISTENS = "127.0.0.1:9090"
_LOG = "prometheus.log"
_STORAGE = "data"
_SECONDS = 120.0
_LOOK_SECONDS = 0.2
_LOG_CHARACTERS = 1500
_MINUTE = "m"

Group = Mapping[str, Any]


class PrometheusEndedError(Exception):
    """Prometheus does not answer, or never reports what a caller waits for; the message quotes its log."""


def fetched(url: str, seconds: float) -> bytes:
    """Return what stands under an address of this machine; no proxy is asked.

    Raises:
        OSError: Nothing answers in so many seconds.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=seconds) as answer:
        return bytes(answer.read())


def hurried(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return groups of rules with seconds in place of the minutes of ``interval`` and ``for``, and otherwise the same.

    The ranges in the expressions stay as they are: they are about the samples, not about when a rule is evaluated.
    """
    return [
        {**group, "interval": _in_seconds(group["interval"]), "rules": [_hurried(rule) for rule in group["rules"]]}
        for group in groups
    ]


def _hurried(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {**rule, "for": _in_seconds(rule["for"])} if "for" in rule else dict(rule)


def _in_seconds(duration: str) -> str:
    if not duration.endswith(_MINUTE) or not duration.removesuffix(_MINUTE).isdigit():
        raise ValueError(f"{duration} is not a number of minutes")
    return f"{duration.removesuffix(_MINUTE)}s"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus.

    Attributes:
        folder: Where its files and its log are.
    """

    folder: Path
    _process: subprocess.Popen[str]

    @classmethod
    @contextmanager
    def start(
        cls,
        program: Path,
        folder: Path,
        groups: Sequence[Group],
        targets: Sequence[str],
        fill: Callable[[Path], None] | None = None,
    ) -> Iterator["Prometheus"]:
        """Run Prometheus for the length of a ``with`` block. It scrapes every two seconds.

        Args:
            program: Its executable.
            folder: A folder that does not exist.
            groups: The rules, as in the ``spec`` of a PrometheusRule.
            targets: The addresses and ports with the metrics.
            fill: Gives its storage, a folder that does not exist, what it knows at the begin; None for nothing.
        """
        folder.mkdir()
        if fill:
            fill(folder / _STORAGE)
        (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": list(groups)}))
        settings = {
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": list(targets)}]}],
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
        command = [
            str(program),
            "--config.file=prometheus.yaml",
            f"--storage.tsdb.path={_STORAGE}",
            f"--web.listen-address={_LISTENS}",
        ]
        process = child.start(command, folder, _LOG)
        try:
            yield cls(folder, process)
        finally:
            process.kill()
            process.wait()

    def is_scraped(self) -> bool:
        """Return whether every target answered the last scrape."""
        found = self._ask("query", query="up")["result"]
        return bool(found) and all(float(each["value"][1]) for each in found)

    def value(self, expression: str) -> float:
        """Return the value of an expression now; 0 if it has none."""
        found = self._ask("query", query=expression)["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def history(self, alert: str) -> dict[str, float]:
        """Return when an alert was first in each state, ``pending`` and ``firing``, in seconds since 1970."""
        found: dict[str, float] = {}
        for series in self._ask("query", query=f'ALERTS{{alertname="{alert}"}}[1h]')["result"]:
            state, first = series["metric"]["alertstate"], float(series["values"][0][0])
            found[state] = min(first, found.get(state, first))
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing."""
        return list(self._ask("alerts")["alerts"])

    def states(self) -> dict[str, str]:
        """Return the state of each alerting rule, ``inactive``, ``pending`` or ``firing``, by the alert's name."""
        return {rule["name"]: rule["state"] for rule in self._rules() if rule["type"] == "alerting"}

    def unwell(self) -> list[str]:
        """Return what Prometheus says about rules that it cannot evaluate."""
        return [f"{rule['name']}: {rule['lastError']}" for rule in self._rules() if rule.get("lastError")]

    def is_evaluated(self) -> bool:
        """Return whether every rule was evaluated at least once."""
        rules = self._rules()
        return bool(rules) and all(rule["health"] != "unknown" for rule in rules)

    def evaluated(self) -> datetime:
        """Return when that rule was evaluated whose last evaluation is the longest ago."""
        return min(datetime.fromisoformat(rule["lastEvaluation"]) for rule in self._rules())

    def wait(self, what: str, is_so: Callable[[], bool], seconds: float = _SECONDS) -> float:
        """Return how many seconds it took until a condition holds.

        Raises:
            PrometheusEndedError: It does not hold in time.
        """
        begun = time.monotonic()
        while True:
            try:
                if is_so():
                    return time.monotonic() - begun
            except OSError:
                pass  # it does not listen yet
            if self._process.poll() is not None or time.monotonic() - begun > seconds:
                said = (self.folder / _LOG).read_text()[-_LOG_CHARACTERS:]
                raise PrometheusEndedError(f"Prometheus: {what} does not come: {said}")
            time.sleep(_LOOK_SECONDS)

    def _rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def _ask(self, what: str, **parameters: str) -> dict[str, Any]:
        url = f"http://{_LISTENS}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        return dict(json.loads(fetched(url, _SECONDS))["data"])
