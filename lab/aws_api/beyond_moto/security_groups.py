"""What EC2 refuses about security groups, and moto does not."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends

from lab.aws_api.call import Answer, Call, refused

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule

# "Amazon VPC quotas", section Security groups: these are the values of a new account; AWS raises both on request.
RULES_IN_A_DIRECTION = 60
GROUPS_ON_AN_INTERFACE = 5

_PREFIX_LIST = re.compile(r"IpPermissions\.\d+\.PrefixListIds\.\d+\.PrefixListId")
_OTHER_PEER = re.compile(
    r"IpPermissions\.\d+\.(IpRanges\.\d+\.CidrIp|Ipv6Ranges\.\d+\.CidrIpv6|(User)?Groups\.\d+\.GroupId)"
)
_GROUP_OF_AN_INTERFACE = re.compile(r"(NetworkInterface\.\d+\.)?SecurityGroupId\.\d+")


def dependencies(call: Call, proceed: Callable[[], Answer]) -> Answer:
    """Refuse to delete a group that a rule of another group names or that an interface has."""
    group_id = call.parameters.get("GroupId", "")
    if call.service == "ec2" and call.action == "DeleteSecurityGroup" and _is_used(group_id, backend_of(call)):
        return refused("DependencyViolation", f"resource {group_id} has a dependent object")
    return proceed()


def quotas(call: Call, proceed: Callable[[], Answer]) -> Answer:
    """Refuse rules and groups beyond the quotas. A prefix list counts with its weight."""
    if call.service != "ec2":
        return proceed()
    if call.action in ("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"):
        backend = backend_of(call)
        group = backend.get_security_group_from_id(call.parameters.get("GroupId", ""))
        if group is not None:
            rules = group.ingress_rules if call.action.endswith("Ingress") else group.egress_rules
            if _weight_of(rules, backend) + _weight_asked_for(call, backend) > RULES_IN_A_DIRECTION:
                return refused(
                    "RulesPerSecurityGroupLimitExceeded",
                    "The maximum number of rules per security group has been reached.",
                )
    if call.action in ("CreateNetworkInterface", "ModifyNetworkInterfaceAttribute", "RunInstances"):
        groups = [name for name in call.parameters if _GROUP_OF_AN_INTERFACE.fullmatch(name)]
        if len(groups) > GROUPS_ON_AN_INTERFACE:
            return refused(
                "SecurityGroupsPerInterfaceLimitExceeded",
                "The maximum number of security groups per interface has been reached.",
            )
    return proceed()


def backend_of(call: Call) -> "EC2Backend":
    """Return moto's EC2 state in the region of a call."""
    return ec2_backends[DEFAULT_ACCOUNT_ID][call.region]


def all_groups(backend: "EC2Backend") -> "Iterator[SecurityGroup]":
    """Yield the security groups of every VPC."""
    for groups in list(backend.groups.values()):
        yield from list(groups.values())


def _is_used(group_id: str, backend: "EC2Backend") -> bool:
    named = any(
        rule.source_group.get("GroupId") == group_id
        for group in all_groups(backend)
        if group.id != group_id
        for rule in (*group.ingress_rules, *group.egress_rules)
    )
    carried = any(group_id == group.id for interface in list(backend.enis.values()) for group in interface.group_set)
    return named or carried


def _weight_of(rules: "Iterable[SecurityGroupRule]", backend: "EC2Backend") -> int:
    return sum(_weight(rule.prefix_list_id, backend) if rule.prefix_list_id else 1 for rule in rules)


def _weight_asked_for(call: Call, backend: "EC2Backend") -> int:
    return sum(
        _weight(value, backend) if _PREFIX_LIST.fullmatch(name) else bool(_OTHER_PEER.fullmatch(name))
        for name, value in call.parameters.items()
    )


def _weight(prefix_list_id: str, backend: "EC2Backend") -> int:
    prefix_list = backend.managed_prefix_lists.get(prefix_list_id)
    return int(prefix_list.max_entries or 1) if prefix_list else 1
