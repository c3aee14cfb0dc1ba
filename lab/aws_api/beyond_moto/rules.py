"""Single security group rules: changes in place and descriptions, which moto knows only for IPv4 ranges."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.aws_api.beyond_moto.security_groups import all_groups, backend_of
from lab.aws_api.call import Answer, Call, refused
from lab.aws_api.document import add, items, parse, replaced

if TYPE_CHECKING:
    from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule

_DESCRIPTION = re.compile(r"IpPermissions\.\d+\.(Groups|PrefixListIds)\.\d+\.Description")
_REVOKED = re.compile(r"SecurityGroupRuleId\.\d+")
_CHANGED = re.compile(r"SecurityGroupRule\.\d+\.SecurityGroupRuleId")
_MODIFIED = (
    '<ModifySecurityGroupRulesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    "<requestId>00000000-0000-0000-0000-000000000000</requestId><return>true</return></ModifySecurityGroupRulesResponse>"
)


def _identifiers(answer: Answer) -> list[str]:
    return [identifier for identifier, _ in items(parse(answer), "securityGroupRuleId")]


def _rules_of(group: "SecurityGroup") -> "tuple[SecurityGroupRule, ...]":
    return (*group.ingress_rules, *group.egress_rules)


def _no_such_rule(identifier: str) -> Answer:
    message = f"The security group rule ID '{identifier}' does not exist"
    return refused("InvalidSecurityGroupRuleId.NotFound", message)


@dataclass(frozen=True, slots=True)
class Rules:
    """A layer that keeps the descriptions of rules whose peer is a group or prefix list, and changes rules in place."""

    _descriptions: dict[str, str] = field(default_factory=dict)

    def __call__(self, call: Call, proceed: Callable[[], Answer]) -> Answer:
        """Serve one call."""
        if call.service != "ec2":
            return proceed()
        if call.action == "ModifySecurityGroupRules":
            return self._modify(call)
        if call.action in ("RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress"):
            known = {rule.id for group in all_groups(backend_of(call)) for rule in _rules_of(group)}
            asked = [text for name, text in call.parameters.items() if _REVOKED.fullmatch(name)]
            if missing := next((identifier for identifier in asked if identifier not in known), None):
                return _no_such_rule(missing)
        answer = proceed()
        if not answer.succeeded:
            return answer
        if call.action in ("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"):
            given = (text for name, text in call.parameters.items() if _DESCRIPTION.fullmatch(name))
            description = next(given, "")
            self._descriptions.update(dict.fromkeys(_identifiers(answer), description))
        elif call.action != "DescribeSecurityGroupRules":
            return answer
        return self._complete(answer)

    def _complete(self, answer: Answer) -> Answer:
        document = parse(answer)
        for identifier, item in items(document, "securityGroupRuleId"):
            if self._descriptions.get(identifier) and item.find("{*}description") is None:
                add(item, "description", self._descriptions[identifier])
        return replaced(answer, document)

    def _modify(self, call: Call) -> Answer:
        rules = {rule.id: rule for group in all_groups(backend_of(call)) for rule in _rules_of(group)}
        for name, identifier in call.parameters.items():
            if not _CHANGED.fullmatch(name):
                continue
            if identifier not in rules:
                return _no_such_rule(identifier)
            prefix = name.removesuffix("SecurityGroupRuleId") + "SecurityGroupRule."
            wanted = {key.removeprefix(prefix): text for key, text in call.parameters.items() if key.startswith(prefix)}
            self._change(rules[identifier], wanted)
        return Answer("200 OK", (("Content-Type", "text/xml;charset=UTF-8"),), b"").with_body(_MODIFIED.encode())

    def _change(self, rule: "SecurityGroupRule", wanted: dict[str, str]) -> None:
        description = wanted.get("Description", "")
        rule.ip_protocol = wanted["IpProtocol"]
        rule.from_port = int(wanted["FromPort"]) if "FromPort" in wanted else None
        rule.to_port = int(wanted["ToPort"]) if "ToPort" in wanted else None
        cidrs = {"CidrIp": wanted.get("CidrIpv4"), "CidrIpv6": wanted.get("CidrIpv6")}
        ranges = {name: cidr for name, cidr in cidrs.items() if cidr}
        rule.ip_range = {**ranges, "Description": description} if ranges else {}
        rule.prefix_list_id = wanted.get("PrefixListId")
        referenced = wanted.get("ReferencedGroupId")
        rule.source_group = (
            {**rule.source_group, "GroupId": referenced, "Description": description} if referenced else {}
        )
        self._descriptions[rule.id] = description
