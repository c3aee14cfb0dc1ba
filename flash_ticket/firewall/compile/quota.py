"""AWS's quotas on security groups, checked before any request to AWS.

Amazon VPC User Guide, "Amazon VPC quotas", security groups: rules count separately for each direction, and for IPv4 and
IPv6. A rule with a prefix list counts as the list's weight. A rule with another group counts once in both families.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flash_ticket.firewall.bind.environment import Environment, Group, PrefixList
from flash_ticket.firewall.compile.coarsening import FAMILIES, weight_of
from flash_ticket.firewall.compile.vpc_layer import GroupRule, Holder, PodAttachment, VpcFirewall
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.choices import Coarsening
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.verdict import Direction


@dataclass(frozen=True, slots=True)
class ForeignAttachment:
    """A SecurityGroupPolicy of others in our namespaces; its groups add to those that the pods have."""

    name: str
    pods: Labels
    groups: tuple[str, ...]
    namespace: str | None = None


def refuse_excess(
    firewall: VpcFirewall, environment: Environment, foreign: Iterable[ForeignAttachment] = (), home: str | None = None
) -> None:
    """Raise an error if the compiled groups exceed a quota.

    Args:
        firewall: The compiled VPC layer.
        environment: Contains the quotas and, in its groups, the number of rules of others.
        foreign: The SecurityGroupPolicies of others in our namespaces.
        home: The namespace that the firewall is named after.

    Raises:
        InputError: A group would have too many rules, or an interface too many groups; the problem shows the sum.
    """
    limit = environment.quotas.rules_per_group
    for (holder, direction, family), rules in _by_group(firewall.rules).items():
        terms = [*_foreign_terms(holder, direction, family), *_terms(rules, family)]
        total = sum(weight for weight, _ in terms)
        if total > limit:
            raise InputError(
                stack_file(environment.name),
                f"{BINDING_KEY}.quotas.rulesPerGroup",
                f"the security group {holder.label} would hold {total} {direction} rules for IPv{family} "
                f"({_sum(terms)}), and AWS allows {limit}",
                _remedy(holder, direction, environment),
            )
    others = tuple(foreign)
    for attachment in firewall.attachments:
        namespace = attachment.namespace or home
        there = tuple(each for each in others if (each.namespace or home) == namespace)
        _refuse_crowded_interface(attachment, environment, there)


def crowded_ways(
    firewall: VpcFirewall, environment: Environment, standing: Iterable[GroupRule]
) -> Iterator[InputError]:
    """Yield an error for each group that the rules before and after a deployment would overflow together.

    A deployment creates its new rules before it deletes the old ones, so that it cuts nothing.

    Args:
        firewall: The compiled VPC layer.
        environment: Contains the quotas and, in its groups, the number of rules of others.
        standing: The deployed rules of this stack.
    """
    limit = environment.quotas.rules_per_group
    planned = {rule.name for rule in firewall.rules}
    going = tuple(rule for rule in standing if rule.name not in planned)
    leaving = _by_group(going)
    for (holder, direction, family), rules in _by_group(firewall.rules).items():
        terms = [*_foreign_terms(holder, direction, family), *_terms(rules, family)]
        old = sum(weight_of(rule.peer, family) for rule in leaving.get((holder, direction, family), ()))
        total = sum(weight for weight, _ in terms) + old
        if old and total > limit:
            yield InputError(
                stack_file(environment.name),
                f"{BINDING_KEY}.quotas.rulesPerGroup",
                f"while the deployment runs, the security group {holder.label} would hold {total} {direction} rules "
                f"for IPv{family} ({_sum([*terms, (old, 'old rules, deleted at its end')])}), and AWS allows {limit}",
                "Deploy a part of the change first, or have AWS raise the quota and write it here",
            )


def size_notices(environment: Environment, firewall: VpcFirewall) -> Iterator[Notice]:
    """Yield a notice for each group and direction with coarse rules, and one while pods lack the group of all pods."""
    limit = environment.quotas.rules_per_group
    for coarse in firewall.coarse:
        first, *others = coarse.rules
        more = f" and {len(others)} more" if others else ""
        yield Notice(
            f"security group {coarse.holder.label}",
            f"its {coarse.exact} exact {coarse.direction} rules are too many for AWS's {limit}, so coarser ones stand "
            f"for some of them: {first}{more}. Only the pod layer stops what both ends of a connection open beyond the "
            "declaration; the proof names it",
            "Have AWS raise the quota and write it under quotas.rulesPerGroup, or write quotas.coarsen: never, which "
            "refuses such a stack",
        )
    if environment.waiting:
        first, *others = sorted(environment.waiting)
        more = f" and {len(others)} more services" if others else ""
        yield Notice(
            f"pods of {first}{more}",
            "running pods do not carry the group of all pods, because an earlier version of this program attached "
            "them: the rules of their own groups for DNS and probes stay until they restart",
            "Restart these pods once (kubectl rollout restart), and deploy again: that removes the rules",
        )


def _remedy(holder: Holder, direction: Direction, environment: Environment) -> str:
    cluster = environment.cluster
    fewer = "declare fewer listeners, CIDRs or flows there, or have AWS raise the quota and write it here"
    is_exact = environment.quotas.coarsen is Coarsening.NEVER
    said = f"remove quotas.coarsen: never, which keeps each rule exact, {fewer}" if is_exact else fewer
    perhaps_of_dns = cluster.groups_of_dns if not cluster.dns_groups and cluster.nodes != (cluster.group,) else ()
    if direction is Direction.INGRESS and holder in perhaps_of_dns:
        return f"Write under cluster.dns which groups the pods of kube-dns have, {said}"
    return said[0].upper() + said[1:]


def _refuse_crowded_interface(
    attachment: PodAttachment, environment: Environment, foreign: tuple[ForeignAttachment, ...]
) -> None:
    also = [other for other in foreign if set(other.pods) <= set(attachment.pods)]
    terms = [*((1, group.label) for group in attachment.groups), *((len(other.groups), other.name) for other in also)]
    total, limit = sum(weight for weight, _ in terms), environment.quotas.groups_per_interface
    if total > limit:
        raise InputError(
            stack_file(environment.name),
            f"{BINDING_KEY}.quotas.groupsPerInterface",
            f"the pods of {attachment.service} would have {total} security groups ({_sum(terms)}), "
            f"and AWS allows {limit}",
            "Remove groups from the SecurityGroupPolicies named, or have AWS raise the quota and write it here",
        )


def _by_group(found: Iterable[GroupRule]) -> Mapping[tuple[Holder, Direction, int], list[GroupRule]]:
    grouped: dict[tuple[Holder, Direction, int], list[GroupRule]] = {}
    for rule in found:
        for family in FAMILIES:
            grouped.setdefault((rule.holder, rule.direction, family), []).append(rule)
    return grouped


def _foreign_terms(holder: Holder, direction: Direction, family: int) -> Iterator[tuple[int, str]]:
    for way, of_family, count in holder.foreign_rules if isinstance(holder, Group) else ():
        if (way, of_family) == (direction, family) and count:
            yield count, "rules of others"


def _terms(rules: Iterable[GroupRule], family: int) -> Iterator[tuple[int, str]]:
    single = 0
    for rule in rules:
        match rule.peer:
            case PrefixList() as listed:
                if listed.family == family:
                    yield listed.weight, f"{listed.label} on {rule.ports}"
            case peer:
                single += weight_of(peer, family)
    if single:
        yield single, "groups and CIDRs"


def _sum(terms: Iterable[tuple[int, str]]) -> str:
    return " + ".join(f"{weight} {what}" for weight, what in terms)
