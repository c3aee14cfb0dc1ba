"""Puts the VPC layer of a declaration into an account of moto, so that something can judge packets by it.

The groups of others get rules of others first. Then the product reads them, as it does in an account of AWS, and the
declaration is compiled again with what it finds.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

from flash_ticket.firewall.bind.environment import Environment, Group, LoadBalancer, PrefixList
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.compile.vpc_layer import Holder, OwnGroup
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.sections.selection import One
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.addresses import Family
from flash_ticket.firewall.terms.ports import PortRange
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.live.aws_account import AwsAccount
from lab.aws_api.beyond_moto.network_interfaces import refuse_taken_addresses
from lab.aws_api.remembered import remember
from lab.packets.vpc_layer.deployment import Deployment
from lab.surroundings import REGION

STRANGERS = "strangers"
"""The group of hosts of the VPC that no declaration knows; it allows everything."""

_EVERYTHING: dict[str, Any] = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
_AUTHORIZE = {
    Direction.INGRESS: "authorize_security_group_ingress",
    Direction.EGRESS: "authorize_security_group_egress",
}


@dataclass(frozen=True, slots=True)
class RuleOfAnother:
    """A rule that somebody else writes into a group that is not the firewall's.

    Attributes:
        holder: The name of the group.
        peer: The name of another group, or addresses.
        ports: None for everything.
    """

    holder: str
    direction: Direction
    peer: str | Network
    ports: PortRange | None = None


@dataclass(frozen=True, slots=True)
class Others:
    """What others have in the VPC.

    Attributes:
        rules: Their rules.
        beside: The names of further groups on the interfaces with a group, by that group's name: of a group of others,
            or of a load balancer of the firewall.
        shut: The groups of others without the rule that AWS gives a new group: egress to everywhere.
    """

    rules: tuple[RuleOfAnother, ...] = ()
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shut: frozenset[str] = frozenset()


NO_OTHERS = Others()


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface to make.

    Attributes:
        addresses: Its own one, and those of the pods that share it.
        groups: The ids of its groups.
        tags: Its tags.
    """

    addresses: tuple[str, ...]
    groups: tuple[str, ...]
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class VpcAccount:
    """An account with one VPC, and the firewalls that are deployed in it.

    Attributes:
        session: Makes clients for what the product reads.
        ec2: A client of EC2, for what is written.
        vpc: The id of the VPC.
        subnet: The id of a subnet.
    """

    session: Any
    ec2: Any
    vpc: str
    subnet: str
    _named: dict[str, str] = field(default_factory=dict)
    _of_others: dict[str, str] = field(default_factory=dict)
    _deployments: dict[Owner, Deployment] = field(default_factory=dict)
    _lists: dict[str, str] = field(default_factory=dict)
    _beside: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def prepare(self, environments: Iterable[Environment], others: Others = NO_OTHERS) -> None:
        """Make the groups of others that environments name, with the rules of others in them."""
        known = {group for each in environments for group in groups_in(each)}
        for group in sorted(known, key=lambda each: each.label):
            self._of_others[group.id] = self._of_another(group.label, others)
        further = {name for names in others.beside.values() for name in names}
        named = {rule.peer for rule in others.rules if isinstance(rule.peer, str)}
        for name in sorted({STRANGERS, *further, *named, *(rule.holder for rule in others.rules)}):
            self._of_another(name, others)
        for rule in others.rules:
            self._authorize(rule)
        for name, names in others.beside.items():
            self._beside[name] = tuple(self._named[each] for each in names)

    def bound(self, firewall: CompiledFirewall) -> CompiledFirewall:
        """Return a declaration compiled with what the product reads about its groups in this account."""
        environment = firewall.environment
        account = AwsAccount(self.session, firewall.owner)
        real: dict[object, object] = {group: self._read(account, group) for group in groups_in(environment)}
        real |= {each: self._listed(each) for each in _lists(environment)}
        environment = replace(
            environment,
            vpc=self.vpc,
            cluster=_replaced(environment.cluster, real),
            places=_replaced(environment.places, real),
            load_balancers=tuple(self._front(account, each, real) for each in environment.load_balancers),
        )
        return compile_firewall(firewall.matrix, environment, firewall.suspensions)

    def deploy(self, firewall: CompiledFirewall) -> None:
        """Make the groups and rules of a bound declaration."""
        made = self._deployments.setdefault(firewall.owner, Deployment(self.ec2, self.vpc, firewall.owner))
        made.put(firewall.vpc)

    def attach(self, interfaces: Iterable[Interface]) -> list[str]:
        """Make network interfaces, and return their ids."""
        found = []
        for each in interfaces:
            first, *more = each.addresses
            addresses = [{"PrivateIpAddress": first, "Primary": True}]
            addresses += [{"PrivateIpAddress": address, "Primary": False} for address in more]
            tags = [{"ResourceType": "network-interface", "Tags": _tags(dict(each.tags))}] if each.tags else []
            made = self.ec2.create_network_interface(
                SubnetId=self.subnet, PrivateIpAddresses=addresses, Groups=list(each.groups), TagSpecifications=tags
            )
            found.append(str(made["NetworkInterface"]["NetworkInterfaceId"]))
        return found

    def groups_of(self, owner: Owner, groups: Iterable[Holder]) -> tuple[str, ...]:
        """Return the ids of the groups that an interface with some groups has: those, and those of others beside."""
        found: dict[str, None] = {}
        for group in sorted(groups, key=lambda each: each.label):
            found |= dict.fromkeys((self.id_of(owner, group), *self._beside.get(group.label, ())))
        return tuple(found)

    def id_of(self, owner: Owner, group: Holder) -> str:
        """Return the id of a group in the account.

        Args:
            owner: The firewall that a group of ours belongs to.
            group: The group; one of others has either id, that of its declaration or its own.
        """
        if isinstance(group, OwnGroup):
            return self._deployments[owner].groups[group.label]
        return self._of_others.get(group.id, group.id)

    def holders(self, firewall: CompiledFirewall) -> dict[str, Holder]:
        """Return the groups of a bound declaration by their ids."""
        found: dict[str, Holder] = {group.id: group for group in groups_in(firewall.environment)}
        return found | {self.id_of(firewall.owner, group): group for group in firewall.vpc.groups}

    @property
    def strangers(self) -> str:
        """The id of the group of hosts that nothing governs."""
        return self._named[STRANGERS]

    def authorize(self, group: str, direction: Direction, permission: Mapping[str, Any]) -> None:
        """Add a rule to a group, unless the group has it."""
        try:
            getattr(self.ec2, _AUTHORIZE[direction])(GroupId=group, IpPermissions=[permission])
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidPermission.Duplicate":
                raise

    def _of_another(self, name: str, others: Others) -> str:
        if name not in self._named:
            made = self._named[name] = self._make(name)
            if name in others.shut:
                self.ec2.revoke_security_group_egress(GroupId=made, IpPermissions=[_EVERYTHING])
            if name == STRANGERS:
                self.authorize(made, Direction.INGRESS, _EVERYTHING)
        return self._named[name]

    def _make(self, name: str) -> str:
        made = self.ec2.create_security_group(GroupName=name, Description="A group of others", VpcId=self.vpc)
        return str(made["GroupId"])

    def _authorize(self, rule: RuleOfAnother) -> None:
        if isinstance(rule.peer, str):
            peer: dict[str, Any] = {"UserIdGroupPairs": [{"GroupId": self._named[rule.peer]}]}
        else:
            peer = _by_address(rule.peer)
        self.authorize(self._named[rule.holder], rule.direction, _permission(rule.ports, peer))

    def _read(self, account: AwsAccount, group: Group) -> Group:
        (found,) = account.groups(self.vpc, One(id=self._of_others.get(group.id, group.id)))
        return replace(found, label=group.label)

    def _listed(self, wanted: PrefixList) -> PrefixList:
        if wanted.id not in self._lists and wanted.id not in self._lists.values():
            made = self.ec2.create_managed_prefix_list(
                PrefixListName=f"list-{len(self._lists)}",
                AddressFamily="IPv6" if wanted.family == Family.V6.value else "IPv4",
                MaxEntries=max(1, len(wanted.networks)),
                Entries=[{"Cidr": str(network)} for network in wanted.networks],
            )
            self._lists[wanted.id] = made["PrefixList"]["PrefixListId"]
        return replace(wanted, id=self._lists.get(wanted.id, wanted.id))

    def _front(self, account: AwsAccount, front: LoadBalancer, real: Mapping[object, object]) -> LoadBalancer:
        beside = account.beside_load_balancer(self.vpc, front.external)
        return replace(front, clients=_replaced(front.clients, real), beside=beside)


@contextmanager
def new_account(network: Network) -> Iterator[VpcAccount]:
    """Run an account of moto in this process while the block lasts.

    Args:
        network: The addresses of its VPC.
    """
    remember()
    refuse_taken_addresses()
    with mock_aws():
        session, ec2 = _clients()
        vpc = ec2.create_vpc(CidrBlock=str(network))["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=str(network))["Subnet"]["SubnetId"]
        yield VpcAccount(session, ec2, vpc, subnet)


@cache
def _clients() -> tuple[Any, Any]:
    session: Any = boto3.Session("lab", "lab", region_name=REGION)
    return session, session.client("ec2")


def groups_in(environment: Environment) -> set[Group]:
    """Return the groups of others that an environment names."""
    cluster = environment.cluster
    found = {cluster.group, *cluster.nodes, *cluster.groups_of_dns}
    return found | {group for _, place in environment.places for group in place.groups}


def _lists(environment: Environment) -> set[PrefixList]:
    named = (place.prefix_list for _, place in environment.places)
    clients = (front.clients for front in environment.load_balancers)
    return {each for each in (*named, *clients) if isinstance(each, PrefixList)}


def _replaced(value: Any, real: Mapping[object, object]) -> Any:  # noqa: ANN401 - any part of an environment
    """Return a value in which some groups and lists are replaced, however deep they are."""
    if isinstance(value, Group | PrefixList):
        return real.get(value, value)
    if type(value) is tuple:
        return tuple(_replaced(each, real) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {each.name: _replaced(getattr(value, each.name), real) for each in fields(value) if each.init}
        return replace(value, **parts)
    return value


def _permission(ports: PortRange | None, peer: Mapping[str, Any]) -> dict[str, Any]:
    if ports is None:
        return {"IpProtocol": "-1", **peer}
    return {"IpProtocol": ports.protocol.lower(), "FromPort": ports.first, "ToPort": ports.last, **peer}


def _by_address(network: Network) -> dict[str, Any]:
    if isinstance(network, ipaddress.IPv6Network):
        return {"Ipv6Ranges": [{"CidrIpv6": str(network)}]}
    return {"IpRanges": [{"CidrIp": str(network)}]}


def _tags(tags: Mapping[str, str]) -> Sequence[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
