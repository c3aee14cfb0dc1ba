"""Which of the groups, rules and flow logs with a stack's name in their tags belong to the stack.

The tags name the stack, the namespace and the cluster. What is in the stack's state belongs to it, whatever its tags
say: a stack may have changed its namespace, cluster or VPC. Earlier versions of this program named only the stack. What
they made is this stack's if its state, or the objects in its own namespace and cluster, prove it. The next deployment
completes the tags in place. What stays unclear is an error with the ids: the wrong guess would change or delete what
others need.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flash_ticket.firewall.change.deployed import Described
from flash_ticket.firewall.compile.owner import GROUP_TAG, STACK_TAG, Claim, Owner, tags_of
from flash_ticket.firewall.terms.input_error import InputError, refuse_all

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_FLOW_LOG = "FlowLogId"
_GROUP = "GroupId"
_RULE = "SecurityGroupRuleId"


@dataclass(frozen=True, slots=True)
class Tagged:
    """What the account holds with a stack's name in the tags.

    Attributes:
        groups: As DescribeSecurityGroups returns them.
        rules: As DescribeSecurityGroupRules returns them.
        flow_logs: As DescribeFlowLogs returns them.
    """

    groups: tuple[Described, ...]
    rules: tuple[Described, ...]
    flow_logs: tuple[Described, ...]

    def of(
        self, owner: Owner, vpc: str, attachments: Iterable[Described], state: Collection[str] = frozenset()
    ) -> "Tagged":
        """Return what belongs to a firewall.

        Args:
            owner: The firewall.
            vpc: Its VPC.
            attachments: Its SecurityGroupPolicies. Their groups belong to it, whatever the tags leave open.
            state: The ids of the resources in its state; empty if the state is not known.

        Raises:
            InputError: It is unclear whether a group belongs to it, or which of two groups does.
        """
        certain = [each for each in self.groups if each[_GROUP] in state or owner.claim(each) is Claim.OURS]
        refuse_all(_elsewhere([each for each in certain if each[_GROUP] not in state], owner, vpc))
        earlier = [each for each in self.groups if each not in certain and _may_be_ours(each, owner, vpc)]
        attached = {
            group
            for policy in attachments
            for group in policy.get("spec", {}).get("securityGroups", {}).get("groupIds", ())
        }
        known = self._joined({each[_GROUP] for each in certain} | attached, {each[_GROUP] for each in earlier})
        proven = [each for each in earlier if each[_GROUP] in known]
        groups = (*certain, *proven)
        named = {_label(each) for each in groups}
        unclear = [each for each in earlier if each[_GROUP] not in known and _label(each) not in named]
        if unclear:
            raise _unclear(unclear, tuple(self._left_open(owner, unclear)), owner)
        refuse_all(_claimed_twice(groups, owner, attached | set(state)))
        return Tagged(
            groups,
            tuple(self._rules(owner, {each[_GROUP] for each in groups}, state)),
            tuple(
                each
                for each in self.flow_logs
                if each[_FLOW_LOG] in state
                or owner.claim(each) is Claim.OURS
                or (proven and _is_named(each, owner) and each["ResourceId"] == vpc)
            ),
        )

    def _joined(self, known: set[str], earlier: set[str]) -> set[str]:
        """Return the known groups with the earlier ones that rules join to them."""
        pairs = [(rule[_GROUP], _peer(rule)) for rule in self.rules]
        while True:
            beside = {end for pair in pairs if known & set(pair) for end in pair} & earlier
            if beside <= known:
                return known
            known = known | beside

    def _rules(self, owner: Owner, groups: set[str], state: Collection[str]) -> Iterator[Described]:
        """Yield the firewall's rules: between its own groups and others, the tags of an earlier version suffice."""
        others = {each[_GROUP] for each in self.groups} - groups
        for rule in self.rules:
            claim, ends = owner.claim(rule), {rule[_GROUP], _peer(rule)}
            joined = claim is Claim.EARLIER and ends & groups and not ends & others
            if rule[_RULE] in state or claim is Claim.OURS or joined:
                yield rule

    def _left_open(self, owner: Owner, groups: Sequence[Described]) -> Iterator[str]:
        """Yield the ids of what an earlier version made beside groups: rules between or beside them, and flow logs."""
        ids = {each[_GROUP] for each in groups}
        claimed = {each[_GROUP] for each in self.groups} - ids
        for rule in self.rules:
            if owner.claim(rule) is Claim.EARLIER and not {rule[_GROUP], _peer(rule)} & claimed:
                yield rule[_RULE]
        for flow_log in self.flow_logs:
            if _is_named(flow_log, owner) and flow_log["ResourceId"] in {each["VpcId"] for each in groups}:
                yield flow_log[_FLOW_LOG]


def own_flow_log(flow_logs: Iterable[Described], owner: Owner) -> Described | None:
    """Return the firewall's newest flow log of its VPC: while a new one replaces an old one, both exist."""
    listed = list(flow_logs)
    own = [each for each in listed if owner.claim(each) is Claim.OURS]
    own = own or [each for each in listed if _is_named(each, owner)]
    return max(own, key=lambda each: each.get("CreationTime") or _EARLIEST, default=None)


def completed(owner: Owner, ids: Iterable[str]) -> str:
    """Return the command that gives resources the tags of a firewall."""
    tags = " ".join(f"Key={key},Value={value}" for key, value in owner.tags.items())
    return f"aws ec2 create-tags --resources {' '.join(ids)} --tags {tags}"


def _may_be_ours(group: Described, owner: Owner, vpc: str) -> bool:
    """Return whether an earlier version may have made a group for the firewall: the name holds the namespace."""
    if owner.claim(group) is not Claim.EARLIER or group["VpcId"] != vpc:
        return False
    tags = tags_of(group)
    return tags.get("Name") in {None, f"{owner.name}-{tags.get(GROUP_TAG)}"}


def _is_named(flow_log: Described, owner: Owner) -> bool:
    return owner.claim(flow_log) is Claim.EARLIER and tags_of(flow_log).get("Name") == owner.name


def _elsewhere(groups: Sequence[Described], owner: Owner, vpc: str) -> Iterator[InputError]:
    found = [each[_GROUP] for each in groups if each["VpcId"] != vpc]
    if found:
        ids, places = " ".join(sorted(found)), ", ".join(sorted({each["VpcId"] for each in groups} - {vpc}))
        yield InputError(
            "AWS",
            "security groups",
            f"{ids} in {places} have the tags of {owner}, and the binding's VPC is {vpc}",
            "If this stack was deployed there before, run pulumi destroy first, and deploy it again; if they are not "
            f"this stack's: aws ec2 delete-tags --resources {ids} --tags Key={STACK_TAG}",
        )


def _claimed_twice(groups: Sequence[Described], owner: Owner, in_use: Collection[str]) -> Iterator[InputError]:
    """Yield an error for each label of several groups, unless exactly one is in use: a replaced group stays behind."""
    found: dict[str, list[str]] = defaultdict(list)
    for each in groups:
        found[_label(each)].append(each[_GROUP])
    for label, ids in sorted(found.items()):
        if len(ids) > 1 and len(set(ids) & set(in_use)) != 1:
            named = " and ".join(sorted(ids))
            yield InputError(
                "AWS",
                "security groups",
                f"{named} both have the tags of the group of {label} of {owner}",
                f"Find the one that pulumi stack export --stack {owner.stack} names, and take the tag off the other "
                f"one: aws ec2 delete-tags --resources sg-... --tags Key={STACK_TAG}",
            )


def _unclear(groups: Sequence[Described], beside: Sequence[str], owner: Owner) -> InputError:
    ids = sorted(each[_GROUP] for each in groups)
    return InputError(
        "AWS",
        "security groups",
        f"an earlier version of this program made {', '.join(ids)} for a stack {owner.stack}, and nothing says for "
        "which cluster",
        f"If they are those of {owner}, complete their tags: {completed(owner, (*ids, *beside))}; if they are another "
        "stack's, deploy that one first, with this version of the program",
    )


def _label(group: Described) -> str:
    return tags_of(group).get(GROUP_TAG, "")


def _peer(rule: Described) -> str:
    return str(rule.get("ReferencedGroupInfo", {}).get("GroupId", ""))
