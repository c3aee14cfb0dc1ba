"""Finds what a binding selects in an AWS account, and returns one environment, or all mistakes to correct."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter

from flash_ticket.firewall.bind.account import Account, FoundVpc
from flash_ticket.firewall.bind.bind_adopting import bind_adopting
from flash_ticket.firewall.bind.bind_alerts import bind_alerts
from flash_ticket.firewall.bind.bind_built_in import BuiltInBinder
from flash_ticket.firewall.bind.bind_cluster import ClusterBinder
from flash_ticket.firewall.bind.edges.bind_flow_logs import bind_flow_logs
from flash_ticket.firewall.bind.edges.bind_load_balancers import LoadBalancerBinder, as_targets_see
from flash_ticket.firewall.bind.environment import Environment, Place, PrefixList, Quotas
from flash_ticket.firewall.bind.impossible import unenforceable_names
from flash_ticket.firewall.bind.known_places import PodsOfPlace
from flash_ticket.firewall.bind.lookup import Lookup, ordered
from flash_ticket.firewall.declare.binding import (
    BINDING_KEY,
    Binding,
    PlaceEntry,
)
from flash_ticket.firewall.declare.built_in import BuiltIn, written_name
from flash_ticket.firewall.declare.choices import Network, Protection
from flash_ticket.firewall.declare.matrix import External, Matrix
from flash_ticket.firewall.terms.input_error import InputError, refuse_all


def bind(matrix: Matrix, binding: Binding, stack: str, account: Account) -> Environment:
    """Return the environment, with a place for every external of the matrix outside the cluster.

    Raises:
        InputError: An external has no place, a place has no external, a selection matches nothing or too much, or the
            alerts do not fit the cluster or region. The error holds all mistakes; without an answer from the account,
            it holds only that.
    """
    # The settings do not end, so the moment does not matter.
    ours = matrix.within(stack, datetime.min.replace(tzinfo=UTC))
    lookup = Lookup(ours, stack, account)
    found = _Binder(lookup).environment(binding)
    guard = binding.guard_rails.guard_rails() if binding.guard_rails else None
    accepted, alerting = tuple(binding.accepted_policies), bind_alerts(binding.alerts, found)
    adopting = bind_adopting(binding.adopt, lookup, found)
    protection = Protection.PROTECTED if binding.protect else Protection.NONE
    return replace(
        found,
        alerting=alerting,
        guard_rails=guard,
        accepted_policies=accepted,
        adopting=adopting,
        protection=protection,
    )


@dataclass(frozen=True, slots=True)
class _Binder:
    lookup: Lookup

    def environment(self, binding: Binding) -> Environment:
        bound = (each for each in self.lookup.matrix.externals if each.looked_up is None)
        outside = [external.name for external in bound if external.has_place]
        balancers = LoadBalancerBinder(self.lookup)
        mistakes = [*self._wrong_places(binding, outside), *balancers.wrong(binding, outside)]
        mistakes += [self.lookup.refuse(*why) for why in unenforceable_names(self.lookup.matrix, binding.cluster)]
        with self.lookup.gathered(mistakes):
            vpc = self.lookup.one("vpc", "VPC", binding.vpc, self.lookup.account.vpcs(binding.vpc))
        if any(each.key == f"{BINDING_KEY}.vpc" for each in mistakes):
            refuse_all(mistakes)  # all else is in the VPC
        with self.lookup.gathered(mistakes):
            cluster = ClusterBinder(self.lookup).cluster(binding.cluster, vpc)
        with self.lookup.gathered(mistakes):
            load_balancers = balancers.load_balancers(binding, vpc)
        with self.lookup.gathered(mistakes):
            flow_logs = bind_flow_logs(binding.flow_logs, self.lookup, vpc)
        places: list[tuple[str, Place]] = []
        for name in outside:
            with self.lookup.gathered(mistakes):
                entry = binding.places.get(name)
                places += [(name, self._place(name, entry, vpc))] if entry and not entry.namespace else []
        refuse_all(mistakes)
        built_in = BuiltInBinder(self.lookup, vpc, cluster)
        for external in self.lookup.matrix.externals:
            with self.lookup.gathered(mistakes):
                places += [(external.name, built_in.place(external))] if external.looked_up else []
        refuse_all(mistakes)
        named = {each.external: each for each in load_balancers}
        return Environment(
            self.lookup.stack,
            self.lookup.account.partition,
            self.lookup.account.region,
            self.lookup.account.id,
            vpc.id,
            vpc.networks,
            cluster,
            load_balancers,
            tuple((name, as_targets_see(place, named.get(name))) for name, place in sorted(places, key=itemgetter(0))),
            flow_logs,
            Quotas(binding.quotas.rules_per_group, binding.quotas.groups_per_interface, binding.quotas.coarsen),
            in_pods=tuple(
                (name, PodsOfPlace(entry.namespace, entry.pods or ()))
                for name, entry in sorted(binding.places.items())
                if entry.namespace
            ),
        )

    def _wrong_places(self, binding: Binding, outside: list[str]) -> Iterator[InputError]:
        for name in outside:
            if name not in binding.places:
                remedy = f"Add places.{name}"
                if name in {*BuiltIn}:
                    remedy += ", or remove it from externals: the name then means what every cluster has"
                problem = f"the external {name} of traffic.yaml has no place in this stack"
                yield self.lookup.refuse("places", problem, remedy)
        for name in binding.places:
            if name not in outside and self._is_looked_up(name):
                yield self.lookup.refuse(
                    f"places.{name}", f"{name} needs no place, because the program looks it up", "Remove it"
                )
            elif name not in outside:
                problem = f"{name} {self._without_place(name)}"
                yield self.lookup.refuse(f"places.{name}", problem, "Remove it or correct its name")
            elif (there := binding.places[name].namespace) in self.lookup.matrix.namespaces:
                is_home = there == self.lookup.matrix.namespace
                yield self.lookup.refuse(
                    f"places.{name}.namespace",
                    f"{there} is {'the firewalled namespace itself' if is_home else 'a firewalled namespace'}",
                    f"Declare {name} under services in traffic.yaml instead, with its stacks",
                )

    def _without_place(self, name: str) -> str:
        known = self.lookup.matrix.endpoints.get(name)
        if not isinstance(known, External):
            return "is not an external of traffic.yaml"
        what = "domain names" if known.domains else "pods of another namespace"
        return f"stands for {what}, which need no place"

    def _is_looked_up(self, name: str) -> bool:
        return any(each.looked_up and written_name(each.name) == name for each in self.lookup.matrix.externals)

    def _place(self, name: str, entry: PlaceEntry, vpc: FoundVpc) -> Place:
        key, mistakes = f"places.{name}", list[InputError]()
        with self.lookup.gathered(mistakes):
            networks, prefix_list = self._addresses(key, entry, vpc)
        with self.lookup.gathered(mistakes):
            asked = enumerate(entry.groups)
            groups = self.lookup.every(
                partial(self.lookup.group, f"{key}.groups[{at}]", each, vpc.id) for at, each in asked
            )
        refuse_all(mistakes)
        return Place(networks, prefix_list, tuple(sorted(set(groups))))

    def _addresses(self, key: str, entry: PlaceEntry, vpc: FoundVpc) -> tuple[tuple[Network, ...], PrefixList | None]:
        if entry.prefix_list:
            prefix_list = self.lookup.prefix_list(f"{key}.prefixList", entry.prefix_list, vpc)
            networks = ordered(prefix_list.networks)
            if not networks:
                raise self.lookup.refuse(
                    f"{key}.prefixList",
                    f"the managed prefix list {prefix_list.label} ({prefix_list.id}) has no entries",
                    "Add entries to it, or give subnets or cidrs instead",
                )
            return networks, prefix_list
        found, mistakes = list[Network](), list[InputError]()
        with self.lookup.gathered(mistakes):
            found += self.lookup.subnet_networks(f"{key}.subnets", entry.subnets, vpc) if entry.subnets else ()
        with self.lookup.gathered(mistakes):
            found += self.lookup.cidrs(f"{key}.cidrs", entry.cidrs or (), vpc)
        with self.lookup.gathered(mistakes):
            left_out = self.lookup.cidrs(f"{key}.except", entry.left_out, vpc)
        refuse_all(mistakes)
        left = ordered(found)
        for number, block in enumerate(entry.left_out):
            # Without an account, the addresses of subnets are not known.
            if not entry.subnets and not any(block.overlaps(each) for each in found if block.version == each.version):
                raise self.lookup.refuse(
                    f"{key}.except[{number}]", f"the place has no address of {block}", "Remove it or correct it"
                )
        for block in left_out:
            left = ordered(part for each in left for part in _without(each, block))
        if not left:
            raise self.lookup.refuse(f"{key}.except", "it leaves no address of the place", "Leave out less")
        return left, None


def _without(network: Network, left_out: Network) -> Iterator[Network]:
    """Yield the blocks of a network's addresses that are not in another one."""
    if network.version == left_out.version and left_out.prefixlen >= network.prefixlen and left_out.overlaps(network):
        # Of two networks of one family that overlap, the one with the longer prefix is within the other.
        yield from network.address_exclude(left_out)  # type: ignore[arg-type]  # both are of one family
    elif network.version != left_out.version or not network.overlaps(left_out):
        yield network
