"""What the demo shows of packets: the checks of the shop's operators and the probe, on the shop as it runs in dev."""

from dataclasses import dataclass
from typing import Any

import typer

from lab.enclosure.needs import missing
from lab.running.engine import Engine, EngineError
from lab.running.lab import Lab
from lab.shop.checks import run_checks
from lab.shop.interfaces import Interfaces
from lab.shop.shop import Shop
from lab.story import night, opening
from lab.toolchain.go_build import BuildError
from lab.toolchain.kits import provide
from lab.toolchain.node_kits import Enforcer, node_kits

_STACK = "dev"
_TITLE = "{}: packets, {}"


def left_out(enforcer: Enforcer = Enforcer.AWS) -> str:
    """Return in one line why packets cannot be had here; empty where they can. Make the node's programs first."""
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
        shop: None where packets cannot be had.
        lacking: Why they cannot be had.
    """

    lab: Lab
    shop: Shop | None
    lacking: str
    _interfaces: Interfaces | None = None

    def before(self) -> None:
        """Show the checks before the firewall stands.

        Raises:
            EngineError: A check has another answer than it must have.
        """
        if self._begin("before the firewall"):
            self._checks(firewall=False)

    def with_firewall(self, engine: Engine, ec2: Any) -> None:  # noqa: ANN401 - clients are made at run time
        """Show the checks and the probe with both firewalls deployed.

        Raises:
            EngineError: A check has another answer than it must have.
        """
        if self.shop is None or not self._begin("with the firewall"):
            return
        self._interfaces = Interfaces(self.shop, ec2, engine.stack, engine.outputs()["loadBalancerGroupId"])
        self._interfaces.make()
        self._checks(firewall=True)
        hosts = [
            f"--probe-host={name}={address}"
            for name, address in self.shop.hosts.items()
            if name in self.shop.matrix.endpoints and self.shop.matrix.endpoints[name].ports
        ]
        night.show_verb(engine, "verify", "--probe", "--consent", *hosts)

    def end(self) -> None:
        """Take the shop's interfaces away: AWS does not delete a group that an interface has."""
        if self._interfaces:
            self._interfaces.remove()

    def after(self) -> None:
        """Show the checks after the firewall is destroyed.

        Raises:
            EngineError: A check has another answer than it must have.
        """
        if self._begin("after the firewall"):
            self._checks(firewall=False)

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
