"""Puts a compiled VPC layer into an account through the API of EC2, for stories that need no engine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.compile.owner import GROUP_TAG, Owner
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup, RulePeer, VpcFirewall
from flash_ticket.firewall.terms.verdict import Direction


@dataclass(slots=True)
class Deployment:
    """The groups and rules of one firewall in an account.

    Attributes:
        ec2: A client of EC2. The firewall's own names for other groups must be their ids in this account.
        vpc: The id of the VPC.
        owner: The firewall. Its tags mark the groups and rules, as a deployed stack has them.
        groups: The id of each group that was made, by the name of the service or load balancer.
    """

    ec2: Any
    vpc: str
    owner: Owner
    groups: dict[str, str] = field(default_factory=dict)
    _rules: dict[GroupRule, str] = field(default_factory=dict)

    def put(self, firewall: VpcFirewall) -> None:
        """Make the account hold the groups and rules of a firewall, and nothing of an earlier one.

        Rules that stay are not touched. New rules come before old ones go, as in a deployment.
        """
        for group in firewall.groups:
            if group.label not in self.groups:
                self.groups[group.label] = self._make(group.label)
        for rule in firewall.rules:
            if rule not in self._rules and not rule.id_of_others:
                self._rules[rule] = self._allow(rule)
        for rule in self._rules.keys() - {*firewall.rules}:
            self._revoke(rule.direction, self._id_of(rule.holder), [self._rules.pop(rule)])
        for label in self.groups.keys() - {each.label for each in firewall.groups}:
            self.ec2.delete_security_group(GroupId=self.groups.pop(label))

    def attached(self, firewall: VpcFirewall) -> Mapping[str, Sequence[str]]:
        """Return the ids of the groups of each service's pods."""
        return {each.service: [self._id_of(group) for group in each.groups] for each in firewall.attachments}

    def _make(self, label: str) -> str:
        """Create a group without any rule: AWS gives each new one a rule that allows all egress."""
        name = f"{self.owner.name}-{label}"
        tags = {"Name": name, **self.owner.tags, GROUP_TAG: label}
        made = self.ec2.create_security_group(
            GroupName=name,
            Description=label,
            VpcId=self.vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": _tags(tags)}],
        )["GroupId"]
        found = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [made]}])
        by_default = [each["SecurityGroupRuleId"] for each in found["SecurityGroupRules"]]
        if by_default:
            self._revoke(Direction.EGRESS, made, by_default)
        return str(made)

    def _allow(self, rule: GroupRule) -> str:
        ports = {
            "IpProtocol": rule.ports.protocol.lower(),
            "FromPort": rule.ports.first,
            "ToPort": rule.ports.last,
            **self._peer(rule.peer),
        }
        ingress, egress = self.ec2.authorize_security_group_ingress, self.ec2.authorize_security_group_egress
        allow = ingress if rule.direction is Direction.INGRESS else egress
        tags = [{"ResourceType": "security-group-rule", "Tags": _tags(self.owner.tags)}]
        made = allow(GroupId=self._id_of(rule.holder), IpPermissions=[ports], TagSpecifications=tags)
        return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def _revoke(self, direction: Direction, group: str, rules: Sequence[str]) -> None:
        ingress, egress = self.ec2.revoke_security_group_ingress, self.ec2.revoke_security_group_egress
        revoke = ingress if direction is Direction.INGRESS else egress
        revoke(GroupId=group, SecurityGroupRuleIds=[*rules])

    def _peer(self, peer: RulePeer) -> dict[str, object]:
        match peer:
            case PrefixList():
                return {"PrefixListIds": [{"PrefixListId": peer.id}]}
            case IPv4Network():
                return {"IpRanges": [{"CidrIp": str(peer)}]}
            case IPv6Network():
                return {"Ipv6Ranges": [{"CidrIpv6": str(peer)}]}
            case OwnGroup() | Group():
                return {"UserIdGroupPairs": [{"GroupId": self._id_of(peer)}]}

    def _id_of(self, group: OwnGroup | Group) -> str:
        return group.id if isinstance(group, Group) else self.groups[group.label]


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@contextmanager
def deployed(ec2: Any, vpc: str, owner: Owner, firewall: VpcFirewall) -> Iterator[Deployment]:  # noqa: ANN401 - boto3 clients have no static type
    """Keep a firewall in an account for the length of a ``with`` block."""
    deployment = Deployment(ec2, vpc, owner)
    try:
        deployment.put(firewall)
        yield deployment
    finally:
        deployment.put(VpcFirewall((), (), ()))
