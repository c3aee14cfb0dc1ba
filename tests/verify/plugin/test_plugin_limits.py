"""What the network plug-in does not cover of what runs, and a mode of it that is not the declared one."""

from dataclasses import replace

import pytest

from flash_ticket.firewall.declare.choices import CniName, EnforcingMode
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.traffic.attribution.inventory import ClusterService
from flash_ticket.verify.finding import FindingKind
from flash_ticket.verify.observed import Observed
from flash_ticket.verify.plugin.plugin_limits import limits
from flash_ticket.verify.verification import verify
from tests.support.verify.standing import found, only, shop, standing, with_inventory


def with_cni(firewall: CompiledFirewall, cni: CniName) -> CompiledFirewall:
    environment = firewall.environment
    changed = replace(environment, cluster=replace(environment.cluster, cni=cni))
    return compile_firewall(firewall.matrix, changed)


def owned(observed: Observed, **owners: str | None) -> Observed:
    pods = (replace(each, owner=owners.get(each.name.removesuffix("-0"))) for each in observed.inventory.pods)
    return with_inventory(observed, pods=tuple(pods))


def test_the_vpc_cni_applies_no_policy_to_a_pod_that_nothing_owns() -> None:
    firewall = shop()
    finding = only(firewall, owned(standing(firewall), api="", pay="", gateway="ReplicaSet/gateway"))

    assert (finding.kind, finding.where) == (FindingKind.OPEN, "pods api-0, pay-0 in flash-ticket")
    assert "the VPC CNI applies no NetworkPolicy to a pod without ownerReferences" in finding.why


@pytest.mark.parametrize("cni", [CniName.CALICO, CniName.CILIUM])
def test_with_other_plug_ins_a_pod_that_nothing_owns_is_noted(cni: CniName) -> None:
    firewall = with_cni(shop(), cni)
    observed = owned(standing(firewall), api="")
    (finding,) = (each for each in found(firewall, observed) if each.kind is FindingKind.NOTED)

    assert finding.what == "no workload owns it"
    assert not finding.is_drift


def test_pods_with_an_owner_and_of_old_inventories_are_no_finding() -> None:
    firewall = shop()
    assert not found(firewall, owned(standing(firewall), api="ReplicaSet/api", pay=None))
    strangers = [replace(each, namespace="tools", owner="") for each in standing(firewall).inventory.pods]
    ended = [replace(each, until=1.0, owner="") for each in standing(firewall).inventory.pods]
    assert not list(limits(firewall, (*strangers, *ended), ()))


API = ClusterService("flash-ticket", "api", ("172.20.0.5",), (("app", "flash-api"),), ((tcp(80), 4000),))


def test_with_the_vpc_cni_a_service_port_other_than_the_containers_is_noted() -> None:
    firewall = shop()
    observed = with_inventory(standing(firewall), services=(API,))
    (finding,) = found(firewall, observed)

    assert (finding.kind, finding.where) == (FindingKind.NOTED, "Service flash-ticket/api")
    assert finding.what == "its port 80 leads to port 4000 of the containers of api"
    assert verify(firewall, observed).holds


@pytest.mark.parametrize(
    "service",
    [
        replace(API, ports=((tcp(4000), 4000),)),
        replace(API, ports=((tcp(80), 9999),)),
        replace(API, namespace="tools"),
        replace(API, addresses=()),
        replace(API, selector=(("app", "another"),)),
    ],
)
def test_a_service_with_the_ports_of_containers_or_of_other_pods_is_no_finding(service: ClusterService) -> None:
    assert not list(limits(shop(), (), (service,)))


def test_other_plug_ins_judge_after_the_port_of_a_service_is_translated() -> None:
    assert not list(limits(with_cni(shop(), CniName.CALICO), (), (API,)))


def test_another_enforcing_mode_than_declared_is_found() -> None:
    firewall = shop()
    running = replace(standing(firewall), enforcing_mode=(EnforcingMode.STANDARD,))
    finding = only(firewall, running)

    assert (finding.kind, finding.where) == (FindingKind.CHANGED, "DaemonSet kube-system/aws-node")
    assert finding.what == "its NETWORK_POLICY_ENFORCING_MODE is standard, declared is strict"
    assert finding.remedy == "Set it to strict, or write enforcingMode: standard in the stack's settings"


@pytest.mark.parametrize("seen", [(EnforcingMode.STRICT,), (), None])
def test_the_declared_mode_or_none_that_is_known_is_no_finding(seen: tuple[EnforcingMode, ...] | None) -> None:
    firewall = shop()
    observed = replace(standing(firewall), enforcing_mode=seen)

    assert not found(firewall, observed)
    assert observed.unseen == standing(firewall).unseen


def test_a_mode_that_may_not_be_read_is_not_looked_at() -> None:
    refused = InputError("Kubernetes", "/apis/apps/v1", "this identity may not read it", "Grant get and list on it")
    observed = replace(standing(shop()), enforcing_mode=refused)

    assert not found(shop(), observed)
    assert observed.unseen[-1] == f"the enforcing mode of the VPC CNI ({refused})"
