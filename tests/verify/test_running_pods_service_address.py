"""With the VPC CNI a Service reaches declared pods only if its selector has the labels that policies select them by."""

from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.traffic.attribution.inventory import ClusterService
from flash_ticket.verify.finding import FindingKind
from flash_ticket.verify.observed import Observed
from tests.support.declared.accounts import binding_content, environment_of, shop_matrix
from tests.support.verify.standing import found, only, shop, standing, with_inventory

NAMED = ("app.kubernetes.io/name", "api")


def service(*selector: tuple[str, str], **more: Any) -> ClusterService:  # noqa: ANN401 - its fields
    given = {"namespace": "flash-ticket", "name": "api", "addresses": ("172.20.0.9",), **more}
    return ClusterService(**given, selector=tuple(sorted(selector)), ports=())


def having(firewall: CompiledFirewall, *services: ClusterService) -> Observed:
    """Return the declared state with Services, where each pod has one more label."""
    before = standing(firewall)
    pods = tuple(
        replace(pod, labels=(*pod.labels, ("app.kubernetes.io/name", pod.name.removesuffix("-0"))))
        for pod in before.inventory.pods
    )
    return with_inventory(before, pods=pods, services=services)


def test_a_service_with_another_selector_is_found_with_the_label_to_add() -> None:
    firewall = shop()

    cut = only(firewall, having(firewall, service(NAMED)))

    assert (cut.kind, cut.where) == (FindingKind.CUT_OFF, "Service flash-ticket/api")
    assert cut.what == "its selector lacks app=flash-api, and the policies select api by that"
    assert cut.remedy == "Add app=flash-api to its selector"


@pytest.mark.parametrize(
    "harmless",
    [
        service(("app", "flash-api")),
        service(("app", "flash-api"), NAMED),
        service(NAMED, addresses=()),
        service(NAMED, namespace="elsewhere"),
        service(("app.kubernetes.io/name", "gateway")),
        service(("app.kubernetes.io/name", "nobody")),
        service(),
    ],
    ids=["same", "more", "headless", "elsewhere", "called-from-outside", "of-no-pod", "without-selector"],
)
def test_a_service_that_still_reaches_its_pods_or_reaches_no_declared_pod_is_not_found(
    harmless: ClusterService,
) -> None:
    firewall = shop()

    assert found(firewall, having(firewall, harmless)) == []


@pytest.mark.parametrize("cni", ["cilium", "calico"])
def test_with_another_cni_the_selector_does_not_matter(cni: str) -> None:
    content = binding_content("dev")
    content["cluster"]["cni"] = {"name": cni}
    firewall = compile_firewall(shop_matrix(), environment_of("dev", content))

    assert found(firewall, having(firewall, service(NAMED))) == []
