"""Which pod had which address when, from one listing of pods or from several together.

Another pod may get the address of a pod later. For a time that is not certain (between the last listing with a pod and
the first one without it), no pod has the address here.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from math import inf

from flash_ticket.traffic.attribution.inventory import Inventory, Pod


@dataclass(frozen=True)
class PodHistory:
    """Pods by address and time.

    Attributes:
        pods: Each pod with the time during which it certainly had its addresses; None means no limit.
    """

    pods: tuple[Pod, ...]

    @cached_property
    def nodes(self) -> frozenset[str]:
        """The addresses of nodes."""
        return frozenset(pod.node for pod in self.pods if pod.node)

    def knows(self, address: str) -> bool:
        """Return whether any pod had this address; pods on the host network have that of their node."""
        return address in self._by_address

    def holder(self, address: str, first: float, last: float) -> Pod | None:
        """Return the only pod that had an address from ``first`` to ``last``; None if that is not certain."""
        about = [pod for pod in self._by_address.get(address, ()) if _from(pod) <= last and first < _to(pod)]
        if len(about) == 1 and _from(about[0]) <= first and last <= _to(about[0]):
            return about[0]
        return None

    def named(self, namespace: str, name: str) -> Pod | None:
        """Return the latest pod with a name."""
        return self._by_name.get((namespace, name))

    def moments(self, since: float | None) -> tuple[float, ...]:
        """Return the times after ``since`` at which a pod got or lost an address, sorted."""
        ends = (moment for pod in chain.from_iterable(self._by_address.values()) for moment in (pod.since, pod.until))
        return tuple(sorted({each for each in ends if each is not None and each > (-inf if since is None else since)}))

    @cached_property
    def _by_address(self) -> Mapping[str, Sequence[Pod]]:
        found: dict[str, list[Pod]] = defaultdict(list)
        for pod in self.pods:
            for address in pod.addresses:
                if address not in self.nodes:
                    found[address].append(pod)
        return found

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], Pod]:
        return {(pod.namespace, pod.name): pod for pod in sorted(self.pods, key=_from)}


def merged(inventories: Sequence[Inventory]) -> Inventory:
    """Merge several inventories of one stack; of everything except pods, the latest saved one counts.

    Args:
        inventories: At least one, in any order.
    """
    known = sorted(inventories, key=lambda each: each.taken)
    judged = next((each for each in reversed(known) if each.others is not None), None)
    listings = [each for each in known if each.pods]
    return Inventory(
        known[-1].taken,
        next((each.environment for each in reversed(known) if each.environment), None),
        next((each.deployed for each in reversed(known) if each.deployed), None),
        tuple(_pods(listings)),
        next((each.interfaces for each in reversed(known) if each.interfaces), ()),
        next((each.services for each in reversed(known) if each.services), ()),
        min((each.taken if each.listed is None else each.listed for each in listings), default=None),
        judged.others if judged else None,
        judged.namespaces if judged else {},
        next((each.name_rules for each in reversed(known) if each.name_rules), ()),
    )


def _pods(listings: Sequence[Inventory]) -> Iterator[Pod]:
    """Yield each pod once, with the time during which the listings show or imply it."""
    seen: dict[object, list[tuple[float, Pod]]] = defaultdict(list)
    started: dict[object, float] = {}
    covered: dict[str, list[float]] = defaultdict(list)
    for listing in listings:
        # A listing without pods of a namespace may not have included the namespace.
        for namespace in {pod.namespace for pod in listing.pods}:
            covered[namespace].append(listing.taken)
        for pod in listing.pods:
            seen[replace(pod, until=None)].append((listing.taken, pod))
            started.setdefault((pod.namespace, pod.name, pod.since), listing.taken)
    for sightings in seen.values():
        (first, _), (last, pod) = sightings[0], sightings[-1]
        earlier = covered[pod.namespace][0] if pod.since is None else started[pod.namespace, pod.name, pod.since]
        # Before its first listing it had other labels or addresses, or did not exist.
        since = first if earlier < first else pod.since
        gone = pod.until is None and covered[pod.namespace][-1] > last
        yield replace(pod, since=since, until=last if gone else pod.until)


def _from(pod: Pod) -> float:
    return -inf if pod.since is None else pod.since


def _to(pod: Pod) -> float:
    return inf if pod.until is None else pod.until
