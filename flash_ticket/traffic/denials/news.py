"""What is new among denials that are looked up again and again."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from flash_ticket.traffic.denials.denied import Denial, Denied


@dataclass(slots=True)
class News:
    """Remembers what was told, so that each look tells what came since.

    Records come late and not in order, so that each look has to reach back over what was read before.
    """

    _told: dict[object, float] = field(default_factory=dict)

    def of(self, denied: Denied) -> Iterator[Denial]:
        """Yield the denials of a pair, port and layer that was not told yet, or that was denied again later."""
        for each in (*denied.denials, *denied.unanswered):
            ends = (each.source.name, each.destination.name)
            key = (*ends, each.protocol, each.port, each.layer, each.disposition)
            if key not in self._told or self._told[key] < each.last:
                self._told[key] = each.last
                yield each
