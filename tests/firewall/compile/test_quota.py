"""What AWS would refuse halfway through a deployment is refused before it, with the sum that exceeds the quota."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given

from flash_ticket.firewall.bind.environment import Environment, Group, PrefixList, Quotas
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.quota import ForeignAttachment, refuse_excess
from flash_ticket.firewall.declare.choices import Coarsening
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.at_random.matrices import shops

Shop = tuple[Matrix, Environment]


def check(environment: Environment, foreign: Iterable[ForeignAttachment] = ()) -> None:
    refuse_excess(compile_groups(shop_matrix(), environment), environment, foreign)


def refusal(environment: Environment, foreign: Iterable[ForeignAttachment] = ()) -> str:
    with pytest.raises(InputError) as refused:
        check(environment, foreign)
    return str(refused.value)


def with_listeners(environment: Environment, *numbers: int) -> Environment:
    front = replace(environment.load_balancers[0], listeners=tuple(tcp(number) for number in numbers))
    return replace(environment, load_balancers=(front,))


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_committed_stacks_are_within_their_quotas(stack: str) -> None:
    check(environment_of(stack))


def test_cloudfronts_list_fits_in_a_group_only_once() -> None:
    """55 + 55 > 60: 80 and 443 from CloudFront do not fit in one group."""
    assert refusal(with_listeners(environment_of("prod"), 80, 443)) == (
        "Pulumi.prod.yaml: flash-ticket-firewall:binding.quotas.rulesPerGroup: the security group alb would hold 110 "
        "ingress rules for IPv4 (55 com.amazonaws.global.cloudfront.origin-facing on TCP 443 + 55 "
        "com.amazonaws.global.cloudfront.origin-facing on TCP 80), and AWS allows 60. Declare fewer listeners, CIDRs "
        "or flows there, or have AWS raise the quota and write it here."
    )


def test_a_raised_quota_allows_more_rules() -> None:
    raised = replace(with_listeners(environment_of("prod"), 80, 443), quotas=Quotas(110, 5))

    check(raised)


def test_the_rules_of_others_count() -> None:
    environment = environment_of("dev")
    full = Group("sg-dev-nodes", "flash-ticket-dev-nodes", (("egress", 4, 60), ("egress", 6, 2), ("ingress", 4, 60)))
    crowded = replace(environment, cluster=replace(environment.cluster, nodes=(full,)))

    assert refusal(crowded) == (
        "Pulumi.dev.yaml: flash-ticket-firewall:binding.quotas.rulesPerGroup: the security group "
        "flash-ticket-dev-nodes would hold 61 egress rules for IPv4 (60 rules of others + 1 groups and CIDRs), and AWS "
        "allows 60. Declare fewer listeners, CIDRs or flows there, or have AWS raise the quota and write it here."
    )


def test_a_stack_that_keeps_each_rule_exact_is_shown_the_way_out() -> None:
    exact = replace(with_listeners(environment_of("prod"), 80, 443), quotas=Quotas(60, 5, Coarsening.NEVER))

    assert refusal(exact).endswith(
        "and AWS allows 60. Remove quotas.coarsen: never, which keeps each rule exact, declare fewer listeners, CIDRs "
        "or flows there, or have AWS raise the quota and write it here."
    )


def test_rules_for_a_group_that_dns_may_not_have_are_the_first_to_go() -> None:
    environment = environment_of("dev")
    nodes = replace(environment.cluster.nodes[0], foreign_rules=(("ingress", 4, 59),))
    unsaid = replace(environment, cluster=replace(environment.cluster, nodes=(nodes,), dns_groups=()))

    assert refusal(unsaid).endswith(
        "(59 rules of others + 2 groups and CIDRs), and AWS allows 60. Write under cluster.dns which groups the pods "
        "of kube-dns have, declare fewer listeners, CIDRs or flows there, or have AWS raise the quota and write it "
        "here."
    )
    check(replace(unsaid, cluster=replace(unsaid.cluster, dns_groups=(environment.cluster.group,))))


def test_families_count_separately() -> None:
    """40 CIDRs of each family fit in a group of 60; one family of 61 does not."""
    environment = environment_of("dev")
    v4 = tuple(ip_network(f"198.51.{number}.0/24") for number in range(61))
    v6 = tuple(ip_network(f"2001:db8:{number}::/48") for number in range(40))

    check(replace(environment, load_balancers=(replace(environment.load_balancers[0], clients=(*v4[:40], *v6)),)))
    line = refusal(replace(environment, load_balancers=(replace(environment.load_balancers[0], clients=(*v4, *v6)),)))
    assert "alb would hold 61 ingress rules for IPv4 (61 groups and CIDRs)" in line


def test_a_rule_with_a_group_counts_in_both_families() -> None:
    environment = environment_of("dev")
    tight = replace(environment, quotas=Quotas(1, 5))

    assert " rules for IPv4 " in refusal(tight)


def test_a_prefix_list_counts_only_in_its_own_family() -> None:
    environment = environment_of("dev")
    listed = PrefixList("pl-1", "office", 6, 60, ())
    v4_clients = replace(environment.load_balancers[0], clients=listed)

    check(replace(environment, load_balancers=(v4_clients,)))
    with pytest.raises(InputError, match="alb would hold 61 ingress rules for IPv6"):
        check(replace(environment, load_balancers=(replace(v4_clients, clients=replace(listed, weight=61)),)))


def others(count: int, **pods: str) -> ForeignAttachment:
    return ForeignAttachment("team", tuple(sorted(pods.items())), tuple(f"sg-{number}" for number in range(count)))


def test_an_interface_can_have_five_groups_but_not_six() -> None:
    check(environment_of("dev"), [others(3, app="flash-pay")])

    assert refusal(environment_of("dev"), [others(4, app="flash-pay")]) == (
        "Pulumi.dev.yaml: flash-ticket-firewall:binding.quotas.groupsPerInterface: the pods of pay would have 6 "
        "security groups (1 pay + 1 pods.flash-ticket + 4 team), and AWS allows 5. Remove groups from the "
        "SecurityGroupPolicies named, or have AWS raise the quota and write it here."
    )


def test_a_policy_for_all_pods_counts_for_every_service() -> None:
    with pytest.raises(InputError, match=r"the pods of api would have 6"):
        check(environment_of("dev"), [others(4)])


def test_a_policy_for_other_pods_does_not_count() -> None:
    check(environment_of("dev"), [others(5, app="somebody")])


def test_foreign_policies_count_for_every_service() -> None:
    with pytest.raises(InputError, match="the pods of pay would have 6"):
        check(environment_of("dev"), (each for each in [others(4, app="flash-pay")]))


@given(shops())
def test_only_more_than_the_quota_is_refused(shop: Shop) -> None:
    """The test counts again, one rule at a time."""
    matrix, environment = shop
    firewall = compile_groups(matrix, environment)
    most = 0
    for holder in {rule.holder for rule in firewall.rules}:
        for direction in ("ingress", "egress"):
            for family in (4, 6):
                count = 0
                for way, version, number in holder.foreign_rules if isinstance(holder, Group) else ():
                    count += number if (way, version) == (direction, family) else 0
                of_ours = [rule for rule in firewall.rules if (rule.holder, rule.direction) == (holder, direction)]
                for rule in of_ours:
                    if isinstance(rule.peer, PrefixList):
                        count += rule.peer.weight if rule.peer.family == family else 0
                    else:
                        count += getattr(rule.peer, "version", family) == family
                most = max(most, count if of_ours else 0)

    refuse_excess(firewall, replace(environment, quotas=Quotas(most, 5)))
    with pytest.raises(InputError, match=f"would hold {most} "):
        refuse_excess(firewall, replace(environment, quotas=Quotas(most - 1, 5)))
