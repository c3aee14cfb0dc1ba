"""An AWS account in memory with everything that the committed stacks select, so that they bind without AWS."""

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml

from flash_ticket.firewall.bind.account import FoundCluster, FoundEndpoint, FoundFlowLog, FoundSubnet, FoundVpc
from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.bind.environment import NO_FURTHER_GROUPS, Environment, FurtherGroups, Group, PrefixList
from flash_ticket.firewall.declare.binding import BINDING_KEY, parse_binding, stack_file
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.selection import One, Some
from flash_ticket.firewall.declare.traffic_file import read_matrix

ROOT = Path(__file__).parents[3]
STACKS = ("dev", "prod")
ACCOUNT = "111122223333"
REGION = "ap-northeast-2"
CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"

Found = TypeVar("Found", FoundVpc, FoundSubnet, Group, PrefixList, FoundEndpoint)


@dataclass(frozen=True, slots=True)
class Thing(Generic[Found]):
    """A resource of the account, with the name and tags that select it.

    Attributes:
        vpc: Its VPC; empty if it has none.
        holds: For a subnet, the ids of the groups of interfaces in it.
    """

    found: Found
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    vpc: str = ""
    holds: frozenset[str] = frozenset()

    def fits(self, selection: One | Some, vpc: str) -> bool:
        """Return whether a selection of the binding matches the resource."""
        if vpc != self.vpc:
            return False
        if selection.tags:
            return all(self.tags.get(key) == value for key, value in selection.tags)
        if isinstance(selection, One):
            return self.name == selection.name if selection.name else self.found.id == selection.id
        return self.name in (selection.names or ()) or self.found.id in (selection.ids or ())


@dataclass(frozen=True, slots=True)
class AccountInMemory:
    """Implements ``flash_ticket.firewall.bind.bind.Account``."""

    known_vpcs: tuple[Thing[FoundVpc], ...] = ()
    known_subnets: tuple[Thing[FoundSubnet], ...] = ()
    known_groups: tuple[Thing[Group], ...] = ()
    known_prefix_lists: tuple[Thing[PrefixList], ...] = ()
    clusters: Mapping[str, FoundCluster] = field(default_factory=dict)
    known_endpoints: tuple[Thing[FoundEndpoint], ...] = ()
    interfaces_of_api: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    known_flow_logs: tuple[FoundFlowLog, ...] = ()

    @property
    def id(self) -> str:
        return ACCOUNT

    @property
    def partition(self) -> str:
        return "aws"

    @property
    def region(self) -> str:
        return REGION

    def vpcs(self, selection: One) -> Sequence[FoundVpc]:
        return [thing.found for thing in self.known_vpcs if thing.fits(selection, "")]

    def subnets(self, vpc: str, selection: One | Some) -> Sequence[FoundSubnet]:
        return [thing.found for thing in self.known_subnets if thing.fits(selection, vpc)]

    def groups(self, vpc: str, selection: One) -> Sequence[Group]:
        return [thing.found for thing in self.known_groups if thing.fits(selection, vpc)]

    def prefix_lists(self, selection: One) -> Sequence[PrefixList]:
        return [thing.found for thing in self.known_prefix_lists if thing.fits(selection, "")]

    def cluster(self, name: str) -> FoundCluster | None:
        return self.clusters.get(name)

    def endpoints(self, vpc: str, services: Collection[str]) -> Sequence[FoundEndpoint]:  # noqa: ARG002 - it knows all
        return [thing.found for thing in self.known_endpoints if thing.vpc == vpc]

    def api_interfaces(self, vpc: str, cluster: str) -> Sequence[Network]:  # noqa: ARG002 - names are unique here
        return self.interfaces_of_api.get(cluster, ())

    def beside_load_balancer(self, vpc: str, external: str) -> FurtherGroups:  # noqa: ARG002 - it has no interfaces
        return NO_FURTHER_GROUPS

    def flow_log(self, id_: str) -> FoundFlowLog | None:
        return next((each for each in self.known_flow_logs if each.id == id_), None)

    def pod_subnets(self, vpc: str, nodes: Sequence[Group]) -> Sequence[FoundSubnet]:
        of_vpc = (thing for thing in self.known_subnets if thing.vpc == vpc)
        return [thing.found for thing in of_vpc if any(group.id in thing.holds for group in nodes)]

    def and_also(self, *things: Thing[Any]) -> "AccountInMemory":
        """Return the account with more resources."""
        return AccountInMemory(
            (*self.known_vpcs, *(thing for thing in things if isinstance(thing.found, FoundVpc))),
            (*self.known_subnets, *(thing for thing in things if isinstance(thing.found, FoundSubnet))),
            (*self.known_groups, *(thing for thing in things if isinstance(thing.found, Group))),
            (*self.known_prefix_lists, *(thing for thing in things if isinstance(thing.found, PrefixList))),
            self.clusters,
            (*self.known_endpoints, *(thing for thing in things if isinstance(thing.found, FoundEndpoint))),
            self.interfaces_of_api,
            self.known_flow_logs,
        )

    def without(self, found: str) -> "AccountInMemory":
        """Return the account without the resource with this id."""
        return AccountInMemory(
            tuple(thing for thing in self.known_vpcs if thing.found.id != found),
            tuple(thing for thing in self.known_subnets if thing.found.id != found),
            tuple(thing for thing in self.known_groups if thing.found.id != found),
            tuple(thing for thing in self.known_prefix_lists if thing.found.id != found),
            self.clusters,
            tuple(thing for thing in self.known_endpoints if thing.found.id != found),
            self.interfaces_of_api,
            self.known_flow_logs,
        )


def _networks(*blocks: str) -> tuple[Network, ...]:
    return tuple(ip_network(block) for block in blocks)


def _stack_of(name: str, second_octet: int) -> AccountInMemory:
    """Return a VPC with two subnets per tier, the groups of nodes, datastores and cluster, and the cluster."""
    vpc, shop = f"vpc-{name}", f"flash-ticket-{name}"
    subnets = tuple(
        Thing(
            FoundSubnet(f"subnet-{name}-{tier}-{zone}", _networks(f"10.{second_octet}.{base + index}.0/24")),
            f"{shop}-{tier}-{zone}",
            {"Name": f"{shop}-{tier}-{zone}", "Environment": name, "Tier": tier},
            vpc,
        )
        for tier, base in (("public", 0), ("private", 10), ("data", 20))
        for index, zone in enumerate("ac")
    )
    groups = tuple(
        Thing(Group(f"sg-{name}-{role}", f"{shop}-{role}"), f"{shop}-{role}", {"Name": f"{shop}-{role}"}, vpc)
        for role in ("nodes", "rabbitmq", "redis", "database")
    )
    cluster_group = Group(
        f"sg-{name}-cluster", f"eks-cluster-sg-{shop}-1234567", (("egress", 4, 1), ("ingress", 4, 1), ("ingress", 6, 1))
    )
    return AccountInMemory(
        (Thing(FoundVpc(vpc, _networks(f"10.{second_octet}.0.0/16")), shop, {"Name": shop}),),
        subnets,
        (*groups, Thing(cluster_group, cluster_group.label, {}, vpc)),
        (),
        {shop: FoundCluster(vpc, cluster_group.id, _networks("172.20.0.0/16"))},
        interfaces_of_api={shop: _networks(f"10.{second_octet}.10.11/32", f"10.{second_octet}.11.12/32")},
    )


def _account() -> AccountInMemory:
    dev, prod = _stack_of("dev", 10), _stack_of("prod", 20)
    cloudfront = PrefixList("pl-22a6434b", CLOUDFRONT, 4, 55, _networks("120.52.22.96/27", "205.251.249.0/24"))
    return AccountInMemory(
        dev.known_vpcs + prod.known_vpcs,
        dev.known_subnets + prod.known_subnets,
        dev.known_groups + prod.known_groups,
        (Thing(cloudfront, CLOUDFRONT),),
        {**dev.clusters, **prod.clusters},
        interfaces_of_api={**dev.interfaces_of_api, **prod.interfaces_of_api},
    )


SHOP = _account()
"""Both environments: VPC dev 10.10.0.0/16 and prod 10.20.0.0/16."""


@cache
def shop_matrix() -> Matrix:
    """Return the committed matrix."""
    return read_matrix(ROOT / "traffic.yaml")


def stack_content(stack: str) -> dict[str, Any]:
    """Return a new copy of the whole configuration of a committed stack."""
    return deepcopy(_parsed(stack))


@cache
def _parsed(stack: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / stack_file(stack)).read_text(encoding="utf-8"))["config"]
    return content


def binding_content(stack: str) -> dict[str, Any]:
    """Return a new copy of a committed stack's binding, as parsed YAML."""
    content: dict[str, Any] = stack_content(stack)[BINDING_KEY]
    return content


def environment_of(
    stack: str, content: dict[str, Any] | None = None, matrix: Matrix | None = None, account: AccountInMemory = SHOP
) -> Environment:
    """Return a stack's environment, bound in memory from its committed binding or from the given one."""
    binding = parse_binding(content or binding_content(stack), stack)
    return bind(matrix or shop_matrix(), binding, stack, account)
