"""What makes two rules of security groups the same one, and the rules that others already have.

AWS keeps no two rules with the same group, direction, protocol, ports and peer: it refuses the second one
(InvalidPermission.Duplicate), whatever its description and tags are. So a rule has one owner, who deletes it for all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

from flash_ticket.firewall.bind.environment import Environment, Group, PrefixList
from flash_ticket.firewall.change.deployed import TAGS_OF_OTHERS, Deployed, Described, is_taken_over
from flash_ticket.firewall.change.ownership.own_resources import completed
from flash_ticket.firewall.compile.owner import Claim, Owner, owner_in, tags_of
from flash_ticket.firewall.compile.vpc_layer import GroupRule, Holder, OwnGroup, VpcFirewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.verdict import Direction

ANY = -1
"""The protocol or port of a rule for all of them."""

_PROTOCOLS = {"6": "tcp", "17": "udp", "132": "sctp"}
_NAMED = 5


class RuleIdentity(NamedTuple):
    """What AWS compares."""

    group: str
    is_egress: bool
    protocol: str
    first: int
    last: int
    peer: str


def identity_of(described: Described) -> RuleIdentity:
    """Return the identity of a rule as DescribeSecurityGroupRules returns it."""
    protocol: str = described["IpProtocol"]
    return RuleIdentity(
        described["GroupId"],
        described["IsEgress"],
        _PROTOCOLS.get(protocol, protocol),
        described.get("FromPort", ANY),
        described.get("ToPort", ANY),
        _peer_of(described),
    )


def declared_identities(firewall: VpcFirewall, own: Mapping[OwnGroup, str]) -> dict[RuleIdentity, GroupRule]:
    """Return the declared rules by their identity, without those that need a group that does not exist yet.

    Args:
        firewall: The compiled VPC layer.
        own: The ids of the groups that exist.
    """

    def id_of(end: Holder) -> str:
        return end.id if isinstance(end, Group) else own[end]

    def identity(rule: GroupRule) -> RuleIdentity:
        match rule.peer:
            case PrefixList():
                peer = rule.peer.id
            case IPv4Network() | IPv6Network():
                peer = str(rule.peer)
            case OwnGroup() | Group():
                peer = id_of(rule.peer)
        ports, is_egress = rule.ports, rule.direction is Direction.EGRESS
        return RuleIdentity(id_of(rule.holder), is_egress, ports.protocol.lower(), ports.first, ports.last, peer)

    return {
        identity(rule): rule
        for rule in firewall.rules
        if all(not isinstance(end, OwnGroup) or end in own for end in (rule.holder, rule.peer))
    }


def existing_groups(environment: Environment) -> set[str]:
    """Return the ids of the groups of others that a firewall may add rules to."""
    places = {group.id for _, place in environment.places for group in place.groups}
    cluster = environment.cluster
    of_cluster = (cluster.group, *cluster.nodes, *cluster.groups_of_dns)
    return {*(group.id for group in of_cluster), *places}


def taken_rules(
    owner: Owner, firewall: VpcFirewall, deployed: Deployed, rules: Iterable[Described]
) -> Iterator[InputError]:
    """Yield an error for each owner of rules that this firewall would have to add, and that AWS would refuse.

    Args:
        owner: This firewall.
        firewall: Its compiled VPC layer.
        deployed: What it has deployed.
        rules: All rules of the groups that it adds rules to.
    """
    known = {rule["SecurityGroupRuleId"] for rule in deployed.rules}
    declared = declared_identities(firewall, {OwnGroup(label): id_ for id_, label in deployed.group_labels.items()})
    taken: dict[str, list[tuple[GroupRule, Described]]] = defaultdict(list)
    for each in rules:
        rule = declared.get(identity_of(each))
        if rule and each["SecurityGroupRuleId"] not in known and not _lost_its_tags(rule, each):
            taken[_whose(each, owner)].append((rule, each))
    for whose, found in sorted(taken.items()):
        names = [f"{rule.name} ({each['SecurityGroupRuleId']})" for rule, each in found]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield InputError(
            "AWS",
            "security group rules",
            f"{whose} has added what this stack would add, and AWS keeps each rule once: "
            f"{', '.join(names[:_NAMED])}{more}",
            _remedy([each for _, each in found], owner),
        )


def added_by_others(deployed: Deployed, firewall: VpcFirewall, rules: Iterable[Described]) -> Iterator[Notice]:
    """Yield a notice for each rule that others have put into a group of this program.

    The rule that opens all egress is left out, because AWS puts it into a new group: see ``unfinished_groups``. Groups
    that a deployment is about to take over are left out, because their rules may be needed until then.

    Args:
        deployed: What this firewall has deployed.
        firewall: Its compiled VPC layer; a rule that it declares is not one of others.
        rules: All rules of its groups.
    """
    waiting = {group["GroupId"] for group in deployed.groups if TAGS_OF_OTHERS in group}
    theirs = {
        group["GroupId"] for group in deployed.groups if is_taken_over(group, deployed.group_labels[group["GroupId"]])
    }
    labels, known = deployed.group_labels, {rule["SecurityGroupRuleId"] for rule in deployed.rules}
    declared = declared_identities(firewall, {OwnGroup(label): id_ for id_, label in labels.items()})
    for rule in rules:
        identity, id_ = identity_of(rule), rule["SecurityGroupRuleId"]
        everything = identity.is_egress and identity.protocol == str(ANY) and identity.group not in theirs
        if identity.group in waiting:
            continue
        if identity.group in labels and identity not in declared and id_ not in known and not everything:
            yield Notice(
                f"rule {id_} in {labels[identity.group]}",
                f"this program did not create it, and it opens {opened_by(rule)}",
                why="Rules add up: ours cannot close what another one opens",
                remedy=f"Declare the flow in traffic.yaml, or run {revoking(rule)}",
            )


def opened_by(described: Described) -> str:
    """Return what a rule opens: ``all traffic to 0.0.0.0/0``."""
    _, is_egress, protocol, first, last, peer = identity_of(described)
    numbers = "" if ANY in {first, last} else f" {first}" if first == last else f" {first}-{last}"
    said = "all traffic" if protocol == str(ANY) else f"{protocol.upper()}{numbers}"
    return f"{said} {'to' if is_egress else 'from'} {peer}"


def revoking(described: Described) -> str:
    """Return the command that removes a rule."""
    direction = "egress" if described["IsEgress"] else "ingress"
    return (
        f"aws ec2 revoke-security-group-{direction} --group-id {described['GroupId']} "
        f"--security-group-rule-ids {described['SecurityGroupRuleId']}"
    )


def _lost_its_tags(rule: GroupRule, described: Described) -> bool:
    """Return whether a rule is as this program makes it, but somebody has removed its tags: Pulumi may know it."""
    return not tags_of(described) and described.get("Description") == rule.description


def _whose(described: Described, owner: Owner) -> str:
    if found := owner_in(tags_of(described)):
        return str(found)
    if owner.claim(described) is Claim.EARLIER:
        return f"an earlier version of this program, for a stack {owner.stack},"
    return "somebody else"


def _remedy(rules: list[Described], owner: Owner) -> str:
    ids = [str(each["SecurityGroupRuleId"]) for each in rules]
    if owner_in(tags_of(rules[0])):
        return (
            "Use cluster.attachment: pods here or there, so that the pods of each firewall have groups and rules of "
            "their own; with attachment nodes, give each its own nodes (cluster.nodes)"
        )
    if owner.claim(rules[0]) is Claim.EARLIER:
        return f"If they are those of {owner}, complete their tags: {completed(owner, ids)}"
    return (
        "Remove them where they are declared, and deploy: this program adds the same ones; by hand: "
        f"{revoking(rules[0])}"
    )


def _peer_of(rule: Described) -> str:
    if "ReferencedGroupInfo" in rule:
        return str(rule["ReferencedGroupInfo"]["GroupId"])
    written = rule.get("CidrIpv4") or rule.get("CidrIpv6")
    return str(ip_network(written)) if written else str(rule["PrefixListId"])
