"""The AWS account and region of a stack. They answer for what the binding names."""

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from ipaddress import ip_network
from typing import Any

from flash_ticket.firewall.bind.account import FoundCluster, FoundEndpoint, FoundFlowLog, FoundSubnet, FoundVpc
from flash_ticket.firewall.bind.environment import (
    NO_FURTHER_GROUPS,
    FurtherGroups,
    Group,
    PrefixList,
    RuleOfOthers,
)
from flash_ticket.firewall.bind.known_places import aws_weight
from flash_ticket.firewall.change.deployed import ports_of
from flash_ticket.firewall.compile.owner import GROUP_TAG, STACK_TAG, Claim, Owner, tags_of
from flash_ticket.firewall.declare.choices import LogDestination, Network, RecordedTraffic
from flash_ticket.firewall.declare.sections.selection import One, Some
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import PortSet
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.live.asking.answers import Answers
from flash_ticket.live.asking.aws_session import PATIENCE, Session, aws_session
from flash_ticket.live.asking.filters import MOST_VALUES, filters
from flash_ticket.live.asking.vpc_endpoints import api_addresses_in, endpoints_in
from flash_ticket.live.aws_refusal import RefusedError, explained_refusals
from flash_ticket.traffic.flow_logs.events import format_fields

_CNI_TAG = "node.k8s.amazonaws.com/instance_id"


@dataclass(frozen=True)
class AwsAccount:
    """The account that credentials lead to, in one region.

    Implements ``flash_ticket.firewall.bind.bind.Account``. Every method that calls AWS may raise InputError: the
    credentials are missing or expired, a right is missing, or an endpoint does not answer within 30 seconds.
    """

    session: Session
    owner: Owner
    _answers: Answers = field(default_factory=Answers, compare=False)
    _making: threading.Lock = field(default_factory=threading.Lock, compare=False)

    @staticmethod
    def connect(region: str | None, profile: str | None, owner: Owner) -> "AwsAccount":
        """Return the account, without a call to AWS.

        Args:
            region: Such as ``ap-northeast-2``. None uses the region of the environment or of the profile.
            profile: A profile of the AWS settings. None uses the profile of the environment.
            owner: The firewall that asks. Its tags mark the resources that belong to it.

        Raises:
            InputError: The profile does not exist, or a file of settings cannot be read.
        """
        return AwsAccount(aws_session(region, profile), owner)

    @property
    def region(self) -> str:
        """The region, such as ``ap-northeast-2``."""
        return str(self.session.region_name)

    @property
    def id(self) -> str:
        """The number of the account: twelve digits."""
        return self._identity[0]

    @property
    def partition(self) -> str:
        """The partition: ``aws``, ``aws-cn`` or ``aws-us-gov``."""
        return self._identity[1]

    def vpcs(self, selection: One) -> Sequence[FoundVpc]:
        """Return every VPC that matches the selection. The name of a VPC is its tag Name."""
        chosen = _filters(selection, "vpc-id")
        found = self.pages("ec2", "describe_vpcs", "Vpcs", Filters=chosen)
        return [FoundVpc(vpc["VpcId"], _networks(vpc)) for vpc in found]

    def subnets(self, vpc: str, selection: One | Some) -> Sequence[FoundSubnet]:
        """Return every subnet of the VPC that matches the selection. The name of a subnet is its tag Name."""
        chosen = [{"Name": "vpc-id", "Values": [vpc]}, *_filters(selection, "subnet-id")]
        found = self.pages("ec2", "describe_subnets", "Subnets", Filters=chosen)
        return [FoundSubnet(subnet["SubnetId"], _networks(subnet)) for subnet in found]

    def groups(self, vpc: str, selection: One) -> Sequence[Group]:
        """Return every security group of the VPC that matches the selection. Its name is the group name, not a tag."""
        of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
        listed = self.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=of_vpc)
        chosen = [Group(group["GroupId"], group["GroupName"]) for group in listed if _fits(selection, group)]
        if len(chosen) != 1:
            return chosen
        known = [group["GroupId"] for group in listed]
        # One call covers all groups, up to the limit of a filter.
        asked = known if len(known) <= MOST_VALUES else [chosen[0].id]
        others = self._rules_of_others(chosen[0].id, asked)
        read = tuple(rule for described in others for rule in self._of_others(described))
        beside = self._beside(vpc, chosen[0].id, asked)
        return [replace(chosen[0], foreign_rules=self._counted(others), rules_of_others=read, beside=beside)]

    def beside_load_balancer(self, vpc: str, external: str) -> FurtherGroups:
        """Return the further groups of interfaces that have this program's group of the load balancer."""
        for group in self.tagged_groups():
            is_ours = self.owner.claim(group) is Claim.OURS and group.get("VpcId") == vpc
            if is_ours and tags_of(group).get(GROUP_TAG) == external:
                return self._beside(vpc, group["GroupId"], [])
        return NO_FURTHER_GROUPS

    def prefix_lists(self, selection: One) -> Sequence[PrefixList]:
        """Return every managed prefix list that matches the selection, with its entries."""
        chosen = _filters(selection, "prefix-list-id", "prefix-list-name")
        found = self.pages("ec2", "describe_managed_prefix_lists", "PrefixLists", Filters=chosen)
        return [self._prefix_list(described) for described in found]

    def cluster(self, name: str) -> FoundCluster | None:
        """Return the EKS cluster, or None if no cluster has that name."""
        try:
            described = self.ask_once("eks", "describe_cluster", name=name)["cluster"]
        except RefusedError as refused:
            if refused.code == "ResourceNotFoundException":
                return None
            raise
        placed, addressed = described["resourcesVpcConfig"], described["kubernetesNetworkConfig"]
        if not placed.get("clusterSecurityGroupId"):
            raise InputError("AWS", f"EKS cluster {name}", "it is still being created", "Wait until it is active")
        sixth = addressed.get("ipFamily") == "ipv6" or not addressed.get("serviceIpv4Cidr")
        services = addressed["serviceIpv6Cidr" if sixth else "serviceIpv4Cidr"]
        return FoundCluster(
            placed["vpcId"], placed["clusterSecurityGroupId"], (ip_network(services),), described.get("version", "")
        )

    def endpoints(self, vpc: str, services: Collection[str]) -> Sequence[FoundEndpoint]:  # noqa: ARG002 - it knows all
        """Return the endpoints of AWS services in the VPC that are available."""
        return tuple(endpoints_in(self, vpc))

    def api_interfaces(self, vpc: str, cluster: str) -> Sequence[Network]:
        """Return the addresses of the interfaces of the cluster's API server."""
        return api_addresses_in(self, vpc, cluster)

    def flow_log(self, id_: str) -> FoundFlowLog | None:
        """Return the flow log with this id, or None if there is none."""
        chosen = [{"Name": "flow-log-id", "Values": [id_]}]
        for each in self.pages("ec2", "describe_flow_logs", "FlowLogs", Filter=chosen):
            if each["FlowLogId"] == id_:
                return replace(_found_flow_log(each), is_own=self.owner.claim(each) is Claim.OURS)
        return None

    def pod_subnets(self, vpc: str, nodes: Sequence[Group]) -> Sequence[FoundSubnet]:
        """Return the subnets with interfaces of nodes: those with the nodes' group, and those that the VPC CNI made.

        With custom networking, the plug-in's interfaces are in subnets and groups of their own; it tags them
        (amazon-vpc-cni-k8s, ENI tagging). The tag does not tell clusters apart, so other clusters' subnets count, too.
        """
        of_vpc = {"Name": "vpc-id", "Values": [vpc]}
        chosen = (
            {"Name": "group-id", "Values": [group.id for group in nodes]},
            {"Name": "tag-key", "Values": [_CNI_TAG]},
        )
        found = {
            interface["SubnetId"]
            for each in chosen
            for interface in self.pages(
                "ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=[of_vpc, each]
            )
        }
        return self.subnets(vpc, Some(ids=sorted(found))) if found else []

    def tagged_groups(self) -> Sequence[dict[str, Any]]:
        """Return the security groups of all owners with the stack's name, as DescribeSecurityGroups returns them."""
        return self.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=[self._of_stack])

    def groups_by_id(self, ids: Sequence[str]) -> Sequence[dict[str, Any]]:
        """Return security groups of any owner, as DescribeSecurityGroups returns them."""
        chosen = [{"Name": "group-id", "Values": list(ids)}]
        return self.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=chosen)

    def tagged_rules(self) -> Sequence[dict[str, Any]]:
        """Return the rules of all owners with the stack's name, as DescribeSecurityGroupRules returns them."""
        return self.pages("ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=[self._of_stack])

    def tagged_flow_logs(self) -> Sequence[dict[str, Any]]:
        """Return the flow logs of all owners with the stack's name, as DescribeFlowLogs returns them."""
        return self.pages("ec2", "describe_flow_logs", "FlowLogs", Filters=[self._of_stack])

    def rules_in(self, groups: Collection[str]) -> Sequence[dict[str, Any]]:
        """Return all rules of some groups, those of others too, as DescribeSecurityGroupRules returns them."""
        found: list[dict[str, Any]] = []
        for chosen in filters("group-id", sorted(groups)):
            found += self.pages("ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=[chosen])
        return found

    def pages(
        self,
        service: str,
        operation: str,
        key: str,
        following: str = "NextToken",
        **arguments: Any,  # noqa: ANN401 - the SDK's
    ) -> list[Any]:
        """Return the items under ``key`` from all pages of an answer. A repeated call is answered from memory.

        Args:
            service: The same as for `ask`.
            operation: The same as for `ask`.
            key: The key of the items, such as ``Vpcs``.
            following: The name of the token for the next page, in the request and in the answer.
            arguments: The arguments of the operation.
        """
        question = f"{operation} {arguments}"
        return self._answers.once(question, lambda: self._pages(service, operation, key, following, arguments))

    def ask(self, service: str, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's
        """Return one answer, as the SDK returns it.

        Args:
            service: The AWS service, such as ``ec2``.
            operation: The method of the SDK's client, such as ``describe_vpcs``.
            arguments: The arguments of the operation.

        Raises:
            RefusedError: AWS refuses the call.
            InputError: The call fails for another reason.
        """
        with explained_refusals(service, operation):
            with self._making:
                if service not in self._clients:
                    self._clients[service] = self.session.client(service, config=PATIENCE)
            return getattr(self._clients[service], operation)(**arguments)

    def ask_once(self, service: str, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's
        """Return the same as `ask`. A repeated call is answered from memory."""
        return self._answers.once(f"{operation} {arguments}", partial(self.ask, service, operation, **arguments))

    def _pages(self, service: str, operation: str, key: str, following: str, arguments: dict[str, Any]) -> list[Any]:
        found: list[Any] = []
        while True:
            page = self.ask(service, operation, **arguments)
            found += page[key]
            if not page.get(following):
                return found
            arguments[following] = page[following]

    @property
    def _of_stack(self) -> dict[str, Any]:
        return {"Name": f"tag:{STACK_TAG}", "Values": [self.owner.stack]}

    @property
    def _identity(self) -> tuple[str, str]:
        identity = self.ask_once("sts", "get_caller_identity")
        return identity["Account"], identity["Arn"].split(":")[1]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def _prefix_list(self, described: dict[str, Any]) -> PrefixList:
        entries = self.pages(
            "ec2", "get_managed_prefix_list_entries", "Entries", PrefixListId=described["PrefixListId"]
        )
        networks = tuple(ip_network(entry["Cidr"]) for entry in entries)
        name = described["PrefixListName"]
        weight = aws_weight(name) or described.get("MaxEntries") or len(networks)
        family = 6 if described.get("AddressFamily") == "IPv6" else 4
        return PrefixList(described["PrefixListId"], name, family, weight, networks)

    def _beside(self, vpc: str, group: str, asked: list[str]) -> FurtherGroups:
        """Return the further groups of others on the interfaces that have a group."""
        chosen = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-id", "Values": [group]}]
        found = self.pages("ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=chosen)
        names = {each["GroupId"]: each["GroupName"] for interface in found for each in interface.get("Groups", ())}
        if not names.keys() - {group}:
            return NO_FURTHER_GROUPS
        ours = {each["GroupId"] for each in self.tagged_groups() if self.owner.claim(each) is not Claim.OTHERS}
        further = sorted(names.keys() - ours - {group})
        rules = (
            replace(rule, beside=names[each])
            for each in further
            for described in self._rules_of_others(each, asked if each in asked else [each])
            for rule in self._of_others(described)
        )
        return FurtherGroups(tuple(further), tuple(rules))

    def _rules_of_others(self, group: str, asked: list[str]) -> list[dict[str, Any]]:
        chosen = [{"Name": "group-id", "Values": asked}]
        rules = self.pages("ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=chosen)
        return [rule for rule in rules if rule["GroupId"] == group and self.owner.claim(rule) is Claim.OTHERS]

    def _of_others(self, rule: dict[str, Any]) -> Iterator[RuleOfOthers]:
        """Yield a rule of others; a prefix list that is gone opens nothing."""
        found = RuleOfOthers(rule["SecurityGroupRuleId"], _direction(rule), PortSet.of(ports_of(rule)).ranges)
        if "ReferencedGroupInfo" in rule:
            yield replace(found, group=rule["ReferencedGroupInfo"]["GroupId"])
        elif rule.get("PrefixListId"):
            listed = self.prefix_lists(One(id=rule["PrefixListId"]))
            yield from (replace(found, prefix_list=each) for each in listed)
        elif written := rule.get("CidrIpv4") or rule.get("CidrIpv6"):
            yield replace(found, network=ip_network(written))

    def _counted(self, rules: list[dict[str, Any]]) -> tuple[tuple[str, int, int], ...]:
        counted: Counter[tuple[str, int]] = Counter()
        for rule in rules:
            for family, weight in self._weights(rule):
                counted[_direction(rule).value, family] += weight
        return tuple((direction, family, count) for (direction, family), count in sorted(counted.items()))

    def _weights(self, rule: dict[str, Any]) -> tuple[tuple[int, int], ...]:
        """Return how much a rule counts in each address family: one, or the weight of its prefix list."""
        if rule.get("PrefixListId"):
            listed = self.prefix_lists(One(id=rule["PrefixListId"]))
            return tuple((each.family, each.weight) for each in listed)
        if rule.get("CidrIpv4"):
            return ((4, 1),)
        return ((6, 1),) if rule.get("CidrIpv6") else ((4, 1), (6, 1))


def _found_flow_log(described: dict[str, Any]) -> FoundFlowLog:
    kind = described.get("LogDestinationType", "cloud-watch-logs")
    destinations = {"s3": LogDestination.S3, "cloud-watch-logs": LogDestination.CLOUDWATCH}
    return FoundFlowLog(
        described["FlowLogId"],
        described["ResourceId"],
        destinations.get(kind),
        format_fields(described.get("LogFormat", "")),
        RecordedTraffic(described["TrafficType"]),
    )


def _direction(rule: dict[str, Any]) -> Direction:
    return Direction.EGRESS if rule["IsEgress"] else Direction.INGRESS


def _filters(selection: One | Some, id_key: str, name_key: str = "tag:Name") -> list[dict[str, Any]]:
    if selection.tags:
        return [{"Name": f"tag:{key}", "Values": [value]} for key, value in selection.tags]
    if isinstance(selection, Some):
        names, ids = selection.names, selection.ids
    else:
        names, ids = [selection.name] if selection.name else None, [selection.id] if selection.id else None
    return [{"Name": name_key if names else id_key, "Values": names or ids or []}]


def _fits(selection: One, group: dict[str, Any]) -> bool:
    if selection.tags:
        tags = {tag["Key"]: tag["Value"] for tag in group.get("Tags", ())}
        return all(tags.get(key) == value for key, value in selection.tags)
    if selection.name:
        return bool(group["GroupName"] == selection.name)
    return bool(group["GroupId"] == selection.id)


def _networks(described: dict[str, Any]) -> tuple[Network, ...]:
    return tuple(ip_network(block) for block in _blocks(described))


def _blocks(described: dict[str, Any]) -> Iterator[str]:
    associated = described.get("CidrBlockAssociationSet")
    if associated is None:
        yield described["CidrBlock"]
    for block in associated or ():
        yield block["CidrBlock"]
    for block in described.get("Ipv6CidrBlockAssociationSet", ()):
        yield block["Ipv6CidrBlock"]
