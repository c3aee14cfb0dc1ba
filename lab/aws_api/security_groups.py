"""What EC2 refuses about security groups and moto does not, and the descriptions of rules that moto forgets."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends

from lab.aws_api.call import Answer, Call, refused

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule

# "Amazon VPC quotas", section Security groups: both can be raised on request; these are the values of a new account.
RULES_IN_A_DIRECTION = 60
GROUPS_ON_AN_INTERFACE = 5

_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_PREFIX_LIST = re.compile(r"IpPermissions\.\d+\.PrefixListIds\.\d+\.PrefixListId")
_OTHER_PEER = re.compile(r"IpPermissions\.\d+\.(IpRanges\.\d+\.CidrIp|Ipv6Ranges\.\d+\.CidrIpv6|(User)?Groups\.\d+\.GroupId)")
_GROUP_OF_AN_INTERFACE = re.compile(r"(NetworkInterface\.\d+\.)?SecurityGroupId\.\d+")


def dependencies(call: Call, proceed: Callable[[], Answer]) -> Answer:
    """Refuse to delete a group that a rule of another group names, or that an interface carries."""
    group_id = call.parameters.get("GroupId", "")
    if call.service == "ec2" and call.action == "DeleteSecurityGroup" and _is_used(group_id, _backend(call)):
        return refused("DependencyViolation", f"resource {group_id} has a dependent object")
    return proceed()


def quotas(call: Call, proceed: Callable[[], Answer]) -> Answer:
    """Refuse rules and groups beyond the quotas; a prefix list counts with its weight."""
    if call.service != "ec2":
        return proceed()
    if call.action in ("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"):
        backend = _backend(call)
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


def rule_descriptions(call: Call, proceed: Callable[[], Answer]) -> Answer:
    """Answer the descriptions of rules whose peer is a group or a prefix list: moto keeps those of CIDRs only."""
    answer = proceed()
    if call.service != "ec2" or not answer.succeeded:
        return answer
    backend = _backend(call)
    if call.action == "ModifySecurityGroupRules":
        _modify(call, backend)
    if call.action not in (
        "DescribeSecurityGroupRules",
        "AuthorizeSecurityGroupIngress",
        "AuthorizeSecurityGroupEgress",
    ):
        return answer
    ET.register_namespace("", _NAMESPACE)
    document = ET.fromstring(answer.body)  # noqa: S314 - moto's own answer
    for item in document.iter(f"{{{_NAMESPACE}}}item"):
        rule = _rule(item.findtext(f"{{{_NAMESPACE}}}securityGroupRuleId", ""), backend)
        if rule is None:
            continue
        description = rule.source_group.get("Description")
        if description and item.find(f"{{{_NAMESPACE}}}description") is None:
            ET.SubElement(item, f"{{{_NAMESPACE}}}description").text = description
    return answer.with_body(ET.tostring(document, encoding="utf-8", xml_declaration=True))


def _backend(call: Call) -> "EC2Backend":
    return ec2_backends[DEFAULT_ACCOUNT_ID][call.region]


def _all_groups(backend: "EC2Backend") -> "Iterator[SecurityGroup]":
    for groups in list(backend.groups.values()):
        yield from list(groups.values())


def _is_used(group_id: str, backend: "EC2Backend") -> bool:
    named = any(
        rule.source_group.get("GroupId") == group_id
        for group in _all_groups(backend)
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


def _rule(rule_id: str, backend: "EC2Backend") -> "SecurityGroupRule | None":
    for group in _all_groups(backend):
        for rule in (*group.ingress_rules, *group.egress_rules):
            if rule.id == rule_id:
                return rule
    return None


def _modify(call: Call, backend: "EC2Backend") -> None:
    """Carry out what moto leaves out of ModifySecurityGroupRules: peers other than an IPv4 CIDR."""
    for name, rule_id in call.parameters.items():
        if not re.fullmatch(r"SecurityGroupRule\.\d+\.SecurityGroupRuleId", name):
            continue
        rule = _rule(rule_id, backend)
        wanted = name.removesuffix("SecurityGroupRuleId") + "SecurityGroupRule."
        if rule is None:
            continue
        referenced = call.parameters.get(wanted + "ReferencedGroupId")
        description = call.parameters.get(wanted + "Description", "")
        if referenced:
            rule.source_group = {**rule.source_group, "GroupId": referenced, "Description": description}
        if call.parameters.get(wanted + "PrefixListId"):
            rule.prefix_list_id = call.parameters[wanted + "PrefixListId"]
            rule.ip_range = {"Description": description}
        if call.parameters.get(wanted + "CidrIpv6"):
            rule.ip_range = {"CidrIpv6": call.parameters[wanted + "CidrIpv6"], "Description": description}
