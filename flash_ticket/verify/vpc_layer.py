"""The live VPC layer compared with the declared one: our groups, and the rules in ours and in existing groups."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from flash_ticket.firewall.change.deployed import Described
from flash_ticket.firewall.change.object_difference import differences
from flash_ticket.firewall.change.ownership.rule_identity import (
    RuleIdentity,
    declared_identities,
    identity_of,
    opened_by,
    revoking,
)
from flash_ticket.firewall.compile.owner import CLUSTER_TAG, NAMESPACE_TAG, STACK_TAG, tags_of
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup
from flash_ticket.firewall.declare.choices import LoadBalancerKind
from flash_ticket.firewall.prove.proof import Proof
from flash_ticket.firewall.terms.verdict import OF_OTHERS
from flash_ticket.verify.finding import Comparison, Finding, FindingKind
from flash_ticket.verify.observed import Observed

_WHERE_GROUPS_ARE_NAMED = {
    LoadBalancerKind.ALB: "Name it on the Ingress: alb.ingress.kubernetes.io/security-groups",
    LoadBalancerKind.NLB: "Name it on the Service: service.beta.kubernetes.io/aws-load-balancer-security-groups",
}


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
        """The ids of the groups that exist; if two have one label, the one that pods carry, or the first."""
        attached = {
            group
            for policy in self.observed.deployed.attachments
            for group in policy["spec"].get("securityGroups", {}).get("groupIds", ())
        }
        labels = sorted(self.observed.deployed.group_labels.items(), reverse=True)
        found = {OwnGroup(label): group for group, label in sorted(labels, key=lambda each: each[0] in attached)}
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
                    "an interface that carries it has rules that no one maintains",
                    f"{self._update}; if it is still there afterwards, Pulumi does not know it: "
                    f"aws ec2 delete-security-group --group-id {id_}",
                    FindingKind.LEFT_OVER,
                )

    def _load_balancer(self) -> Iterator[Finding]:
        """Yield a finding if nothing carries a load balancer's group: an annotation has to name it."""
        interfaces = self.observed.inventory.interfaces
        for front, balancer in self.planned.environment.fronts.items():
            id_ = self.group_ids.get(OwnGroup(front))
            is_carried = any(id_ in each.groups for each in interfaces)
            if id_ and interfaces and not is_carried and self.planned.matrix.flows_out_of[front]:
                yield Finding(
                    f"load balancer {front}",
                    f"no interface of the VPC carries its group {id_}",
                    "its targets accept traffic only from interfaces that carry it",
                    f"{_WHERE_GROUPS_ARE_NAMED[balancer.kind]}: {id_}",
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
        ours = rule["SecurityGroupRuleId"] in self._own_rules
        if not ours and rule["GroupId"] not in self.group_ids.values():
            return  # somebody else's rule in somebody else's group
        labels = {id_: group.label for group, id_ in self.group_ids.items()}
        holder = labels.get(rule["GroupId"], str(rule["GroupId"]))
        revoke = revoking(rule)
        if ours:
            why = "this program created it, and nothing declares it any more"
            remedy = f"{self._update}; if it is still there afterwards, Pulumi does not know it: {revoke}"
            yield Finding(_where(rule, holder), f"it opens {opened_by(rule)}", why, remedy, FindingKind.LEFT_OVER)
        else:
            yield Finding(
                _where(rule, holder),
                f"this program did not create it, and it opens {opened_by(rule)}",
                "rules add up: ours cannot close what another one opens",
                revoke,
                FindingKind.WIDENING,
            )

    @cached_property
    def _wanted(self) -> Mapping[RuleIdentity, GroupRule]:
        """The declared rules whose groups exist; the finding of a missing group covers its rules."""
        return declared_identities(self.planned.vpc, self.group_ids)

    @cached_property
    def _live(self) -> Mapping[RuleIdentity, Described]:
        rules = self.observed.group_rules
        return {identity_of(rule): rule for rule in (self.observed.deployed.rules if rules is None else rules)}

    @cached_property
    def _own_rules(self) -> frozenset[str]:
        return frozenset(rule["SecurityGroupRuleId"] for rule in self.observed.deployed.rules)

    @cached_property
    def _altered(self) -> Mapping[str, Described]:
        """Live rules with the name of a declared rule that let something else through, by that name and by their id."""
        names = {rule.name for identity, rule in self._wanted.items() if identity not in self._live}
        found: dict[str, Described] = {}
        for identity, rule in self._live.items():
            name, id_ = tags_of(rule).get("Name", ""), rule["SecurityGroupRuleId"]
            if identity not in self._wanted and id_ in self._own_rules and name in names:
                found |= {name: rule, id_: rule}
        return found

    def _described(self, rule: GroupRule, identity: RuleIdentity) -> dict[str, object]:
        tags = {"Name": rule.name, **self.planned.owner.tags}
        return {**_fields(identity), "Description": rule.description, "Tags": tags}


def _fields(identity: RuleIdentity) -> dict[str, object]:
    group, is_egress, protocol, first, last, peer = identity
    ends = {"IpProtocol": protocol, "FromPort": first, "ToPort": last, "Peer": peer}
    return {"GroupId": group, "IsEgress": is_egress, **ends}


def _comparable(rule: Described) -> dict[str, object]:
    tags = {
        key: value for key, value in tags_of(rule).items() if key in {"Name", STACK_TAG, NAMESPACE_TAG, CLUSTER_TAG}
    }
    return {**_fields(identity_of(rule)), "Description": rule.get("Description", ""), "Tags": tags}


def _where(rule: Described, holder: str) -> str:
    return f"rule {rule['SecurityGroupRuleId']} in {holder}"
