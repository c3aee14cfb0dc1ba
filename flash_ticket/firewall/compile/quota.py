"""AWS's quotas on security groups, checked before any request to AWS.

Amazon VPC User Guide, "Amazon VPC quotas", security groups: rules count separately for each direction, and for IPv4 and
IPv6. A rule with a prefix list counts as the list's weight. A rule with another group counts once in both families.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flash_ticket.firewall.bind.environment import Environment, Group, PrefixList
from flash_ticket.firewall.compile.vpc_layer import GroupRule, Holder, PodAttachment, VpcFirewall
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.verdict import Direction

FAMILIES = (4, 6)


@dataclass(frozen=True, slots=True)
class ForeignAttachment:
    """A SecurityGroupPolicy of others in the namespace; its groups add to those that the pods have."""

    name: str
    pods: Labels
    groups: tuple[str, ...]


def refuse_excess(firewall: VpcFirewall, environment: Environment, foreign: Iterable[ForeignAttachment] = ()) -> None:
    """Raise an error if the compiled groups exceed a quota.

    Args:
        firewall: The compiled VPC layer.
        environment: Contains the quotas and, in its groups, the number of rules of others.
        foreign: The SecurityGroupPolicies of others in the namespace.

    Raises:
        InputError: A group would have too many rules, or an interface too many groups; the problem shows the sum.
    """
    limit = environment.quotas.rules_per_group
    for (holder, direction, family), rules in _by_group(firewall).items():
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
        _refuse_crowded_interface(attachment, environment, others)


def _remedy(holder: Holder, direction: Direction, environment: Environment) -> str:
    cluster = environment.cluster
    said = "declare fewer listeners, CIDRs or flows there, or have AWS raise the quota and write it here"
    perhaps_of_dns = cluster.groups_of_dns if not cluster.dns_groups and cluster.group != cluster.nodes else ()
    if direction is Direction.INGRESS and holder in perhaps_of_dns:
        return f"Write under cluster.dns which groups the pods of kube-dns have, {said}"
    return said[0].upper() + said[1:]


def _refuse_crowded_interface(
    attachment: PodAttachment, environment: Environment, foreign: tuple[ForeignAttachment, ...]
) -> None:
    also = [other for other in foreign if set(other.pods) <= set(attachment.pods)]
    terms = [(1, attachment.service), *((len(other.groups), other.name) for other in also)]
    total, limit = sum(weight for weight, _ in terms), environment.quotas.groups_per_interface
    if total > limit:
        raise InputError(
            stack_file(environment.name),
            f"{BINDING_KEY}.quotas.groupsPerInterface",
            f"the pods of {attachment.service} would have {total} security groups ({_sum(terms)}), "
            f"and AWS allows {limit}",
            "Remove groups from the SecurityGroupPolicies named, or have AWS raise the quota and write it here",
        )


def _by_group(firewall: VpcFirewall) -> Mapping[tuple[Holder, Direction, int], list[GroupRule]]:
    grouped: dict[tuple[Holder, Direction, int], list[GroupRule]] = {}
    for rule in firewall.rules:
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
                single += not isinstance(peer, Network) or peer.version == family
    if single:
        yield single, "groups and CIDRs"


def _sum(terms: Iterable[tuple[int, str]]) -> str:
    return " + ".join(f"{weight} {what}" for weight, what in terms)
