"""A setting that does not do what it seems to is a warning at preview, with the consequence and the remedy."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given

from flash_ticket.firewall.bind.edges.flow_log_settings import ExistingFlowLog
from flash_ticket.firewall.bind.environment import Environment, PrefixList
from flash_ticket.firewall.compile.notices import environment_notices
from flash_ticket.firewall.compile.pod_layer import compile_policies
from flash_ticket.firewall.declare.choices import (
    Attachment,
    CniName,
    DnsMode,
    EnforcingMode,
    Ipv4Egress,
    KubeProxyMode,
    LogDestination,
    Network,
    PodEniMode,
    PolicyEnforcement,
    PolicyVerdicts,
    RecordedTraffic,
)
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.cluster import Cilium
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.notice import Notice
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.at_random.matrices import shops


def found(matrix: Matrix | None = None, **cluster: Any) -> dict[str, Notice]:  # noqa: ANN401 - fields of the cluster
    environment = environment_of("dev")
    environment = replace(environment, cluster=replace(environment.cluster, **cluster))
    firewall = compile_policies(matrix or parse_matrix(ONE_SERVICE, "f"), environment)
    return {notice.where: notice for notice in environment_notices(environment, firewall)}


ONE_SERVICE = {"namespace": "shop", "services": {"api": {"pods": {"app": "api"}, "ports": [80]}}}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_committed_stacks_get_no_notice(stack: str) -> None:
    environment = environment_of(stack)
    assert environment_notices(environment, compile_policies(parse_matrix(ONE_SERVICE, "f"), environment)) == ()


FOURTH, SIXTH = (ip_network("172.20.0.0/16"),), (ip_network("fd00::/108"),)


def of_families(
    services: tuple[Network, ...], *redis: str, cni: CniName = CniName.VPC_CNI, out: Ipv4Egress = Ipv4Egress.NODE
) -> dict[str, str]:
    """Return the notices about families in a VPC of both, where every place but redis has both, too."""
    environment = environment_of("dev")
    both = (ip_network("10.10.20.0/24"), ip_network("2001:db8::/64"))
    places = {name: replace(place, networks=both) for name, place in environment.places}
    places["redis"] = replace(places["redis"], networks=tuple(map(ip_network, redis)) or both)
    cluster = replace(environment.cluster, services=services, cni=cni, ipv4_egress=out)
    vpc = (*environment.vpc_networks, ip_network("2001:db8::/56"))
    environment = replace(environment, cluster=cluster, places=tuple(places.items()), vpc_networks=vpc)
    firewall = compile_policies(parse_matrix(ONE_SERVICE, "f"), environment)
    return {notice.where: str(notice) for notice in environment_notices(environment, firewall)}


def test_a_place_without_the_family_of_the_pods_is_named() -> None:
    (fourth,) = of_families(FOURTH, "2001:db8::/64").values()
    sixth = of_families(SIXTH, "10.10.20.0/24")

    assert fourth == (
        "places.redis: it has IPv6 addresses alone, and pods have IPv4 addresses: redis reaches no pod, and what pods "
        "send to it leaves through their node, where neither the pod layer nor their own groups apply. Give redis IPv4 "
        "addresses, too, and write these."
    )
    assert sixth["places.redis"].startswith("places.redis: it has IPv4 addresses alone, and pods have IPv6 addresses")
    assert sixth["cluster flash-ticket-dev with IPv6"].endswith(
        "Set ENABLE_V4_EGRESS=false on the VPC CNI if no pod needs IPv4 addresses outside the cluster, and "
        "cluster.cni.ipv4Egress: none here."
    )


def test_a_family_does_not_matter_where_it_fits_is_not_known_or_another_plug_in_judges_both() -> None:
    assert of_families(FOURTH) == of_families((*FOURTH, *SIXTH)) == {}
    cilium = of_families(SIXTH, "10.10.20.0/24", cni=CniName.CILIUM)
    assert list(cilium) == ["cluster.attachment pods with cilium"]


def test_calico_does_not_judge_the_second_interface_of_pods_either() -> None:
    assert list(of_families(SIXTH, "10.10.20.0/24", cni=CniName.CALICO)) == ["cluster flash-ticket-dev with IPv6"]


def test_pods_that_have_no_ipv4_address_reach_no_place_of_ipv4() -> None:
    (place,) = of_families(SIXTH, "10.10.20.0/24", out=Ipv4Egress.NONE).values()

    assert "redis reaches no pod, and no pod reaches it" in place


def test_a_notice_names_an_external_outside_the_vpc_in_standard_mode() -> None:
    environment = environment_of("dev")
    outside = replace(environment.place("redis"), networks=(ip_network("192.0.2.0/24"),))
    places = tuple((name, outside if name == "redis" else place) for name, place in environment.places)
    firewall = compile_policies(parse_matrix(ONE_SERVICE, "f"), environment)
    (notice,) = environment_notices(replace(environment, places=places), firewall)
    assert notice.where == "cni.podEniMode standard"
    assert notice.what.startswith("redis can be outside the VPC")


@pytest.mark.parametrize(
    ("cluster", "setting", "words"),
    [
        ({"attachment": Attachment.NODES}, "cluster.attachment nodes", "only the pod layer decides"),
        (
            {"enforcing_mode": EnforcingMode.STANDARD},
            "cluster.cni.enforcingMode standard",
            "a new pod is open both ways until its policies are in force, default-deny or not",
        ),
        (
            {"kube_proxy": KubeProxyMode.IPVS},
            "cluster.attachment pods with cni.kubeProxy ipvs",
            "cannot reach Services",
        ),
        (
            {"pod_eni_mode": PodEniMode.STRICT},
            "cni.podEniMode strict with vpc-cni",
            "it is not confirmed that NetworkPolicies are enforced on pods with their own groups",
        ),
        ({"pod_eni_mode": PodEniMode.STRICT}, "cni.podEniMode strict", "DISABLE_TCP_EARLY_DEMUX=true"),
        (
            {"pod_eni_mode": PodEniMode.STRICT, "cni": CniName.CALICO},
            "cni.podEniMode strict with calico",
            "Calico does not enforce policies",
        ),
        (
            {"pod_eni_mode": PodEniMode.STRICT, "dns": DnsMode.NODE_LOCAL},
            "cni.podEniMode strict with dns.mode node-local",
            "names stop resolving",
        ),
        ({"cni": CniName.CILIUM}, "cluster.attachment pods with cilium", "only the VPC CNI attaches groups to pods"),
        (
            {"cni": CniName.CILIUM, "cilium": Cilium(verdicts=PolicyVerdicts.AUDITED)},
            "cluster.cni.cilium.policyVerdicts audited",
            "the pod layer denies nothing, here and in every other namespace",
        ),
        (
            {"cni": CniName.CILIUM, "cilium": Cilium(PolicyEnforcement.ALWAYS)},
            "cluster.cni.cilium.policyEnforcement always",
            "a pod without a policy is closed, in every namespace",
        ),
    ],
)
def test_a_notice_names_the_setting_and_its_consequence(cluster: dict[str, Any], setting: str, words: str) -> None:
    assert words in found(**cluster)[setting].what


def test_with_attachment_nodes_no_notice_is_about_pod_groups() -> None:
    settings = found(
        attachment=Attachment.NODES,
        pod_eni_mode=PodEniMode.STRICT,
        kube_proxy=KubeProxyMode.IPVS,
        dns=DnsMode.NODE_LOCAL,
        cni=CniName.CILIUM,
    )

    assert set(settings) == {"cluster.attachment nodes"}


def many_ports(count: int) -> Matrix:
    content = {
        "namespace": "shop",
        "services": {
            "api": {"pods": {"app": "api"}, "ports": list(range(1000, 1000 + 2 * count, 2))},
            "web": {"pods": {"app": "web"}, "ports": [80]},
        },
        "flows": [{"from": "web", "to": "api"}],
    }
    return parse_matrix(content, "traffic.yaml")


def test_more_than_24_ports_of_a_policy_are_a_notice_with_the_vpc_cni() -> None:
    assert set(found(many_ports(24))) == {"policy allow-egress-web"}  # and DNS's own port
    assert set(found(many_ports(23))) == set()
    assert found(many_ports(25))["policy allow-ingress-api"].what == (
        "it has 25 TCP port combinations, and the VPC CNI enforces at most 24 per selector"
    )


def test_other_plug_ins_have_no_such_limit() -> None:
    assert "policy allow-ingress-api" not in found(many_ports(25), cni=CniName.CALICO)


@given(shops())
def test_every_notice_is_one_line_with_setting_consequence_and_remedy(shop: tuple[Matrix, Environment]) -> None:
    matrix, environment = shop
    for notice in environment_notices(environment, compile_policies(matrix, environment)):
        assert str(notice) == f"{notice.where}: {notice.what}. {notice.remedy}."
        assert notice.remedy[0].isupper()
        assert not notice.remedy.endswith(".")


def test_a_place_by_prefix_list_is_noted_as_frozen_in_the_pod_layer() -> None:
    environment = environment_of("dev")
    networks = (ip_network("192.0.2.0/24"),)
    listed = replace(environment.place("redis"), networks=networks, prefix_list=PrefixList("pl-1", "l", 4, 1, networks))
    places = tuple((name, listed if name == "redis" else place) for name, place in environment.places)
    changed = replace(environment, places=places)
    found = environment_notices(changed, compile_policies(shop_matrix(), changed))

    (notice,) = (each for each in found if each.where == "places.redis.prefixList")
    assert "NetworkPolicies hold the addresses that l has now, and only the VPC layer follows the list" in notice.what


@pytest.mark.parametrize(
    ("attachment", "target", "expected"),
    [(Attachment.PODS, "payments", 1), (Attachment.NODES, "payments", 0), (Attachment.PODS, "redis", 0)],
)
def test_cilium_chained_to_the_vpc_cni_may_keep_domain_names_closed(
    attachment: Attachment, target: str, expected: int
) -> None:
    environment = environment_of("dev")
    cluster = replace(environment.cluster, cni=CniName.CILIUM, attachment=attachment)
    content = ONE_SERVICE | {
        "externals": {"payments": {"domains": ["api.x.com"], "ports": [443]}, "redis": {"ports": [6379]}},
        "flows": [{"from": "api", "to": target}],
    }
    firewall = compile_firewall(parse_matrix(content, "f"), replace(environment, cluster=cluster))
    notices = [each for each in firewall.notices() if "domain names" in each.where]

    assert len(notices) == expected
    assert all("may stay closed" in each.what for each in notices)


@pytest.mark.parametrize(("traffic", "expected"), [(RecordedTraffic.REJECT, 1), (RecordedTraffic.ALL, 0)])
def test_a_flow_log_of_others_without_what_passed_cannot_be_learned_from(
    traffic: RecordedTraffic, expected: int
) -> None:
    log = ExistingFlowLog("fl-1", LogDestination.S3, traffic)
    environment = replace(environment_of("dev"), flow_logs=log)
    firewall = compile_policies(parse_matrix(ONE_SERVICE, "f"), environment)
    notices = [each for each in environment_notices(environment, firewall) if each.where == "flowLogs.existing"]

    assert len(notices) == expected
    assert all("flash-firewall denied reads it, but learn and replay miss" in each.what for each in notices)
