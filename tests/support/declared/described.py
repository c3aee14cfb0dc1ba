"""A compiled firewall as both APIs would describe it after its deployment."""

from ipaddress import IPv4Network, IPv6Network
from typing import Any

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.compile.owner import GROUP_TAG, Owner
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY
from flash_ticket.firewall.compile.vpc_layer import (
    GroupRule,
    Holder,
    OwnGroup,
    PodAttachment,
    RulePeer,
)
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.declared.owners import tags

Described = dict[str, Any]


def deployed(firewall: CompiledFirewall, **more: Any) -> Deployed:  # noqa: ANN401 - the fields of Deployed
    """Return a firewall as it is after its deployment, with other fields of ``Deployed`` as given."""
    pods = [policy.manifest() for policy in firewall.pods.policies]
    vpc = firewall.vpc
    stands: dict[str, Any] = {
        "policies": tuple(pods),
        "foreign_policies": (),
        "overruling": (),
        "attachments": tuple(map(attachment, vpc.attachments)),
        "foreign_attachments": (),
        "groups": tuple(group(each, firewall.owner) for each in vpc.groups),
        "rules": tuple(rule(each, firewall.owner) for each in vpc.rules),
    }
    return Deployed(**{**stands, **more})


def nothing_deployed(**more: Any) -> Deployed:  # noqa: ANN401 - the fields of Deployed
    """Return what is deployed before the first deployment: nothing but the given fields."""
    fields = ("policies", "foreign_policies", "overruling", "attachments", "foreign_attachments", "groups", "rules")
    return Deployed(**{**dict.fromkeys(fields, ()), **more})


def group(own: OwnGroup, owner: Owner) -> Described:
    """Return a group as DescribeSecurityGroups returns it."""
    return {
        "GroupId": _id(own),
        "GroupName": f"terraform-{own.label}",
        "Tags": tags(owner, **{"Name": f"{owner.name}-{own.label}", GROUP_TAG: own.label}),
    }


def rule(compiled: GroupRule, owner: Owner) -> Described:
    """Return a rule as DescribeSecurityGroupRules returns it."""
    return {
        "SecurityGroupRuleId": f"sgr-{compiled.name}",
        "GroupId": _id(compiled.holder),
        "IsEgress": compiled.direction is Direction.EGRESS,
        "IpProtocol": compiled.ports.protocol.lower(),
        "FromPort": compiled.ports.first,
        "ToPort": compiled.ports.last,
        "Description": ", ".join(compiled.flows),
        "Tags": tags(owner, Name=compiled.name),
        **_peer(compiled.peer),
    }


def attachment(compiled: PodAttachment) -> Described:
    """Return a SecurityGroupPolicy as the API server returns it."""
    where = {"namespace": compiled.namespace} if compiled.namespace else {}
    return {
        "metadata": {"name": compiled.service, **where, "labels": {"app.kubernetes.io/managed-by": MANAGED_BY}},
        "spec": {
            "podSelector": {"matchLabels": dict(compiled.pods)},
            "securityGroups": {"groupIds": [_id(group) for group in compiled.groups]},
        },
    }


def _id(holder: Holder) -> str:
    return holder.id if isinstance(holder, Group) else f"sg-own-{holder.label}"


def _peer(peer: RulePeer) -> Described:
    match peer:
        case IPv4Network():
            return {"CidrIpv4": str(peer)}
        case IPv6Network():
            return {"CidrIpv6": str(peer)}
        case PrefixList():
            return {"PrefixListId": peer.id}
        case OwnGroup() | Group():
            return {"ReferencedGroupInfo": {"GroupId": _id(peer), "UserId": "111122223333"}}
