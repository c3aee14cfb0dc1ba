"""Where pods run, compared with places: with most network plug-ins an ipBlock matches the pods among its addresses."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flash_ticket.firewall.compile.pod_layer import DeclaredAddresses
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.traffic.attribution.inventory import Pod
from flash_ticket.verify.finding import Comparison, Finding, FindingKind
from flash_ticket.verify.observed import Observed

_NAMED = 3


@dataclass(frozen=True)
class PodAddresses(Comparison):
    """The running pods of the whole cluster, as far as the inventory has them."""

    observed: Observed

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for each place with an address that a running pod has; the pod layer takes the pod for it."""
        cluster = self.planned.environment.cluster
        if not cluster.enforcement.matches_addresses:
            return
        for place, blocks in sorted(self._blocks().items()):
            inside = [
                (pod, address) for pod, address in self._running() if any(each.covers(address) for each in blocks)
            ]
            if inside:
                yield Finding(
                    f"places.{place}",
                    f"pods have addresses of it: {_words(inside)}",
                    f"with {cluster.cni.value} an ipBlock matches pods, so the pod layer takes them for {place}",
                    f"Keep pods out of the addresses of {place}: move it to subnets of its own, and write "
                    "cluster.podSubnets",
                    FindingKind.OPEN,
                )

    def _blocks(self) -> Mapping[str, set[AddressRange]]:
        """Return the ipBlocks of the compiled policies by their places; resolvers of the cluster are not places."""
        places = dict(self.planned.environment.places)
        found: dict[str, set[AddressRange]] = defaultdict(set)
        for policy in self.planned.pods.allows:
            for rule in policy.rules:
                for name in set(rule.flow.split(" -> ")) & set(places):
                    blocks = (peer for peer in rule.peers if isinstance(peer, DeclaredAddresses))
                    found[name] |= {AddressRange.of_network(each.network) for each in blocks}
        return found

    def _running(self) -> Iterator[tuple[Pod, AddressRange]]:
        """Yield the running pods that have a network of their own, with each address."""
        for pod in self.observed.inventory.pods:
            if pod.until is None and pod.node not in pod.addresses:
                for address in pod.addresses:
                    yield pod, AddressRange.of(address)


def _words(inside: Iterable[tuple[Pod, AddressRange]]) -> str:
    found = sorted({f"{pod.namespace}/{pod.name} ({str(at).partition('-')[0]})" for pod, at in inside})
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more
