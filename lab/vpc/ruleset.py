"""The rules of an account for nftables: who judges a packet, by which rules, and what is tracked.

Amazon's EC2 User Guide, "Amazon EC2 security group connection tracking", says what is tracked:

- "Response traffic [...] is allowed to flow out of the instance, even if your outbound security group rules restrict"
  it: an interface accepts every packet of a connection that it tracks.
- "When you change a security group rule, its tracked connections are not immediately interrupted."
- "If a security group rule permits TCP or UDP flows for all traffic (0.0.0.0/0 or ::/0) and there is a corresponding
  rule in the other direction that permits all response traffic (0.0.0.0/0 or ::/0) for any port (0-65535), then that
  flow of traffic is not tracked". The rules judge every packet of such a flow.

The kernel's connection tracking has one entry for both interfaces of a connection. Three bits of the entry's mark say
what AWS keeps for each interface.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.vpc.account import Account, Members, Network, PrefixList, Rule
from lab.vpc.counted import Action, Direction
from lab.vpc.netlink import TABLE
from lab.vpc.owners import Owners, merged
from lab.vpc.pods import Placement, PodMode, Pods, SourceTranslation
from lab.vpc.tallied import VERDICTS, SourceAddress, Verdict

SEEN = 0x10000000
"""The first packet of this connection has passed all interfaces on its way."""

_UNTRACKED = {Direction.EGRESS: 0x20000000, Direction.INGRESS: 0x40000000}
"""The interface that the connection leaves first, and the one that it enters first, do not track it."""

_OTHER_WAY = {Direction.EGRESS: Direction.INGRESS, Direction.INGRESS: Direction.EGRESS}
_FAMILIES = {4: ("ip", "ipv4", "ipv4_addr"), 6: ("ip6", "ipv6", "ipv6_addr")}
_END = {Direction.EGRESS: "daddr", Direction.INGRESS: "saddr"}
_SELF = {Direction.EGRESS: "saddr", Direction.INGRESS: "daddr"}
_TCP, _UDP = 6, 17
_WITH_PORTS = {_TCP: "tcp", _UDP: "udp"}
_WITH_TYPES = {1: "icmp", 58: "icmpv6"}
_LAST_PORT = 65535
# Link-local addresses, the metadata service and the resolver of IPv6, and how neighbours find each other.
_UNFILTERED = {4: ("169.254.0.0/16", "224.0.0.0/24"), 6: ("fe80::/10", "ff02::/16", "fd00:ec2::/32")}
_NEIGHBOURS = "icmpv6 type { 133, 134, 135, 136, 137 }"
_PRIORITY = 10  # after destinations are translated and after policies in iptables, before sources are translated


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The rules of one moment.

    Attributes:
        account: What the account holds.
        owners: Whose interface a packet meets.
        pods: How pods meet the VPC.
        room: How many kinds of packets a set may count. Without room there are no such sets.
    """

    account: Account
    owners: Owners
    pods: Pods
    room: int

    def text(self, generation: int) -> str:
        """Return a transaction that makes these rules, under names that end in a number. No packet meets them yet.

        The kernel fills sets of intervals a moment after the rules of their transaction are in force. What a packet
        meets must therefore stand before `switch` leads packets to it.
        """
        made = (*self._counting(generation), *self._peers(generation), *self._interfaces(generation))
        return "\n".join((f"table inet {TABLE} {{", *made, *self._ways(generation), "}\n"))

    def removal(self, generation: int) -> str:
        """Return a transaction that removes what an earlier one has put under its number."""
        named = re.findall(rf"^(chain|set|counter) (\w+_{generation}) ", self.text(generation), re.MULTILINE)
        chains = [name for kind, name in named if kind == "chain"]
        others = [f"delete {kind} inet {TABLE} {name}" for kind, name in named if kind != "chain"]
        flushes = [f"flush chain inet {TABLE} {name}" for name in chains]
        return "\n".join((*flushes, *(f"delete chain inet {TABLE} {name}" for name in chains), *others, ""))

    def _counting(self, generation: int) -> Iterator[str]:
        for verdict in VERDICTS:
            name = verdict.chain(generation)
            yield f"counter {name} {{ packets 0 bytes 0 }}"
            sets = [*verdict.sets(generation)] if self.room else []
            yield from (each.declaration(self.room) for each in sets)
            end = "drop" if verdict.action is Action.REJECT else "return"
            counts = [each.statement() for each in sets]
            yield _chain(name, [f"counter name {name}", *counts, end])
        for direction in Direction:
            for address in SourceAddress:
                name = Verdict(direction, Action.ACCEPT, address).chain(generation)
                marks = f"ct direction original ct mark set ct mark or {_UNTRACKED[direction]:#x}"
                yield _chain(f"untracked_{name}", [marks, f"goto {name}"])

    def _peers(self, generation: int) -> Iterator[str]:
        """Yield a set for each group and prefix list that a rule names, in both families."""
        for peer in sorted(
            {rule.peer for rule in self._rules() if isinstance(rule.peer, Members | PrefixList)}, key=repr
        ):
            for family, (_, _, kind) in _FAMILIES.items():
                held = ", ".join(map(str, _of(family, self._networks(peer))))
                elements = f" elements = {{ {held} }};" if held else ""
                yield f"set {_set_of(peer, family, generation)} {{ type {kind}; flags interval;{elements} }}"

    def _networks(self, peer: Members | PrefixList) -> tuple[Network, ...]:
        if isinstance(peer, Members):
            return self.owners.members(peer.group)
        return merged(self.account.prefix_lists.get(peer.identifier, ()))

    def _rules(self) -> Iterator[Rule]:
        used = {group for each in self.account.interfaces for group in each.groups}
        yield from (rule for rule in self.account.rules if rule.group in used)

    def _interfaces(self, generation: int) -> Iterator[str]:
        """Yield the chains that judge: one for each list of groups and direction, and two more for the node."""
        node = self.owners.node
        for groups, number in self._numbers().items():
            for direction in Direction:
                yield self._judging(groups, direction, SourceAddress.OWN, f"{direction.value}_{number}", generation)
                if node and node.groups == groups:
                    name = f"{direction.value}_node"
                    yield self._judging(groups, direction, SourceAddress.TRANSLATED, name, generation)

    def _numbers(self) -> dict[tuple[str, ...], int]:
        lists = sorted({each.groups for each in self.account.interfaces})
        return {groups: number for number, groups in enumerate(lists)}

    def _judging(
        self, groups: tuple[str, ...], direction: Direction, address: SourceAddress, name: str, generation: int
    ) -> str:
        accept = Verdict(direction, Action.ACCEPT, address).chain(generation)
        reject = Verdict(direction, Action.REJECT, address).chain(generation)
        ways = {"original": _UNTRACKED[direction], "reply": _UNTRACKED[_OTHER_WAY[direction]]}
        tracked = [
            f"ct direction {way} ct mark and {SEEN | untracked:#x} == {SEEN:#x} goto {accept}"
            for way, untracked in ways.items()
        ]
        rules = [rule for rule in self._rules() if rule.group in groups]
        own = [rule for rule in rules if rule.direction is direction]
        back = [rule for rule in rules if rule.direction is not direction]
        open_rules = [
            f"{match} goto untracked_{accept}"
            for rule in own
            for protocol in _WITH_PORTS
            if _is_for_all(rule) and rule.protocol in (None, protocol) and _answers_to(rule.peer, protocol, back)
            for match in _matches(rule, protocol, generation)
        ]
        judged = [f"{match} goto {accept}" for rule in own for match in _matches(rule, rule.protocol, generation)]
        return _chain(f"{name}_{generation}", [*tracked, *dict.fromkeys((*open_rules, *judged)), f"goto {reject}"])

    def _ways(self, generation: int) -> Iterator[str]:
        """Yield the chains that say which interfaces a packet meets."""
        numbers = self._numbers()
        for name, direction in (("departing", Direction.EGRESS), ("arriving", Direction.INGRESS)):
            lines = []
            for family, (header, _, _) in _FAMILIES.items():
                pairs = ", ".join(
                    f"{network} : jump {direction.value}_{numbers[interface.groups]}_{generation}"
                    for identifier, interface in self.owners.interfaces.items()
                    for network in _of(family, self.owners.networks[identifier])
                )
                lines += [f"{header} {_SELF[direction]} vmap {{ {pairs} }}"] if pairs else []
            yield _chain(f"{name}_{generation}", lines)
        seen = f"ct state new ct mark set ct mark or {SEEN:#x}"
        yield _chain(f"seen_{generation}", [seen])
        met = [f"jump departing_{generation}", f"jump arriving_{generation}", seen]
        shared = self._unfiltered(generation)
        yield from self._translated(generation)
        yield _chain(f"passing_{generation}", [*shared, *self._same_node(generation), *self._leaving(generation), *met])
        yield _chain(f"own_{generation}", [*shared, *self._own_node(generation), *met])

    def _unfiltered(self, generation: int) -> list[str]:
        lines = [f"{_NEIGHBOURS} goto seen_{generation}"]
        for family, (header, _, _) in _FAMILIES.items():
            known = (str(each) for each in self.account.unfiltered if each.version == family)
            held = ", ".join((*_UNFILTERED[family], *known))
            lines += [f"{header} {end} {{ {held} }} goto seen_{generation}" for end in ("saddr", "daddr")]
        return lines

    def _untouched(self) -> tuple[Network, ...]:
        """Return the pods whose traffic on their node no interface judges, in order."""
        return merged(self.pods.networks) if self.pods.mode is PodMode.STANDARD else self.owners.sharing

    def _same_node(self, generation: int) -> list[str]:
        if self.pods.placement is not Placement.TOGETHER:
            return []
        return [
            f"{header} saddr {{ {held} }} {header} daddr {{ {held} }} goto seen_{generation}"
            for family, (header, _, _) in _FAMILIES.items()
            if (held := ", ".join(map(str, _of(family, self._untouched()))))
        ]

    def _own_node(self, generation: int) -> list[str]:
        """Return the rules for packets between a pod and the node itself, which is always its own."""
        return [
            f"{header} {end} {{ {held} }} goto seen_{generation}"
            for family, (header, _, _) in _FAMILIES.items()
            if (held := ", ".join(map(str, _of(family, self._untouched()))))
            for end in ("saddr", "daddr")
        ]

    def _leaving(self, generation: int) -> list[str]:
        """Return the rules for connections that pods open to outside the VPC through the node's interface."""
        outside = self._outside()
        pods = ", ".join(map(str, _of(4, self._untouched())))
        if not pods or not outside or self.pods.translation is not SourceTranslation.NODE:
            return []
        return [
            f"ct direction original ip saddr {{ {pods} }} ip daddr != {{ {outside} }} goto leaving_{generation}",
            f"ct direction reply ip daddr {{ {pods} }} ip saddr != {{ {outside} }} goto returning_{generation}",
        ]

    def _outside(self) -> str:
        node = self.owners.node
        vpcs = [self.account.vpcs.get(node.vpc, ())] if node else self.account.vpcs.values()
        return ", ".join(map(str, _of(4, merged(network for networks in vpcs for network in networks))))

    def _translated(self, generation: int) -> Iterator[str]:
        node, seen = self.owners.node, f"goto seen_{generation}"
        departs = [f"jump egress_node_{generation}"] if node else []
        arrives = [f"jump ingress_node_{generation}"] if node else []
        yield _chain(f"leaving_{generation}", [*departs, f"jump arriving_{generation}", seen])
        yield _chain(f"returning_{generation}", [f"jump departing_{generation}", *arrives, seen])


def switch(generation: int) -> str:
    """Return a transaction that leads every packet to the rules of a generation; it meets the last ones or these."""
    first = {
        "forward": [f"goto passing_{generation}"],
        "input": ['iifname "lo" accept', f"goto own_{generation}"],
        "output": ['oifname "lo" accept', f"goto own_{generation}"],
    }
    lines = [f"add table inet {TABLE}"]
    for hook, rules in first.items():
        base = f"{{ type filter hook {hook} priority {_PRIORITY}; policy accept; }}"
        lines += [f"add chain inet {TABLE} {hook} {base}", f"flush chain inet {TABLE} {hook}"]
        lines += [f"add rule inet {TABLE} {hook} {rule}" for rule in rules]
    return "\n".join((*lines, ""))


def _chain(name: str, lines: Iterable[str]) -> str:
    return "\n".join((f"chain {name} {{", *lines, "}"))


def _of(family: int, networks: Iterable[Network]) -> list[Network]:
    return [each for each in networks if each.version == family]


def _set_of(peer: Members | PrefixList, family: int, generation: int) -> str:
    identifier = peer.group if isinstance(peer, Members) else peer.identifier
    return f"{identifier.replace('-', '_')}_{family}_{generation}"


def _is_for_all(rule: Rule) -> bool:
    return not isinstance(rule.peer, Members | PrefixList) and rule.peer.prefixlen == 0


def _answers_to(peer: Network | Members | PrefixList, protocol: int, back: Iterable[Rule]) -> bool:
    """Return whether rules allow all responses of a protocol to a peer, on any port."""
    return any(
        rule.peer == peer and (rule.protocol is None or (rule.protocol == protocol and _is_for_every_port(rule)))
        for rule in back
    )


def _is_for_every_port(rule: Rule) -> bool:
    return (rule.first, rule.last) in ((None, None), (0, _LAST_PORT))


def _matches(rule: Rule, protocol: int | None, generation: int) -> Iterator[str]:
    """Yield what nft matches packets of a rule by, for one of its protocols."""
    for family, (header, name, _) in _FAMILIES.items():
        end = _END[rule.direction]
        if isinstance(rule.peer, Members | PrefixList):
            peer = f"{header} {end} @{_set_of(rule.peer, family, generation)}"
        elif rule.peer.version != family:
            continue
        else:
            peer = f"{header} {end} {rule.peer}" if rule.peer.prefixlen else f"meta nfproto {name}"
        yield f"{peer} {_protocol(protocol, rule)}".rstrip()


def _protocol(protocol: int | None, rule: Rule) -> str:
    if protocol is None:
        return ""
    if rule.protocol is None or rule.first is None:
        return f"meta l4proto {protocol}"
    if name := _WITH_PORTS.get(protocol):
        return f"{name} dport {rule.first}-{rule.last}"
    if name := _WITH_TYPES.get(protocol):
        code = "" if rule.last is None else f" {name} code {rule.last}"
        return f"{name} type {rule.first}{code}"
    return f"meta l4proto {protocol}"
