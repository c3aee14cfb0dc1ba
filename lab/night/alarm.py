"""What rings in the night: a real Prometheus scrapes the agent, and evaluates the rules that the engine deployed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from flash_ticket.firewall.compile.alerts.alert import Alert
from flash_ticket.firewall.declare.binding import stack_file
from lab.denials.prometheus import Prometheus, PrometheusEndedError
from lab.denials.watched import alerting_on, metrics_of, rule_groups
from lab.running.engine import EngineError
from lab.shop.shop import Shop
from lab.toolchain.prometheus import PrometheusError, prometheus, promtool

ALERT = Alert.DENIED_TRAFFIC
_DIRECTIONS = {"egress", "ingress"}
# The night is short: what is denied in one of its rounds must ring. The committed stacks have no alerts.
_SETTINGS = """\
    alerts:
      runbook: https://wiki.example.com/runbook
      thresholds: {deniedPerSecond: 0.01}
      prometheus: {labels: {release: kube-prometheus-stack}}
"""
_BESIDE = "    flowLogs:\n"


def with_alerts(folder: Path, stack: str) -> dict[str, str]:
    """Return a stack's settings file of the program in a folder, with alerts for Prometheus, by its name."""
    name = stack_file(stack)
    return {name: (folder / name).read_text().replace(_BESIDE, _SETTINGS + _BESIDE, 1)}


def left_out() -> str:
    """Return in one line why Prometheus is not available here; empty if it is. Fetch it first, if it is missing."""
    try:
        prometheus()
    except PrometheusError as error:
        return str(error)
    return ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """The alerts of the running shop. Each method shows what it finds."""

    _watching: Prometheus

    @classmethod
    @contextmanager
    def over(cls, shop: Shop) -> Iterator["Alarm"]:
        """Evaluate the deployed rules for the length of a ``with`` block; their minutes are seconds.

        Raises:
            EngineError: Prometheus cannot be had, or does not evaluate them.
        """
        try:
            targets = [metrics_of(shop.node)]
            with alerting_on(str(prometheus()), rule_groups(shop), targets, promtool=promtool()) as watching:
                watching.wait("the agent's metrics", watching.is_scraped)
                yield cls(watching)
        except (PrometheusError, PrometheusEndedError) as error:
            raise EngineError(str(error)) from error

    def silent(self) -> None:
        """Show that nothing rings before the night.

        Raises:
            EngineError: The alert is pending or fires.
            PrometheusEndedError: The rules are not evaluated in time.
        """
        scraped = datetime.now(UTC)
        self._watching.wait("an evaluation of what was scraped", lambda: self._watching.evaluated() > scraped)
        state = self._watching.states()[ALERT]
        _say(f"Prometheus evaluates the deployed rules; a minute of theirs is a second here. {ALERT}: {state}")
        if state != "inactive":
            raise EngineError(f"{ALERT} is {state} before anything is denied")

    def rings(self) -> None:
        """Wait until the alert fires for both directions, and show what it says.

        Raises:
            PrometheusEndedError: It does not fire in time.
        """
        self._watching.wait(f"{ALERT} firing", lambda: self._firing().keys() >= _DIRECTIONS)
        for direction, alert in sorted(self._firing().items()):
            _say(f"{ALERT} fires ({direction}), {alert['runbook_url']}")
            typer.echo(f"    {alert['description']}")

    def _firing(self) -> dict[str, dict[str, str]]:
        """Return the annotations of the alert for each direction that it fires for."""
        return {
            each["labels"]["direction"]: each["annotations"]
            for each in self._watching.alerts()
            if each["labels"]["alertname"] == ALERT and each["state"] == "firing"
        }


def _say(text: str) -> None:
    typer.echo(f"  {text}")
