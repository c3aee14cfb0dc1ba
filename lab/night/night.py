"""A night in the running shop: which of its connections work, and what the command says about them."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import typer

from lab.night import trying
from lab.night.shop_vpc import ShopVpc
from lab.night.verbs import show_verb
from lab.running.engine import Engine, EngineError
from lab.running.kubectl import kubectl
from lab.running.lab import Lab
from lab.shop.shop import Shop

_PROPOSED = "proposed.yaml"
_SOMETHING_FOUND = 1
_SECONDS, _PAUSE_SECONDS = 30.0, 1.0


@dataclass(slots=True)
class Night:
    """A night in one environment. Each method shows what it does.

    Attributes:
        lab: With the cluster and the account.
        shop: Which runs.
        engine: Of the stack whose firewall is deployed.
        vpc: Judges and records the packets.
    """

    lab: Lab
    shop: Shop
    engine: Engine
    vpc: ShopVpc
    _begun: float = 0.0
    _intruder: Path | None = None

    def begin(self) -> None:
        """Begin the night now: earlier denials do not count."""
        self.vpc.record()
        time.sleep(_PAUSE_SECONDS)
        self._begun = time.time()

    def restart(self, service: str) -> None:
        """Restart the pods of a service; they get the current groups.

        Raises:
            EngineError: They do not become ready.
        """
        (pods,) = (dict(each.pods) for each in self.shop.matrix.services if each.name == service)
        deployment = f"deployment/{pods['app']}"
        for command in (("rollout", "restart", deployment), ("rollout", "status", deployment, "--timeout=90s")):
            _say(f"kubectl -n {self.shop.matrix.namespace} {' '.join(command[:3])}")
            done = kubectl(self.lab, self.engine.stack, "--namespace", self.shop.matrix.namespace, *command)
            if done.returncode != 0:
                raise EngineError(f"kubectl {' '.join(command)}: {done.stderr}")
        self.vpc.follow()

    def scan(self) -> None:
        """Try ports of the load balancer and of a pod from the internet.

        Raises:
            EngineError: A port that must be closed is open.
        """
        self._intruder = self._intruder or trying.intruder()
        tried = trying.scan(self.shop, self._intruder)
        _say(f"{trying.INTRUDER} scans ports of the load balancer and of the gateway's pod")
        if tried.works:
            raise EngineError(f"these ports are open: {sorted(tried.works)}")

    def expect(self, failing: Collection[tuple[str, str]]) -> None:
        """Try what the shop's own matrix declares, and show the results.

        Raises:
            EngineError: Other connections fail than those between these ends.
        """
        end = time.monotonic() + _SECONDS
        while True:  # the agent needs a moment for the policies of a new pod
            tried = trying.declared(self.shop)
            if tried.failing == failing or time.monotonic() > end:
                break
            time.sleep(_PAUSE_SECONDS)
        for line in tried.lines():
            _say(line)
        if tried.failing != failing:
            raise EngineError(f"{sorted(tried.failing)} fail, and {sorted(failing)} must")

    def denied(self) -> None:
        """Show what was denied since the night began.

        Raises:
            EngineError: Nothing was.
        """
        self.vpc.record()
        show_verb(self.engine, "denied", "--since", _moment(self._begun), status=_SOMETHING_FOUND)

    def nothing_denied(self) -> None:
        """Show that what is tried now is not denied.

        Raises:
            EngineError: Something was.
        """
        self.vpc.record()
        since = time.time()
        time.sleep(_PAUSE_SECONDS)
        trying.declared(self.shop)
        self.vpc.record()
        show_verb(self.engine, "denied", "--since", _moment(since + _PAUSE_SECONDS))

    def replay(self) -> None:
        """Show what the change of the evening would have cut, by the traffic that worked since.

        Raises:
            EngineError: Nothing would have been cut.
        """
        declared = (self.engine.program / "traffic.yaml").read_text()
        changed = declared.replace("[pay, rabbitmq, redis, database]}", "[pay, rabbitmq, database]}", 1)
        (self.engine.program / _PROPOSED).write_text(changed)
        since = _moment(self._begun)
        show_verb(self.engine, "replay", "--since", since, "--matrix", _PROPOSED, status=_SOMETHING_FOUND)


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _say(text: str) -> None:
    typer.echo(f"  {text}")
