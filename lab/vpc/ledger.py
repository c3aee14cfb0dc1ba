"""What was counted since a moment, summed up over the generations of rules that were in force meanwhile."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address

from lab.vpc.account import Address
from lab.vpc.counted import Counted, Direction
from lab.vpc.netlink import tallies, total
from lab.vpc.owners import Owners
from lab.vpc.tallied import VERDICTS, CountingSet, SourceAddress, Verdict

_Met = tuple[str, Address | None]
"""An interface, and the address that takes the place of the pod's, if the node translates it."""


class UncountedError(Exception):
    """Packets are missing from the sets that count them."""


@dataclass(slots=True)
class Ledger:
    """Numbers of packets, by what they have in common."""

    _sums: dict[tuple[Verdict, CountingSet], dict[tuple[_Met, bytes], list[int]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def add(self, owners: Owners, generation: int) -> None:
        """Add what the sets of one generation hold.

        Raises:
            UncountedError: Not every packet is in them.
        """
        for verdict in VERDICTS:
            packets = 0
            met = _meeting(owners, verdict)
            for each in verdict.sets(generation):
                sums = self._sums[verdict, each.unnumbered()]
                begin, end = each.own_address(verdict.direction)
                for tally in tallies(each.name):
                    packets += tally.packets
                    sum_of = sums.setdefault((met(tally.key[begin:end]), tally.key), [0, 0])
                    sum_of[0] += tally.packets
                    sum_of[1] += tally.bytes
            if (passed := total(verdict.chain(generation))) != packets:
                raise UncountedError(f"{passed - packets} of {passed} packets are not counted")

    def counted(self) -> Iterator[Counted]:
        """Yield all sums."""
        for (verdict, each), sums in self._sums.items():
            direction, action = verdict.direction, verdict.action
            for ((interface, address), key), (packets, size) in sums.items():
                kind = each.kind(key)
                source = address if address and direction is Direction.EGRESS else kind.source
                target = address if address and direction is Direction.INGRESS else kind.target
                yield Counted(
                    interface,
                    direction,
                    action,
                    source,
                    target,
                    kind.protocol,
                    kind.source_port,
                    kind.target_port,
                    kind.tcp_flags,
                    packets,
                    size,
                )


def _meeting(owners: Owners, verdict: Verdict) -> Callable[[bytes], _Met]:
    """Return a function that finds what a packet with an address has met."""
    node = owners.node
    if verdict.address is SourceAddress.TRANSLATED and node:
        translated = node.identifier, node.primary
        return lambda _: translated

    @cache
    def met(packed: bytes) -> _Met:
        address = ip_address(packed)
        found = (name for name, networks in owners.networks.items() if any(address in each for each in networks))
        return next(found), None

    return met
