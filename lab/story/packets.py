"""What the demo shows of packets: checks, probe and a night, on the shop as it runs in dev under both layers."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

import typer

from lab.enclosure.needs import missing
from lab.night import alarm, verbs
from lab.night.alarm import Alarm
from lab.night.night import Night
from lab.night.shop_vpc import ShopVpc
from lab.running.engine import Engine, EngineError
from lab.running.lab import Lab
from lab.shop.checks import run_checks
from lab.shop.shop import Shop
from lab.story import opening
from lab.toolchain.go_build import BuildError
from lab.toolchain.kits import provide
from lab.toolchain.node_kits import Enforcer, node_kits

_STACK = "dev"
_REMOVED = {("api", "redis")}
_OF_PAY = {("api", "pay"), *(("pay", each) for each in ("rabbitmq", "redis", "database"))}
_TITLE = "{}: packets, {}"


def left_out(enforcer: Enforcer = Enforcer.AWS) -> str:
    """Return in one line why packets cannot be tried here; empty if they can. Make the node's programs first."""
    if lacking := missing(enforcer):
        return lacking
    try:
        provide(node_kits(enforcer))
    except BuildError as error:
        return str(error).splitlines()[0]
    return ""


@dataclass(slots=True)
class Packets:
    """The shop of the demo.

    Attributes:
        lab: With the shop's cluster.
        shop: None where packets cannot be tried.
        lacking: Why they cannot be tried.
    """

    lab: Lab
    shop: Shop | None
    lacking: str
    _night: Night | None = None
    _running: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Return it; `end` comes with the end of the block at the latest."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do what `end` does."""
        self.end()

    def before(self) -> None:
        """Show the checks before the firewall stands.

        Raises:
            EngineError: A check has another answer than it must have.
        """
        if self._begin("before the firewall"):
            self._checks(firewall=False)

    def with_firewall(self, engine: Engine) -> None:
        """Show the checks and the probe with both firewalls deployed.

        Raises:
            EngineError: A check has another answer than it must have.
        """
        if not self._begin("with the firewall") or self.shop is None:
            return
        vpc = self._running.enter_context(ShopVpc.around(self.lab, self.shop, engine))
        self._night = Night(self.lab, self.shop, engine, vpc)
        self._checks(firewall=True)
        hosts = [
            f"--probe-host={name}={address}"
            for name, address in self.shop.hosts.items()
            if name in self.shop.matrix.endpoints and self.shop.matrix.endpoints[name].ports
        ]
        verbs.show_verb(engine, "verify", "--probe", "--consent", *hosts)

    def faults(self) -> None:
        """Show what fails at night, and what the command says about it.

        Raises:
            EngineError: Something else fails than must fail.
        """
        if self._begin("and orders fail") and self._night and self.shop:
            watching = self._alarm(self.shop)
            self._night.begin()
            self._night.restart("pay")
            self._night.scan()
            self._night.expect({("gateway", "api"), *_REMOVED, *_OF_PAY})
            if watching:
                watching.rings()
            self._night.denied()

    def opened(self) -> None:
        """Show that the connection works again for which a policy is open.

        Raises:
            EngineError: As for `faults`.
        """
        if self._begin("with the policy open") and self._night:
            self._night.expect({*_REMOVED, *_OF_PAY})

    def repaired(self) -> None:
        """Show that pods get their group back.

        Raises:
            EngineError: As for `faults`.
        """
        if self._begin("with the group of pay back") and self._night:
            self._night.restart("pay")
            self._night.expect(_REMOVED)

    def over(self) -> None:
        """Show that everything works, and what the command would have said before the night.

        Raises:
            EngineError: As for `faults`.
        """
        if self._begin("the night is over") and self._night:
            self._night.expect(set())
            self._night.nothing_denied()
            self._night.replay()

    def end(self) -> None:
        """Take the shop's interfaces away: AWS does not delete a group that an interface has."""
        self._running.close()

    def after(self) -> None:
        """Show the checks after the firewall is destroyed.

        Raises:
            EngineError: A check has another answer than it must have.
        """
        if self._begin("after the firewall"):
            self._checks(firewall=False)

    def _alarm(self, shop: Shop) -> Alarm | None:
        """Return what rings from now on; None where Prometheus is not available."""
        if lacking := alarm.left_out():
            typer.echo(f"  the alert is left out: {lacking}")
            return None
        watching = self._running.enter_context(Alarm.over(shop))
        watching.silent()
        return watching

    def _begin(self, when: str) -> bool:
        typer.echo("\n".join(opening.title(_TITLE.format(_STACK, when))))
        if self.shop is None:
            typer.echo(f"  left out: {self.lacking}")
        return self.shop is not None

    def _checks(self, *, firewall: bool) -> None:
        kubectl = self.lab.toolchain.path("kubectl")
        for answered in run_checks(kubectl, self.lab.env(_STACK)):
            typer.echo(f"  {answered}")
            if answered.works != (answered.check.declared or not firewall):
                raise EngineError(f"this is not what must come of {answered.check.url} from {answered.check.source}")
