"""The live VPC layer compared with the declared one: our groups, and the rules in ours and in existing groups."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.change.deployed import Described
from flash_ticket.firewall.change.object_difference import differences
from flash_ticket.firewall.compile.vpc_layer import STACK_TAG, GroupRule, Holder, OwnGroup
from flash_ticket.firewall.prove.proof import Proof
from flash_ticket.firewall.terms.verdict import OF_OTHERS, Direction
from flash_ticket.verify.finding import Comparison, Finding, FindingKind
from flash_ticket.verify.observed import Observed

_Identity = tuple[str, bool, str, int, int, str]
"""Group, whether egress, protocol, first and last port, peer: AWS allows no two rules with the same ones."""

_PROTOCOLS = {"6": "tcp", "17": "udp", "132": "sctp"}
_ANY = -1


@dataclass(frozen=True)
class VpcLayer(Comparison):
    """The declared and the live groups and rules of one stack."""

    observed: Observed

    def findings(self) -> Iterator[Finding]:
        """Yield each difference from the declaration."""
        yield from self._groups()
        yield from self._load_balancer()
        yield from self._declared_rules()
        for identity, rule in sorted(self._live.items()):
            if identity not in self._wanted and rule["SecurityGroupRuleId"] not in self._altered:
                yield from self._undeclared(rule)

    @staticmethod
    def opened_by_others(proof: Proof) -> Iterator[Finding]:
        """Yield what passes both layers because a rule of others opens the VPC layer."""
        for each in proof.violations:
            for rule in each.side.rules:
                if rule.source == OF_OTHERS:
                    yield Finding(
                        f"rule {rule.rule} in {rule.owner}",
                        f"with it {each.source} may reach {each.destination} on {each.ports}",
                        "nobody declared it, and the pod layer does not stop it either",
                        each.remedy,
                        FindingKind.WIDENING,
                    )

    @cached_property
    def group_ids(self) -> Mapping[OwnGroup, str]:
        """The ids of the groups that exist; if two have one label, the first."""
        labels = sorted(self.observed.deployed.group_labels.items(), reverse=True)
        found = {OwnGroup(label): group for group, label in labels}
        return {group: id_ for group, id_ in found.items() if group in self.planned.vpc.groups}

    def _groups(self) -> Iterator[Finding]:
        for group in self.planned.vpc.groups:
            if group not in self.group_ids:
                lost = sum(group in {rule.holder, rule.peer} for rule in self.planned.vpc.rules)
                yield Finding(
                    f"security group of {group.label}",
                    f"it does not exist, and neither do the {lost} rules that use it",
                    f"nothing lets the declared flows of {group.label} through",
                    self._update,
                    FindingKind.MISSING,
                )
        for id_, label in sorted(self.observed.deployed.group_labels.items()):
            if id_ not in self.group_ids.values():
                yield Finding(
                    f"security group {id_}",
                    f"its tags say that it is this stack's group of {label}, and nothing declares it",
                    "an interface that carries it has rules that nobody maintains",
                    f"{self._update}; if it is still there afterwards, Pulumi does not know it: "
                    f"aws ec2 delete-security-group --group-id {id_}",
                    FindingKind.LEFT_OVER,
                )

    def _load_balancer(self) -> Iterator[Finding]:
        """Yield a finding if nothing carries the load balancer's group: an annotation of the Ingress has to name it."""
        front, interfaces = self.planned.environment.load_balancer.external, self.observed.inventory.interfaces
        id_ = self.group_ids.get(OwnGroup(front))
        is_carried = any(id_ in each.groups for each in interfaces)
        if id_ and interfaces and not is_carried and self.planned.matrix.flows_out_of[front]:
            yield Finding(
                f"load balancer {front}",
                f"no interface of the VPC carries its group {id_}",
                "its targets accept traffic only from interfaces that carry it",
                f"Name it on the Ingress: alb.ingress.kubernetes.io/security-groups: {id_}",
                FindingKind.CUT_OFF,
            )

    def _declared_rules(self) -> Iterator[Finding]:
        for identity, rule in sorted(self._wanted.items()):
            declared, found = self._described(rule, identity), self._live.get(identity)
            found = found or self._altered.get(rule.name)
            if found is None:
                yield Finding(
                    f"rule {rule.name} in {identity[0]}",
                    "it does not exist",
                    f"it should let through: {rule.description}",
                    self._update,
                    FindingKind.MISSING,
                )
                continue
            changed = differences(declared, _comparable(found))
            if changed:
                yield Finding(
                    f"rule {rule.name} in {identity[0]}",
                    "it is not as declared",
                    f"it should let through: {rule.description}",
                    self._update,
                    FindingKind.CHANGED,
                    changed,
                )

    def _undeclared(self, rule: Described) -> Iterator[Finding]:
        ours = _tags(rule).get(STACK_TAG) == self.planned.environment.name
        if not ours and rule["GroupId"] not in self.group_ids.values():
            return  # somebody else's rule in somebody else's group
        direction = "egress" if rule["IsEgress"] else "ingress"
        labels = {id_: group.label for group, id_ in self.group_ids.items()}
        holder = labels.get(rule["GroupId"], str(rule["GroupId"]))
        revoke = (
            f"aws ec2 revoke-security-group-{direction} --group-id {rule['GroupId']} "
            f"--security-group-rule-ids {rule['SecurityGroupRuleId']}"
        )
        if ours:
            why = "this program created it, and nothing declares it any more"
            remedy = f"{self._update}; if it is still there afterwards, Pulumi does not know it: {revoke}"
            yield Finding(_where(rule, holder), f"it opens {_opened(rule)}", why, remedy, FindingKind.LEFT_OVER)
        else:
            yield Finding(
                _where(rule, holder),
                f"this program did not create it, and it opens {_opened(rule)}",
                "rules add up: ours cannot close what another one opens",
                revoke,
                FindingKind.WIDENING,
            )

    @cached_property
    def _wanted(self) -> Mapping[_Identity, GroupRule]:
        """The declared rules whose groups exist; the finding of a missing group covers its rules."""
        rules = (
            rule
            for rule in self.planned.vpc.rules
            if all(not isinstance(end, OwnGroup) or end in self.group_ids for end in (rule.holder, rule.peer))
        )
        return {self._identity(rule): rule for rule in rules}

    @cached_property
    def _live(self) -> Mapping[_Identity, Described]:
        rules = self.observed.group_rules
        return {_identity_of(rule): rule for rule in (self.observed.deployed.rules if rules is None else rules)}

    @cached_property
    def _altered(self) -> Mapping[str, Described]:
        """Live rules with the name of a declared rule that let something else through, by that name and by their id."""
        names = {rule.name for identity, rule in self._wanted.items() if identity not in self._live}
        stack = self.planned.environment.name
        found: dict[str, Described] = {}
        for identity, rule in self._live.items():
            tags = _tags(rule)
            if identity not in self._wanted and tags.get(STACK_TAG) == stack and tags.get("Name") in names:
                found |= {tags["Name"]: rule, rule["SecurityGroupRuleId"]: rule}
        return found

    def _identity(self, rule: GroupRule) -> _Identity:
        match rule.peer:
            case PrefixList() | Group():
                peer = rule.peer.id
            case OwnGroup():
                peer = self.group_ids[rule.peer]
            case IPv4Network() | IPv6Network():
                peer = str(rule.peer)
        return (
            self._id_of(rule.holder),
            rule.direction is Direction.EGRESS,
            rule.ports.protocol.lower(),
            rule.ports.first,
            rule.ports.last,
            peer,
        )

    def _id_of(self, holder: Holder) -> str:
        return holder.id if isinstance(holder, Group) else self.group_ids[holder]

    def _described(self, rule: GroupRule, identity: _Identity) -> dict[str, object]:
        tags = {"Name": rule.name, STACK_TAG: self.planned.environment.name}
        return {**_fields(identity), "Description": rule.description, "Tags": tags}


def _identity_of(rule: Described) -> _Identity:
    protocol: str = rule["IpProtocol"]
    return (
        rule["GroupId"],
        rule["IsEgress"],
        _PROTOCOLS.get(protocol, protocol),
        rule.get("FromPort", _ANY),
        rule.get("ToPort", _ANY),
        _peer_of(rule),
    )


def _peer_of(rule: Described) -> str:
    if "ReferencedGroupInfo" in rule:
        return str(rule["ReferencedGroupInfo"]["GroupId"])
    written = rule.get("CidrIpv4") or rule.get("CidrIpv6")
    return str(ip_network(written)) if written else str(rule["PrefixListId"])


def _fields(identity: _Identity) -> dict[str, object]:
    group, is_egress, protocol, first, last, peer = identity
    ends = {"IpProtocol": protocol, "FromPort": first, "ToPort": last, "Peer": peer}
    return {"GroupId": group, "IsEgress": is_egress, **ends}


def _comparable(rule: Described) -> dict[str, object]:
    tags = {key: value for key, value in _tags(rule).items() if key in {"Name", STACK_TAG}}
    return {**_fields(_identity_of(rule)), "Description": rule.get("Description", ""), "Tags": tags}


def _where(rule: Described, holder: str) -> str:
    return f"rule {rule['SecurityGroupRuleId']} in {holder}"


def _opened(rule: Described) -> str:
    _, is_egress, protocol, first, last, peer = _identity_of(rule)
    numbers = "" if _ANY in {first, last} else f" {first}" if first == last else f" {first}-{last}"
    said = "all traffic" if protocol == str(_ANY) else f"{protocol.upper()}{numbers}"
    return f"{said} {'to' if is_egress else 'from'} {peer}"


def _tags(described: Described) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described.get("Tags", ())}
