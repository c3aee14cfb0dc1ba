"""Security groups of others that a deployment takes over: Pulumi imports them with the rules that we would add.

An import changes nothing (Pulumi documentation, "Importing resources"): the group stays on its interfaces, with all its
rules. It must find each property as it is. So the first update leaves tags and descriptions of rules alone, and the
second one sets them. AWS replaces a group for a new name or description, so theirs never change.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from flash_ticket.firewall.bind.bind_adopting import GROUPS
from flash_ticket.firewall.bind.environment import Adopting
from flash_ticket.firewall.change.deployed import TAGS_OF_OTHERS, Deployed, Described, is_taken_over
from flash_ticket.firewall.change.ownership.own_resources import Tagged
from flash_ticket.firewall.change.ownership.rule_identity import declared_identities, identity_of
from flash_ticket.firewall.compile.coarsening import FAMILIES, weight_of
from flash_ticket.firewall.compile.owner import GROUP_TAG, STACK_TAG, Claim, Owner, owner_in, tags_of
from flash_ticket.firewall.compile.vpc_layer import OwnGroup
from flash_ticket.firewall.declare.binding import stack_file
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import InputError, refuse_all
from flash_ticket.firewall.terms.verdict import Direction

State = Mapping[str, Mapping[str, str]]
"""The ids of the resources in the stack's state, with their tags."""

_DEFAULT_GROUP = "default"
_MARKS = {
    "aws:cloudformation:stack-name": "the CloudFormation stack",
    "aws:eks:cluster-name": "the EKS cluster",
    "elbv2.k8s.aws/cluster": "the AWS Load Balancer Controller of",
}
"""The tags that services of AWS and controllers put on groups that they make, and delete."""


@dataclass(frozen=True, slots=True)
class KeptGroup:
    """What a group keeps of what others gave it: its name and description, which cannot change, and its tags."""

    name: str
    description: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TakenGroups:
    """The groups of others that a deployment takes over, or that an earlier one has taken over.

    Attributes:
        groups: The service or load balancer, and the id, of each group without this stack's tags.
        imported: The ids of the groups and rules that this update imports: it leaves their tags alone.
        rules: The rules of others that this program would add, with the tags that they will have.
        left: The rules of others in these groups that nothing declares.
        kept: What each group keeps, by its service or load balancer.
    """

    groups: tuple[tuple[str, str], ...] = ()
    imported: frozenset[str] = frozenset()
    rules: tuple[Described, ...] = ()
    left: tuple[Described, ...] = ()
    kept: tuple[tuple[str, KeptGroup], ...] = ()

    def kept_of(self, label: str) -> KeptGroup | None:
        """Return what a group keeps; None for a group that this program has made."""
        return dict(self.kept).get(label)


def with_taken_groups(tagged: Tagged, found: Iterable[Described], adopting: Adopting, owner: Owner) -> Tagged:
    """Return what the account holds, with the groups to take over as they are after that.

    Args:
        tagged: What the account holds with the stack's name in the tags.
        found: The groups to take over, as DescribeSecurityGroups returns them.
        adopting: Their services, and the load balancer.
        owner: The firewall.

    Raises:
        InputError: A group belongs to something else, or the service has a group already.
    """
    described = {each["GroupId"]: each for each in found}
    asked = [(label, described[group.id]) for label, group in adopting.groups if group.id in described]
    refuse_all(error for label, group in asked for error in _unfit(label, group, tagged, owner))
    taken = {
        group["GroupId"]: {**_tagged(group, {**owner.tags, GROUP_TAG: label}), TAGS_OF_OTHERS: tags_of(group)}
        for label, group in asked
        if owner.claim(group) is not Claim.OURS
    }
    others = (each for each in tagged.groups if each["GroupId"] not in taken)
    return replace(tagged, groups=(*others, *taken.values()))


def taken_groups(
    planned: CompiledFirewall, deployed: Deployed, rules: Iterable[Described], state: State
) -> TakenGroups:
    """Return what a deployment takes over in the account.

    Args:
        planned: The firewall to deploy.
        deployed: What is deployed, with the groups to take over.
        rules: All rules of its groups, and of the groups of others that it adds rules to.
        state: What the stack's state holds.
    """
    labels = deployed.group_labels
    new = {each["GroupId"] for each in deployed.groups if TAGS_OF_OTHERS in each}
    declared = declared_identities(planned.vpc, {OwnGroup(label): id_ for id_, label in labels.items()})
    known = {each["SecurityGroupRuleId"] for each in deployed.rules}
    same, left = list[Described](), list[Described]()
    for each in rules:
        identity = identity_of(each)
        if each["SecurityGroupRuleId"] in known or not {identity.group, identity.peer} & new:
            continue
        if (rule := declared.get(identity)) and owner_in(tags_of(each)) is None:
            same.append(_tagged(each, {**planned.owner.tags, "Name": rule.name}))
        elif identity.group in new and not rule:
            left.append(each)
    ids = new | {each["SecurityGroupRuleId"] for each in same}
    kept = (
        (label, _kept(group, planned.owner, state))
        for group in deployed.groups
        if is_taken_over(group, label := labels[group["GroupId"]])
    )
    return TakenGroups(
        tuple(sorted((labels[each], each) for each in new)),
        frozenset(ids - state.keys()),
        tuple(same),
        tuple(left),
        tuple(sorted(kept, key=lambda named: named[0])),
    )


def crowded_groups(planned: CompiledFirewall, taken: TakenGroups) -> Iterator[InputError]:
    """Yield an error for each group that our rules and those that stay in it would overflow together.

    AWS would refuse the deployment on its way. A prefix list of others counts as one here.
    """
    limit = planned.environment.quotas.rules_per_group
    for (label, id_), direction, family in product(taken.groups, Direction, FAMILIES):
        held = (each for each in planned.vpc.rules if (each.holder, each.direction) == (OwnGroup(label), direction))
        ours = sum(weight_of(each.peer, family) for each in held)
        stays = [
            each["SecurityGroupRuleId"]
            for each in taken.left
            if each["GroupId"] == id_
            and each["IsEgress"] == (direction is Direction.EGRESS)
            and f"CidrIpv{10 - family}" not in each
        ]
        if stays and ours + len(stays) > limit:
            yield InputError(
                stack_file(planned.environment.name),
                f"{GROUPS}.{label}",
                f"{id_} would hold {ours} {direction} rules of this program for IPv{family} and {len(stays)} of "
                f"others, and AWS allows {limit}",
                f"Delete rules there that are no longer needed, such as {stays[0]}, or have AWS raise the quota and "
                "write it in quotas.rulesPerGroup",
            )


def _kept(group: Described, owner: Owner, state: State) -> KeptGroup:
    # The state leaves out the tags that the provider adds by default; to declare them would be a change.
    tags = state.get(group["GroupId"]) or group.get(TAGS_OF_OTHERS) or tags_of(group)
    ours = {*owner.tags, GROUP_TAG}
    theirs = {key: value for key, value in tags.items() if key not in ours and not key.startswith("aws:")}
    return KeptGroup(group["GroupName"], group["Description"], theirs)


def _tagged(described: Described, tags: Mapping[str, str]) -> Described:
    every = {**tags_of(described), **tags}
    return {**described, "Tags": [{"Key": key, "Value": value} for key, value in every.items()]}


def _unfit(label: str, group: Described, tagged: Tagged, owner: Owner) -> Iterator[InputError]:
    id_, tags = group["GroupId"], tags_of(group)
    key, file = f"{GROUPS}.{label}", stack_file(owner.stack)
    own = [each["GroupId"] for each in tagged.groups if owner.claim(each) is Claim.OURS and _is_of(each, label)]
    holder = _holder(group, tags, owner)
    if holder:
        yield InputError(file, key, f"{id_} belongs to {holder}", "Name a group that nothing else manages")
    elif owner.claim(group) is Claim.OURS and not _is_of(group, label):
        problem = f"{id_} is the group of {tags.get(GROUP_TAG)} of this stack"
        yield InputError(file, key, problem, "Name the group of these pods, or remove it")
    elif others := _others(own, id_):
        yield InputError(
            file,
            key,
            f"this stack has the group {others[0]} for {label}, and its running pods would lose it to {id_}",
            "Remove it here",
        )


def _holder(group: Described, tags: Mapping[str, str], owner: Owner) -> str:
    if group["GroupName"] == _DEFAULT_GROUP:
        return f"{group['VpcId']}, whose default group it is"
    if STACK_TAG in tags and owner.claim(group) is Claim.OTHERS:
        return str(owner_in(tags) or f"another stack, {tags[STACK_TAG]}")
    return next((f"{what} {tags[tag]} (tag {tag})" for tag, what in _MARKS.items() if tag in tags), "")


def _is_of(group: Described, label: str) -> bool:
    return tags_of(group).get(GROUP_TAG) == label


def _others(ids: Collection[str], id_: str) -> list[str]:
    return sorted(set(ids) - {id_})
