"""A running pod with an address of a place is found: the pod layer takes it for the place."""

from dataclasses import replace

import pytest

from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.traffic.attribution.inventory import Pod
from flash_ticket.verify.finding import Finding, FindingKind
from flash_ticket.verify.observed import Observed
from flash_ticket.verify.pod_addresses import PodAddresses
from tests.support.declared.accounts import binding_content, environment_of, shop_matrix
from tests.support.verify.standing import shop, standing, with_inventory

AMONG_ALB, NODE = "10.10.0.55", "10.10.10.9"


def stranger(**more: object) -> Pod:
    pod = Pod("argocd", "argocd-server-0", (), (AMONG_ALB,), NODE, None, None)
    return replace(pod, **more)  # type: ignore[arg-type]  # fields of the pod


def beside(firewall: CompiledFirewall, *pods: Pod) -> Observed:
    before = standing(firewall)
    return with_inventory(before, pods=(*before.inventory.pods, *pods))


def findings(firewall: CompiledFirewall, *pods: Pod) -> list[Finding]:
    return list(PodAddresses(firewall, beside(firewall, *pods)).findings())


def test_a_pod_among_the_addresses_of_the_load_balancer_is_found() -> None:
    (found,) = findings(shop(), stranger())

    assert (found.where, found.kind) == ("places.alb", FindingKind.OPEN)
    assert found.what == "pods have addresses of it: argocd/argocd-server-0 (10.10.0.55)"
    assert found.why == "with vpc-cni an ipBlock matches pods, so the pod layer takes them for alb"


@pytest.mark.parametrize(
    "harmless", [stranger(addresses=("10.10.10.7",)), stranger(addresses=(NODE, AMONG_ALB)), stranger(until=1.0)]
)
def test_a_pod_that_is_elsewhere_on_its_node_or_gone_is_not_found(harmless: Pod) -> None:
    assert findings(shop(), harmless) == []


def test_with_cilium_an_address_is_no_pod() -> None:
    content = binding_content("dev")
    content["cluster"]["cni"] = {"name": "cilium"}
    assert findings(compile_firewall(shop_matrix(), environment_of("dev", content)), stranger()) == []


def test_only_the_first_pods_are_named() -> None:
    many = [stranger(name=f"argocd-server-{number}") for number in range(5)]
    (found,) = findings(shop(), *many)
    assert found.what.endswith("argocd/argocd-server-2 (10.10.0.55) and 2 more")
