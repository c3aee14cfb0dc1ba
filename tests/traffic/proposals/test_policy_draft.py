"""A draft from a folder of NetworkPolicies: it declares what they allow between named ends, and lists all the rest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.manifests.directory import read_cluster
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.declare.yaml_document import parse_document
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import DNS_PORTS, PortSet, listing
from flash_ticket.report.traffic.policy_draft import written_policy_draft
from flash_ticket.traffic.proposals.policy_draft import PolicyDraft, draft_of_policies
from tests.support.declared.accounts import ROOT, shop_matrix
from tests.support.declared.at_random.clusters import RandomCluster, clusters
from tests.support.declared.kubernetes.objects import deployment, namespace

PREDECESSOR = ROOT.parent / "shared" / "predecessor"
needs_predecessor = pytest.mark.skipif(
    not PREDECESSOR.is_dir(), reason=f"the folder that the shop replaces is not at {PREDECESSOR}"
)

Manifest = dict[str, Any]
DENY: Manifest = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def pods(**labels: str) -> Manifest:
    return {"podSelector": {"matchLabels": labels}}


def port(number: object, protocol: str = "TCP") -> Manifest:
    return {"port": number, "protocol": protocol}


def policy(name: str, spec: Manifest, within: str = "shop") -> Manifest:
    metadata = {"name": name, "namespace": within}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def into(name: str, app: str, *rules: Manifest) -> Manifest:
    return policy(name, {**pods(app=app), "policyTypes": ["Ingress"], "ingress": list(rules)})


def out_of(name: str, app: str, *rules: Manifest) -> Manifest:
    return policy(name, {**pods(app=app), "policyTypes": ["Egress"], "egress": list(rules)})


def drafted(*manifests: Manifest) -> PolicyDraft:
    return draft_of_policies(cluster_from(manifests, "folder"), "folder")


def flows(draft: PolicyDraft) -> list[str]:
    return [f"{each.source} -> {each.target} {listing(each.ports)}" for each in draft.matrix.flows]


def unsaid(draft: PolicyDraft) -> str:
    return "\n".join(map(str, draft.unsaid))


WEB = into("web", "web", {"from": [pods(app="front")], "ports": [port(80)]})
OPEN = policy("open", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {}}]}]})


@needs_predecessor
def test_the_draft_of_the_shops_own_folder_is_the_shops_own_matrix() -> None:
    found, shop = draft_of_policies(read_cluster(PREDECESSOR), "networkpolicy").matrix, shop_matrix()

    assert found.namespace == shop.namespace
    assert found.flows == shop.flows
    assert found.externals == shop.externals
    assert [(each.name, each.pods, each.ports) for each in found.services] == [
        (each.name, each.pods, each.ports) for each in shop.services
    ]


@needs_predecessor
def test_the_shops_policies_keep_their_names_and_the_leftovers_are_named() -> None:
    draft = draft_of_policies(read_cluster(PREDECESSOR), "networkpolicy")
    known = (each.name for each in read_cluster(PREDECESSOR).policies)
    kept = {each.ingress_policy for each in draft.matrix.services}

    assert kept == {"allow-gateway-from-alb", "allow-api-from-gateway", "allow-pay-from-api"}
    assert set(draft.left_over) == set(known) - kept


@needs_predecessor
def test_what_differs_from_the_shops_folder_is_only_what_it_opens_too_wide() -> None:
    changes = draft_of_policies(read_cluster(PREDECESSOR), "networkpolicy").changes

    assert changes
    assert not any(change.opened for change in changes)
    assert {str(change.destination) for change in changes} == {
        "another-namespace/any-pod[Pods]",
        "kube-system/kube-dns[Pods]",
    }


def test_a_flow_is_drafted_only_if_both_ends_allow_it() -> None:
    closed = out_of("front-out", "front", {"to": [pods(app="web")], "ports": [port(443)]})
    both = out_of("front-out", "front", {"to": [pods(app="web")], "ports": [port(80), port(443)]})

    assert flows(drafted(WEB, closed)) == []
    assert flows(drafted(WEB, both)) == ["front -> web TCP 80"]
    assert flows(drafted(WEB, OPEN)) == ["front -> web TCP 80"]


def test_pods_of_one_service_among_themselves_are_a_flow_from_it_to_itself() -> None:
    assert flows(drafted(into("web", "web", {"from": [pods(app="web")], "ports": [port(80)]}))) == ["web -> web TCP 80"]


def test_a_service_that_nothing_may_reach_has_no_ports_and_no_policy_for_callers() -> None:
    draft = drafted(WEB, into("front", "front"), OPEN)
    (front,) = (each for each in draft.matrix.services if each.name == "front")

    assert front.ports == ()
    assert "front" in draft.left_over


def test_ports_by_name_are_those_of_the_containers() -> None:
    named = into("web", "web", {"from": [pods(app="front")], "ports": [port("http")]})
    container = deployment("web", [{"name": "http", "containerPort": 8080}])

    assert flows(drafted(named, container, deployment("front"))) == ["front -> web TCP 8080"]


def test_a_rule_for_all_ports_means_those_that_the_containers_declare() -> None:
    anything = into("web", "web", {"from": [pods(app="front")]})

    assert flows(drafted(anything, deployment("web", [{"containerPort": 8080}]))) == ["front -> web TCP 8080"]
    assert "front may reach web on All Connections, and the folder does not say where" in unsaid(drafted(anything))


def test_names_lose_the_words_with_which_all_begin() -> None:
    names = ("shop-web", "shop-web-admin", "shop-api")
    draft = drafted(*(into(name, name, {"from": [pods(app="shop-api")], "ports": [port(80)]}) for name in names))

    assert [each.name for each in draft.matrix.services] == ["api", "web", "web-admin"]


BLOCK = {"ipBlock": {"cidr": "10.20.0.0/16", "except": ["10.20.9.0/24"]}}


@pytest.mark.parametrize(
    ("made", "flow", "external"),
    [
        (
            into("allow-web-from-partner", "web", {"from": [BLOCK], "ports": [port(80)]}),
            "partner -> web TCP 80",
            "partner",
        ),
        (into("web", "web", {"from": [BLOCK], "ports": [port(80)]}), "addresses-10-20-0-0 -> web TCP 80", None),
        (out_of("web", "web", {"to": [BLOCK], "ports": [port(6379)]}), "web -> redis TCP 6379", "redis"),
        (out_of("web-to-cache", "web", {"to": [BLOCK], "ports": [port(6379)]}), "web -> cache TCP 6379", "cache"),
        (out_of("web", "web", {"ports": [port(7777)]}), "web -> anywhere TCP 7777", "anywhere"),
    ],
)
def test_addresses_get_a_name_from_the_policy_the_port_or_themselves(
    made: Manifest, flow: str, external: str | None
) -> None:
    draft = drafted(made)

    assert flows(draft) == [flow]
    assert external is None or list(draft.places) == [external]


def test_the_addresses_of_a_place_are_kept_for_the_binding() -> None:
    draft = drafted(into("allow-web-from-partner", "web", {"from": [BLOCK], "ports": [port(80)]}))

    assert [str(each) for each in draft.places["partner"]] == ["10.20.0.0-10.20.8.255", "10.20.10.0-10.20.255.255"]


def test_pods_of_another_namespace_are_an_external_if_the_folder_names_the_namespace() -> None:
    by_label = {"namespaceSelector": {"matchLabels": {"team": "ops"}}, "podSelector": {"matchLabels": {"app": "prom"}}}
    made = into("web", "web", {"from": [by_label], "ports": [port(9100)]})
    known, unknown = drafted(made, namespace("monitoring", team="ops")), drafted(made)
    (external,) = known.matrix.externals

    assert (external.name, external.namespace, external.pods) == ("prom", "monitoring", (("app", "prom"),))
    assert flows(known) == ["prom -> web TCP 9100"]
    assert not any(str(each).count("monitoring/prom[Pods] => shop/web[Pods]") for each in known.changes)
    assert flows(unknown) == []
    assert "namespaces with team=ops, and a matrix names them one by one" in unsaid(unknown)


UNSAYABLE: Mapping[str, tuple[tuple[Manifest, ...], str]] = {
    "pods by what they lack": (
        (into("web", "web", {"from": [{"podSelector": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}}]}),),
        "folder: web: it selects pods by x, which is not a service",
    ),
    "a part of a service": (
        (WEB, into("part", "web"), policy("part2", {**pods(app="web", tier="a"), "policyTypes": ["Ingress"]})),
        "folder: part2: it selects pods by app=web,tier=a, which is not a service",
    ),
    "every port of addresses": (
        (out_of("web", "web", {"to": [BLOCK]}),),
        "folder: web: it allows every port, and a flow names its ports. Declare the ports that are meant.",
    ),
    "SCTP": (
        (out_of("web", "web", {"to": [BLOCK], "ports": [port(5000, "SCTP")]}),),
        "folder: web: it allows SCTP, which a security group cannot limit to ports",
    ),
    "a port whose name nobody has": (
        (out_of("web", "web", {"to": [BLOCK], "ports": [port("http")]}),),
        "folder: web: its port http is a name that no container here has",
    ),
    "pods of every namespace": (
        (into("web", "web", {"from": [{"namespaceSelector": {}}], "ports": [port(80)]}),),
        "everything in namespaces with everything, and a matrix names them one by one",
    ),
    "no policy for a direction": ((WEB,), "the pods of front: no policy limits who may reach it"),
}


@pytest.mark.parametrize("case", UNSAYABLE.values(), ids=UNSAYABLE)
def test_what_a_matrix_cannot_say_is_listed_with_its_policy(case: tuple[tuple[Manifest, ...], str]) -> None:
    assert case[1] in unsaid(drafted(*case[0]))


def test_dns_is_no_flow_because_every_service_has_it() -> None:
    dns = out_of("web", "web", {"to": [{"namespaceSelector": {}}], "ports": [port(53), port(53, "UDP")]})

    assert flows(drafted(dns)) == []
    assert "53" not in unsaid(drafted(dns))


def test_a_policy_keeps_its_name_only_if_it_alone_is_about_one_service_and_direction() -> None:
    second = into("web-more", "web", {"from": [pods(app="front")], "ports": [port(81)]})
    alone, twice = drafted(WEB, OPEN), drafted(WEB, OPEN, second)

    assert next(each for each in alone.matrix.services if each.name == "web").ingress_policy == "web"
    assert set(alone.left_over) == {"open"}
    assert next(each for each in twice.matrix.services if each.name == "web").ingress_policy == "allow-ingress-web"
    assert set(twice.left_over) == {"open", "web", "web-more"}
    assert twice.left_over["open"] == "it is about front, web, and each service has policies of its own"


def test_a_default_deny_is_named_with_what_takes_its_place() -> None:
    draft = drafted(WEB, OPEN, policy("default-deny", DENY))

    assert draft.left_over["default-deny"] == "00-default-deny denies what it denies"
    assert set(draft.left_over) == {"default-deny", "open"}


@pytest.mark.parametrize(
    ("manifests", "said"),
    [
        ((deployment("web"),), "--dir: folder: these manifests hold no NetworkPolicy"),
        ((WEB, policy("x", DENY, "other")), "its NetworkPolicies are of 2 namespaces: other, shop"),
        ((policy("x", DENY),), "no NetworkPolicy here names pods by their labels"),
    ],
)
def test_a_folder_without_anything_to_draft_is_one_error(manifests: tuple[Manifest, ...], said: str) -> None:
    with pytest.raises(InputError) as refused:
        drafted(*manifests)

    assert said in str(refused.value)


def one_namespace(cluster: RandomCluster) -> list[Manifest]:
    """Return the manifests with all policies in the namespace of the first one."""
    first = cluster.policies[0]["metadata"]["namespace"]
    return [
        {**each, "metadata": {**each["metadata"], "namespace": first}} if each["kind"] == "NetworkPolicy" else each
        for each in cluster.manifests
    ]


@given(manifests=st.builds(one_namespace, clusters()))
def test_a_draft_of_any_folder_can_be_read_and_opens_nothing_but_dns(manifests: list[Manifest]) -> None:
    try:
        draft = drafted(*manifests)
    except InputError:
        return
    text = written_policy_draft(draft, "folder")

    assert parse_matrix(parse_document(text, "draft"), "draft") == draft.matrix
    for change in draft.changes:
        is_dns = str(change.destination) == "kube-system/kube-dns[Pods]"
        assert not change.opened - PortSet.of(DNS_PORTS if is_dns else ()), str(change)


def test_a_draft_can_be_deployed_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "traffic.yaml").write_text(written_policy_draft(drafted(WEB, OPEN), "folder"))
    content = parse_document((tmp_path / "traffic.yaml").read_text(), "traffic.yaml")

    assert parse_matrix(content, "traffic.yaml") == drafted(WEB, OPEN).matrix
