"""Findings about pods without a policy, an allow policy, a service, or the group on their interface."""

from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.traffic.attribution.inventory import Interface, Pod
from flash_ticket.verify.finding import Finding, FindingKind
from flash_ticket.verify.observed import Observed
from flash_ticket.verify.running_pods import newly_denied
from tests.support.declared.described import deployed, nothing_deployed
from tests.support.declared.stacks import CASES, two_namespaces
from tests.support.verify.standing import (
    ATTACHED,
    NODE,
    STARTED,
    edited,
    found,
    only,
    shop,
    standing,
    with_deployed,
    with_inventory,
)

PAY = (("app", "flash-pay"),)


def pod(name: str, *labels: tuple[str, str], address: str = "10.99.2.1", **more: Any) -> Pod:  # noqa: ANN401 - its fields
    given = Pod("flash-ticket", name, labels, (address,), NODE, STARTED, None)
    return replace(given, **more)


def with_pods(observed: Observed, *pods: Pod) -> Observed:
    return with_inventory(observed, pods=(*observed.inventory.pods, *pods))


def with_groups(observed: Observed, *groups: str) -> Observed:
    """Return the observation with other groups on the interface of pay."""
    others = tuple(each for each in observed.inventory.interfaces if each.id != "eni-pay")
    (pay,) = set(observed.inventory.interfaces) - set(others)
    return with_inventory(observed, interfaces=(*others, replace(pay, groups=groups)))


def test_pods_that_match_no_service_share_one_finding() -> None:
    firewall = shop()
    strays = [
        pod(f"web-{number}", ("app", "flash-web"), ("pod-template-hash", f"{number}"), address=f"10.99.2.{number}")
        for number in range(5)
    ]

    unknown = only(firewall, with_pods(standing(firewall), *strays))

    assert (unknown.kind, unknown.where) == (
        FindingKind.UNKNOWN_POD,
        "pods web-0, web-1, web-2 and 2 more in flash-ticket",
    )
    assert unknown.what == "its labels match no service of traffic.yaml: app=flash-web"


def test_pods_of_other_namespaces_and_ended_pods_are_ignored() -> None:
    firewall = shop()
    ended, elsewhere = pod("job", until=STARTED + 60), pod("web", namespace="monitoring")

    assert found(firewall, with_pods(standing(firewall), ended, elsewhere)) == []


def test_an_unlabelled_pod_without_default_deny_is_open_both_ways() -> None:
    firewall = shop()
    before = standing(firewall)
    policies = tuple(each for each in before.deployed.policies if each["metadata"]["name"] != "00-default-deny")

    findings = found(firewall, with_pods(with_deployed(before, policies=policies), pod("shell")))

    assert [(each.kind, each.what) for each in findings if each.kind is FindingKind.OPEN] == [
        (FindingKind.OPEN, "no policy selects it for egress"),
        (FindingKind.OPEN, "no policy selects it for ingress"),
    ]


def test_a_pod_that_its_policy_no_longer_selects_is_cut_off() -> None:
    firewall = shop()
    before = standing(firewall)

    def select_others(object_: Any) -> None:  # noqa: ANN401 - a manifest
        object_["spec"]["podSelector"] = {"matchLabels": {"app": "other"}}

    policies = edited(before.deployed.policies, "04-allow-egress-pay", select_others)
    first, second = found(firewall, with_deployed(before, policies=policies))

    assert (first.kind, first.what) == (FindingKind.CUT_OFF, "no allow policy of pay selects it for egress")
    assert second.kind is FindingKind.CHANGED


def test_a_pod_on_the_host_network_is_open() -> None:
    firewall = shop()
    on_host = pod("agent", *PAY, address=NODE)

    opened = only(firewall, with_pods(standing(firewall), on_host))

    assert (opened.kind, opened.where) == (FindingKind.OPEN, "pod agent in flash-ticket")
    assert "hostNetwork" in opened.remedy


def test_a_pod_older_than_its_policy_lacks_the_group_and_needs_a_restart() -> None:
    firewall = shop()
    old = pod("pay-9", *PAY, address="10.99.2.9", since=ATTACHED.timestamp() - 86_400)
    interface = Interface("eni-old", ("10.99.2.9",), ("sg-dev-nodes",))
    before = with_pods(standing(firewall), old)

    bare = only(firewall, with_inventory(before, interfaces=(*before.inventory.interfaces, interface)))

    assert bare.kind is FindingKind.CUT_OFF
    assert bare.what == (
        "its interface eni-old lacks sg-own-pay, sg-own-pods.flash-ticket of pay; it has: sg-dev-nodes; it started at "
        "2026-11-19T00:00:00Z, and its SecurityGroupPolicy was created at 2026-11-20T00:00:00Z"
    )
    assert bare.remedy.endswith("kubectl delete pod --namespace flash-ticket pay-9")


def test_a_newer_pod_without_the_group_suggests_to_check_the_node() -> None:
    firewall = shop()

    bare = only(firewall, with_groups(standing(firewall), "sg-dev-nodes"))

    assert bare.what == "its interface eni-pay lacks sg-own-pay, sg-own-pods.flash-ticket of pay; it has: sg-dev-nodes"
    assert "ENABLE_POD_ENI" in bare.remedy


def test_a_pod_without_an_interface_is_cut_off() -> None:
    firewall = shop()
    before = standing(firewall)
    left = tuple(each for each in before.inventory.interfaces if each.id != "eni-pay")

    bare = only(firewall, with_inventory(before, interfaces=left))

    assert bare.what.startswith("no interface of the VPC has its address 10.99.1.")


def test_an_additional_group_widens_unless_a_policy_of_others_explains_it() -> None:
    firewall = shop()
    before = with_groups(standing(firewall), "sg-own-pay", "sg-own-pods.flash-ticket", "sg-1")
    selector = {"podSelector": {"matchLabels": dict(PAY)}, "securityGroups": {"groupIds": ["sg-1"]}}
    theirs = {"metadata": {"name": "theirs"}, "spec": selector}

    beside = only(firewall, before)
    put = only(firewall, with_deployed(before, foreign_attachments=(theirs,)))

    assert (beside.kind, beside.what) == (
        FindingKind.WIDENING,
        "its interface eni-pay carries sg-1 in addition to its own group",
    )
    assert put.where == "SecurityGroupPolicy flash-ticket/theirs"


def test_a_pod_of_an_earlier_version_is_noted_until_it_restarts() -> None:
    new = shop()
    firewall = compile_firewall(new.matrix, replace(new.environment, waiting=frozenset({"pay"})))

    noted = only(firewall, with_groups(standing(firewall), "sg-own-pay"))

    assert (noted.kind, noted.is_drift) == (FindingKind.NOTED, False)
    assert noted.what == ("its interface eni-pay does not carry sg-own-pods.flash-ticket, the group of all pods, yet")
    assert found(firewall, standing(firewall)) == []


def kinds(findings: list[Finding]) -> set[FindingKind]:
    return {each.kind for each in findings}


@pytest.mark.parametrize("groups", [(), ("sg-nodes",), ("sg-own-pay", "sg-nodes")])
def test_with_groups_on_nodes_no_pod_lacks_a_group(groups: tuple[str, ...]) -> None:
    firewall = compile_firewall(*CASES["dev-nodes"]())

    assert kinds(found(firewall, with_groups(standing(firewall), *groups))) == set()


def test_pods_are_compared_with_the_services_and_policies_of_their_own_namespace() -> None:
    firewall = compile_firewall(*two_namespaces())
    stands = standing(firewall)
    strays = [replace(pod("api-1", ("app", "flash-api")), namespace="monitoring"), pod("p-1", ("app", "prometheus"))]

    assert found(firewall, stands) == []
    kinds = {(each.kind, each.where) for each in found(firewall, with_pods(stands, *strays))}
    assert kinds == {
        (FindingKind.UNKNOWN_POD, "pod api-1 in monitoring"),
        (FindingKind.UNKNOWN_POD, "pod p-1 in flash-ticket"),
    }


def test_without_a_default_deny_the_pods_of_its_namespace_alone_are_open() -> None:
    firewall = compile_firewall(*two_namespaces())
    stands = standing(firewall)
    left = tuple(each for each in stands.deployed.policies if each["metadata"]["name"] != "00-default-deny-monitoring")
    stray = replace(pod("web-1", ("app", "web")), namespace="monitoring")
    findings = found(firewall, with_pods(with_deployed(stands, policies=left), stray))

    assert ("NetworkPolicy monitoring/00-default-deny-monitoring", FindingKind.MISSING) in {
        (each.where, each.kind) for each in findings
    }
    assert {each.where for each in findings if each.kind is FindingKind.OPEN} == {"pod web-1 in monitoring"}


def test_a_preview_names_the_pods_that_a_new_default_deny_cuts() -> None:
    firewall = compile_firewall(*two_namespaces())
    pods = [
        *standing(firewall).inventory.pods,
        *(replace(pod(f"web-{number}", ("app", "web")), namespace="monitoring") for number in range(5)),
        replace(pod("elsewhere", ("app", "web")), namespace="tools"),
    ]
    (notice,) = newly_denied(firewall, nothing_deployed(), pods)

    assert str(notice).startswith(
        "namespace monitoring: 00-default-deny-monitoring cuts web-0, web-1, web-2 and 2 more: it denies every pod"
    )
    assert list(newly_denied(firewall, deployed(firewall), pods)) == []
