"""The pod layer allows the declared flows and DNS, and nothing else, in objects with stable names."""

import json
from dataclasses import replace
from ipaddress import ip_network
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.pod_layer import PolicyRule, compile_policies
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.terms.ports import Protocol, tcp
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.at_random.matrices import (
    environments,
    files_with_one_more_flow,
    rewritten,
    shops,
    traffic_files,
)
from tests.support.declared.golden_file import compare, pods_text
from tests.support.declared.kubernetes.schema import parsed_policy
from tests.support.declared.stacks import CASES
from tests.support.naive.naive_declaration import pod_layer_allows
from tests.support.naive.naive_evaluator import Address, Pod, Question, passes

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
Shop = tuple[Matrix, Environment]


def manifests(shop: Shop) -> list[dict[str, Any]]:
    return [policy.manifest() for policy in compile_policies(*shop).policies]


@pytest.mark.parametrize("case", CASES)
def test_the_manifests_are_the_reviewed_ones(case: str, update_golden: bool) -> None:  # noqa: FBT001 - a fixture
    compare(f"{case}/network-policies.yaml", pods_text(compile_policies(*CASES[case]())), update=update_golden)


@pytest.mark.parametrize("case", CASES)
def test_the_reviewed_manifests_have_the_types_of_the_kubernetes_api(case: str) -> None:
    for manifest in manifests(CASES[case]()):
        assert parsed_policy(manifest).kind == "NetworkPolicy"


@given(shops())
def test_every_manifest_has_the_types_of_the_kubernetes_api(shop: Shop) -> None:
    for manifest in manifests(shop):
        parsed_policy(manifest)


def test_the_schema_check_refuses_a_field_that_kubernetes_does_not_know() -> None:
    manifest = manifests(CASES["dev"]())[0]
    manifest["spec"]["podselector"] = {}

    with pytest.raises(ValueError, match="podselector"):
        parsed_policy(manifest)


@given(traffic_files(), st.data(), st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_change_the_output(
    content: dict[str, Any], data: st.DataObject, random: Random
) -> None:
    matrix = parse_matrix(content, "traffic.yaml")
    again = parse_matrix(rewritten(content, random), "traffic.yaml")
    environment = data.draw(environments(matrix))

    assert json.dumps(manifests((matrix, environment))) == json.dumps(manifests((again, environment)))


@settings(max_examples=40)
@given(shops())
def test_exactly_the_declared_flows_and_dns_pass(shop: Shop) -> None:
    matrix, environment = shop
    policies = manifests(shop)
    everybody: list[Pod | Address] = [*pods_of(matrix), *addresses_of(environment)]

    for source, target, (protocol, port) in product(everybody, everybody, ports_in_play(matrix)):
        asked = Question(source, target, protocol, port)
        assert passes(policies, asked) == pod_layer_allows(matrix, environment, asked), asked


def pods_of(matrix: Matrix) -> list[Pod]:
    """Return pods with the labels of services in every namespace, those of externals, DNS, and other pods."""
    ours = {matrix.namespace, *(service.namespace for service in matrix.services if service.namespace)}
    labels = [{**dict(service.pods), "pod-template-hash": "1"} for service in matrix.services]
    found = [pod(namespace, each) for namespace in sorted(ours) for each in labels]
    found += [pod("elsewhere", dict(matrix.services[0].pods)), *(pod(each, {"app": "stranger"}) for each in ours)]
    found += [pod(each.namespace, dict(each.pods)) for each in matrix.externals if each.namespace]
    return [*found, pod("kube-system", {"k8s-app": "kube-dns"}), pod("monitoring", {})]


def pod(namespace: str, labels: dict[str, str]) -> Pod:
    return Pod(namespace, {NAMESPACE_LABEL: namespace}, labels, ())


def addresses_of(environment: Environment) -> list[Address]:
    """Return the first and last address of each place and the next one, the resolvers, and the internet."""
    found = {"8.8.8.8", "2001:4860:4860::8888", "172.20.0.10", "169.254.20.10"}
    for _, place in environment.places:
        for network in place.networks:
            found |= {str(network[0]), str(network[-1]), str(network[-1] + 1)}
    return [Address(text) for text in sorted(found)]


def ports_in_play(matrix: Matrix) -> list[tuple[str, int]]:
    """Return DNS, the bounds of every declared range in both protocols, and the ports just outside."""
    numbers = {53}
    for endpoint in matrix.endpoints.values():
        for port in endpoint.ports:
            numbers |= {port.first - 1, port.first, port.last, port.last + 1}
    kept = sorted(number for number in numbers if 1 <= number <= 65535)[:10]
    return [(protocol, number) for protocol in ("TCP", "UDP") for number in kept]


@given(shops())
def test_default_deny_selects_every_pod_in_both_directions_and_allows_nothing(shop: Shop) -> None:
    firewall = compile_policies(*shop)
    denials = [each.manifest() for each in firewall.denials]
    others = {service.namespace for service in shop[0].services if service.namespace}

    assert denials[0]["metadata"]["name"] == "00-default-deny"
    assert denials[0]["metadata"]["namespace"] == shop[0].namespace
    assert {each["metadata"]["namespace"]: each["metadata"]["name"] for each in denials[1:]} == {
        namespace: f"00-default-deny-{namespace}" for namespace in others
    }
    assert all(each["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} for each in denials)
    assert firewall.policies[-len(denials) :] == firewall.denials


@given(shops())
def test_each_service_has_one_allow_policy_per_direction_with_the_declared_name(shop: Shop) -> None:
    firewall = compile_policies(*shop)
    expected = {
        (name, service.pods, (direction,))
        for service in shop[0].services
        for name, direction in ((service.ingress_policy, Direction.INGRESS), (service.egress_policy, Direction.EGRESS))
        if service.ports or direction is Direction.EGRESS
    }

    assert {(policy.name, policy.pods, policy.directions) for policy in firewall.allows} == expected
    assert len(firewall.allows) == len(expected)


@given(files_with_one_more_flow(), st.data())
def test_one_more_flow_neither_renames_nor_adds_a_policy(files: tuple[Any, Any], data: st.DataObject) -> None:
    before, after = (parse_matrix(file, "traffic.yaml") for file in files)
    environment = data.draw(environments(before))

    def identities(matrix: Matrix) -> list[tuple[str, Any]]:
        return [(policy.name, policy.pods) for policy in compile_policies(matrix, environment).policies]

    assert identities(before) == identities(after)


@given(files_with_one_more_flow(), st.data())
def test_one_more_flow_changes_only_the_policies_of_its_two_ends(files: tuple[Any, Any], data: st.DataObject) -> None:
    before, after = (parse_matrix(file, "traffic.yaml") for file in files)
    environment = data.draw(environments(before))
    changed = {
        old.name
        for old, new in zip(
            compile_policies(before, environment).policies, compile_policies(after, environment).policies, strict=True
        )
        if old != new
    }
    flow = files[1]["flows"][-1]
    target = flow["to"][0] if isinstance(flow["to"], list) else flow["to"]
    ends = {flow["from"], target}

    assert changed <= {
        name
        for service in after.services
        if service.name in ends
        for name in (service.ingress_policy, service.egress_policy)
    }


@given(shops())
def test_all_manifests_are_network_policies_of_the_declared_namespaces_with_names_of_their_own(shop: Shop) -> None:
    declared = {service.name: service.namespace or shop[0].namespace for service in shop[0].services}
    names = [manifest["metadata"]["name"] for manifest in manifests(shop)]
    for manifest in manifests(shop):
        labels = manifest["metadata"]["labels"]
        service = labels.get("app.kubernetes.io/name")
        assert (manifest["apiVersion"], manifest["kind"]) == ("networking.k8s.io/v1", "NetworkPolicy")
        assert labels["app.kubernetes.io/part-of"] == shop[0].namespace
        assert service is None or manifest["metadata"]["namespace"] == declared[service]
    assert len(set(names)) == len(names)


@given(shops())
def test_every_rule_has_an_annotation_with_its_flow(shop: Shop) -> None:
    for policy in compile_policies(*shop).allows:
        annotations = policy.manifest()["metadata"]["annotations"]
        direction = policy.directions[0].value
        for index, rule in enumerate(policy.rules):
            assert annotations[f"flash-firewall/{direction}.{index}"].startswith(f"{rule.flow} : ")


def test_a_rule_says_why_its_flow_is_there_with_invisible_characters_escaped() -> None:
    matrix = shop_matrix()
    flows = tuple(replace(each, because="정산\u200b") if each.source == "gateway" else each for each in matrix.flows)
    policies = compile_policies(replace(matrix, flows=flows), environment_of("dev")).allows
    said = {
        (policy.name, key): text
        for policy in policies
        for key, text in policy.manifest()["metadata"]["annotations"].items()
        if key.endswith(".because")
    }

    assert said == {
        ("04-allow-egress-gateway", "flash-firewall/egress.0.because"): "정산\\u200b",
        ("02-allow-api-from-gateway", "flash-firewall/ingress.0.because"): "정산\\u200b",
    }


@given(shops())
def test_ports_are_numbers_and_blocks_are_canonical(shop: Shop) -> None:
    for manifest in manifests(shop):
        rules = [*manifest["spec"].get("ingress", ()), *manifest["spec"].get("egress", ())]
        for rule in rules:
            assert all(isinstance(port["port"], int) and port["protocol"] in set(Protocol) for port in rule["ports"])
            for peer in (*rule.get("from", ()), *rule.get("to", ())):
                if "ipBlock" in peer:
                    assert str(ip_network(peer["ipBlock"]["cidr"])) == peer["ipBlock"]["cidr"]


def test_the_policy_of_a_service_without_flows_says_so() -> None:
    _, environment = CASES["dev"]()
    content = {"namespace": "shop", "services": {"lone": {"pods": {"app": "lone"}, "ports": [1]}}}
    firewall = compile_policies(parse_matrix(content, "traffic.yaml"), environment)
    ingress, egress = sorted(firewall.allows, key=lambda policy: policy.directions, reverse=True)

    assert ingress.purpose == "who may reach lone: nobody, no flow names it"
    assert "ingress" not in ingress.manifest()["spec"]
    assert [rule.flow for rule in egress.rules] == ["lone -> DNS"]


@pytest.mark.parametrize(("peers", "ports"), [((), (tcp(1),)), ((object(),), ())])
def test_a_rule_without_peers_or_ports_is_an_error(peers: Any, ports: Any) -> None:  # noqa: ANN401 - on purpose
    """Kubernetes reads an empty list as every peer or every port."""
    with pytest.raises(ValueError, match="it would allow all"):
        PolicyRule("a -> b", peers, ports)
