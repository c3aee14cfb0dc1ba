"""The product's own probe on a declaration whose policies are in force: what it finds where nothing is wrong.

It runs twice. At first everything listens, so that every check must hold. Then one service stops listening: what is
declared towards it must be found, and nothing else; and it must not be taken for the work of a firewall.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.operate.probe import run_probe
from flash_ticket.verify.probe.check import CheckVerdict, Expectation, TriedCheck
from flash_ticket.verify.probe.judgement import Meaning
from flash_ticket.verify.probe.plan import plan, running_pods
from flash_ticket.verify.probe.result import Probe
from lab.node.node import Node
from lab.packets.world import End, World

_STOPPED = {Meaning.DROPPED, Meaning.REJECTED, Meaning.UNREACHABLE}


@dataclass(frozen=True, slots=True)
class Probed:
    """One run of the probe.

    Attributes:
        probe: What it says.
        silent: The service that does not listen; empty where all do.
    """

    probe: Probe
    silent: str = ""

    @property
    def false(self) -> tuple[TriedCheck, ...]:
        """The checks whose verdict is wrong, or leaves open what another connection shows."""
        return tuple(each for each in self.probe.checked if not self._is_right(each))

    def _is_right(self, tried: TriedCheck) -> bool:
        meanings = {each.meaning for each in tried.seen}
        if tried.check.target != self.silent:
            # An enforcer that rejects is left open where no other connection shows that something listens.
            is_untold = tried.verdict is CheckVerdict.UNDECIDED and meanings <= {*_STOPPED, Meaning.UNTOLD}
            return tried.verdict is CheckVerdict.HOLDS or is_untold
        if tried.check.expected is Expectation.CONNECTS:
            found = {CheckVerdict.VIOLATED, CheckVerdict.UNDECIDED, CheckVerdict.HOLDS}  # a range holds if it arrives
            return tried.verdict in found and not meanings & {*_STOPPED, Meaning.OPEN}
        # An enforcer that rejects looks like a port where nothing listens: that is left open, and is no finding.
        return tried.verdict in {CheckVerdict.HOLDS, CheckVerdict.UNDECIDED} and meanings <= {*_STOPPED, Meaning.ABSENT}

    def row(self) -> dict[str, Any]:
        """Return it for a table."""
        verdicts = [each.verdict for each in self.probe.checked]
        return {
            "silent": self.silent,
            "enforcer": self.probe.enforcer.value,
            "verdicts": {verdict.value: verdicts.count(verdict) for verdict in CheckVerdict},
            "false": [_words(each) for each in self.false],
            "checks": [_words(each) for each in self.probe.checked],
        }


def probed(firewall: CompiledFirewall, node: Node, world: World, ends: Sequence[End]) -> Iterator[Probed]:
    """Run the probe on a declaration while its policies are in force, and yield both results.

    Args:
        firewall: The declaration.
        node: The node that the pods run on.
        world: The ends of connections; afterwards one service of it no longer listens.
        ends: All ends.
    """
    cluster = KubernetesCluster.connect(str(node.kubeconfig), None)
    matrix = firewall.matrix
    described = [pod for each in matrix.namespaces for pod in node.api.items(f"/api/v1/namespaces/{each}/pods")]
    named = {
        external.name: tuple(end.address for end in ends if external.name in end.name.split(", "))
        for external in matrix.externals
        if external.ports
    }
    tries = plan(matrix, firewall.environment, running_pods(matrix, described), (), named)
    yield Probed(run_probe(cluster, tries, None, None))
    declared = {each.target for each in tries.checks if each.expected is Expectation.CONNECTS}
    if silent := next((service.name for service in matrix.services if service.name in declared), ""):
        world.silence(silent, ends)
        yield Probed(run_probe(cluster, tries, None, None), silent)


def _words(tried: TriedCheck) -> str:
    seen = "; ".join(
        f"{each.host} {each.outcome.value}: {each.meaning.value}" + (f" ({each.why})" if each.why else "")
        for each in tried.seen
    )
    return f"{tried.check} {tried.check.expected.value}: {tried.verdict.value}, {seen or tried.problem}"
