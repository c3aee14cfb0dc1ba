"""Security groups with one error, as values: in a rule, an attachment or a group."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.compile.vpc_layer import GroupRule, Holder, OwnGroup, PodAttachment, RulePeer, VpcFirewall
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, Protocol
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.mutants.policy_mutations import other_networks

_STRANGE = Group("sg-strange", "strange")
_STRANGE_PEERS: tuple[RulePeer, ...] = (
    _STRANGE,
    PrefixList("pl-strange", "strange", 4, 1, (ip_network("198.51.100.192/26"),)),
    ip_network("0.0.0.0/0"),
    ip_network("::/0"),
)


def wrong_rules(firewall: VpcFirewall) -> Iterator[tuple[str, str, VpcFirewall]]:
    """Yield the error, the name of the rule, and the whole layer with the error."""
    for what, name, rules in _wrong_rules(firewall.rules):
        yield what, name, replace(firewall, rules=rules)


def _wrong_rules(rules: tuple[GroupRule, ...]) -> Iterator[tuple[str, str, tuple[GroupRule, ...]]]:
    groups: list[Holder] = sorted({rule.holder for rule in rules}, key=lambda group: group.label)
    for place, rule in enumerate(rules):
        rest = (*rules[:place], *rules[place + 1 :])
        yield "rule dropped", rule.name, rest
        for what, wrong in (*_wrong_ports(rule), *_wrong_ends(rule, groups)):
            yield what, rule.name, (*rest, wrong)
        for peer in (*groups, *_STRANGE_PEERS):
            if peer != rule.peer:
                yield "rule added", rule.name, (*rules, replace(rule, peer=peer))
    for group in (*groups, _STRANGE):
        for direction in Direction:
            added = GroupRule(group, direction, ip_network("0.0.0.0/0"), PortRange(Protocol.TCP, 1, MAX_PORT), ())
            yield "rule added", group.label, (*rules, added)


def _wrong_ports(rule: GroupRule) -> Iterator[tuple[str, GroupRule]]:
    protocol, first, last = rule.ports.protocol, rule.ports.first, rule.ports.last
    if last < MAX_PORT:
        yield "ports widened", replace(rule, ports=PortRange(protocol, first, last + 1))
        yield "ports mistaken", replace(rule, ports=PortRange(protocol, last + 1, last + 1))
    if first > 1:
        yield "ports widened", replace(rule, ports=PortRange(protocol, first - 1, last))
    yield "ports widened", replace(rule, ports=PortRange(protocol, 1, MAX_PORT))
    if last > first:
        yield "ports narrowed", replace(rule, ports=PortRange(protocol, first, last - 1))
    other = Protocol.UDP if protocol is Protocol.TCP else Protocol.TCP
    yield "ports mistaken", replace(rule, ports=PortRange(other, first, last))


def _wrong_ends(rule: GroupRule, groups: list[Holder]) -> Iterator[tuple[str, GroupRule]]:
    for group in groups:
        if group != rule.holder:
            yield "holder mistaken", replace(rule, holder=group)
    for peer in (*groups, *_STRANGE_PEERS):
        if peer != rule.peer:
            yield "peer mistaken", replace(rule, peer=peer)
    if not isinstance(rule.peer, OwnGroup | Group | PrefixList):
        for what, network in other_networks(rule.peer):
            yield f"peer {what}", replace(rule, peer=network)
    other_way = Direction.EGRESS if rule.direction is Direction.INGRESS else Direction.INGRESS
    yield "direction mistaken", replace(rule, direction=other_way)


def wrong_attachments(firewall: VpcFirewall) -> Iterator[tuple[str, str, VpcFirewall]]:
    """Yield the error, the name of the attachment or group, and the whole layer with the error."""
    for what, name, attachments in _wrong_attachments(firewall):
        yield f"attachment {what}", name, replace(firewall, attachments=attachments)
    for group in firewall.groups:
        rest = tuple(other for other in firewall.groups if other != group)
        yield "group dropped", group.label, replace(firewall, groups=rest)


def _wrong_attachments(firewall: VpcFirewall) -> Iterator[tuple[str, str, tuple[PodAttachment, ...]]]:
    every = firewall.attachments
    for place, attachment in enumerate(every):
        rest = (*every[:place], *every[place + 1 :])
        yield "dropped", attachment.service, rest
        for what, wrong in _wrong_attachment(attachment, firewall.groups):
            yield what, attachment.service, (*rest, wrong)
    for group in firewall.groups:
        for attachment in every:
            if group not in attachment.groups:
                yield "added", attachment.service, (*every, replace(attachment, groups=(group,)))
        yield "added", group.label, (*every, PodAttachment("strange", (), (group,)))
        yield "added", group.label, (*every, PodAttachment("strange", (("app", "strange"),), (group,)))


def _wrong_attachment(attachment: PodAttachment, groups: tuple[OwnGroup, ...]) -> Iterator[tuple[str, PodAttachment]]:
    for place, (key, _) in enumerate(attachment.pods):
        fewer = (*attachment.pods[:place], *attachment.pods[place + 1 :])
        yield "widened", replace(attachment, pods=fewer)
        yield "mistaken", replace(attachment, pods=tuple(sorted((*fewer, (key, "strange")))))
    yield "narrowed", replace(attachment, pods=tuple(sorted((*attachment.pods, ("canary", "yes")))))
    yield "moved", replace(attachment, namespace="strange")
    for place, carried in enumerate(attachment.groups):
        others = (*attachment.groups[:place], *attachment.groups[place + 1 :])
        yield f"without {carried.label}", replace(attachment, groups=others)
        for group in groups:
            if group not in attachment.groups:
                yield "mistaken", replace(attachment, groups=(*others, group))
