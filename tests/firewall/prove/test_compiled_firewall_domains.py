"""Domain names: compiled objects, the declaration and the answers about both layers agree on every name."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import External, Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.address_ends import Question
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.proof import Why
from flash_ticket.firewall.prove.violation import Fault
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import NO_PORTS, Protocol
from flash_ticket.firewall.terms.verdict import Answer, Layer
from tests.support.declared.accounts import binding_content, environment_of
from tests.support.declared.at_random.domains import names, shops_with_domains
from tests.support.mutants.mutations import Compiled, compiled
from tests.support.naive import naive_domains
from tests.support.refusal import refusal

_PORTS = (1, 53, 80, 443, 8005, 8010, 65535)


@given(shops_with_domains())
def test_the_proof_holds_for_every_declaration_with_domain_names(shop: tuple[Matrix, Environment]) -> None:
    proof = compiled(*shop).proof()

    assert proof.violations == ()
    assert proof.stopped[1] >= 0
    assert proof.stopped[2] >= 0


@given(shops_with_domains(), names, st.sampled_from(("TCP", "UDP")), st.sampled_from(_PORTS), st.data())
def test_a_name_is_open_exactly_if_it_is_declared(
    shop: tuple[Matrix, Environment], name: str, protocol: str, port: int, data: st.DataObject
) -> None:
    matrix, _ = shop
    right = compiled(*shop)
    service = data.draw(st.sampled_from(matrix.services))
    declared = naive_domains.declared(matrix, service, name, protocol, port)

    assert naive_domains.opened(right.manifests, service, name, protocol, port) == declared

    layers = BothLayers(matrix, right.environment, right.manifests, right.firewall)
    answers = Question(layers).answers(service.name, name, f"{protocol} {port}")
    by_layer = {verdict.layer: verdict for verdicts in answers for verdict in verdicts}

    assert by_layer[Layer.POD].passes == declared
    assert by_layer[Layer.VPC].passes or not declared

    named = replace(matrix, externals=(*matrix.externals, External("asked", (), None, (), domains=(name,))))
    asked = replace(layers, matrix=named)
    assert asked.openings_of_names.get((service.name, name), NO_PORTS).holds(Protocol(protocol), port) == declared


def shop(**cluster: Any) -> Compiled:  # noqa: ANN401 - any key of a binding
    """Return a shop whose service pays by domain name, compiled for a cluster with these settings."""
    content = {
        "namespace": "shop",
        "services": {"web": {"pods": {"app": "web"}, "ports": [80]}, "payer": {"pods": {"app": "payer"}}},
        "externals": {
            "alb": {},
            "payments": {"domains": ["api.tosspayments.com", "*.stripe.com"], "ports": [443]},
        },
        "flows": [{"from": "alb", "to": "web"}, {"from": "payer", "to": "payments"}],
    }
    matrix = parse_matrix(content, "traffic.yaml")
    binding = binding_content("dev")
    binding["cluster"] |= cluster
    binding["places"] = {"alb": binding["places"]["alb"]}
    return compiled(matrix, environment_of("dev", binding, matrix))


AUTO_MODE = {"compute": "auto-mode", "cni": {"name": "vpc-cni"}}
CILIUM = {"attachment": "nodes", "cni": {"name": "cilium"}}
BOTH = pytest.mark.parametrize("cluster", [AUTO_MODE, CILIUM], ids=["auto mode", "cilium"])
NAMES = "allow-egress-payer-domains"


def changed(right: Compiled, change: Any) -> Compiled:  # noqa: ANN401 - a function on a manifest
    """Return a firewall whose policy for domain names is changed in place."""
    manifests = deepcopy(right.manifests)
    change(next(each for each in manifests if each["metadata"]["name"] == NAMES))
    return replace(right, manifests=manifests)


def errors(wrong: Compiled) -> list[tuple[Fault, str, str, str]]:
    return [(each.fault, each.source, each.destination, str(each.ports)) for each in wrong.proof().violations]


@BOTH
def test_what_the_vpc_layer_opens_for_names_is_shown_once(cluster: dict[str, Any]) -> None:
    proof = shop(**cluster).proof()
    found = [rest for rest in proof.rests if rest.why is Why.DOMAIN_NAMES]

    assert proof.holds
    assert [(rest.sources, rest.destinations, str(rest.ports)) for rest in found] == [
        (("payer",), ("clients of alb", "another host of the VPC", "the internet"), "TCP 443")
    ]


@BOTH
def test_the_vpc_layer_opens_only_the_ports_of_names_and_only_for_the_service(cluster: dict[str, Any]) -> None:
    rules = [rule for rule in shop(**cluster).firewall.rules if str(rule.peer) == "0.0.0.0/0"]
    holder = "payer" if cluster is AUTO_MODE else "flash-ticket-dev-nodes"

    assert [(rule.name, rule.flows) for rule in rules] == [
        (f"{holder}-egress-tcp-443-to-0.0.0.0/0", ("payer to payments",))
    ]


@BOTH
def test_a_policy_that_is_missing_is_an_error(cluster: dict[str, Any]) -> None:
    right = shop(**cluster)
    without = tuple(each for each in right.manifests if each["metadata"]["name"] != NAMES)

    assert errors(replace(right, manifests=without)) == [(Fault.CUT, "payer", "payments", "TCP 443")]


@BOTH
@pytest.mark.parametrize("name", ["evil.example", "*.tosspayments.com", "tosspayments.com"])
def test_a_name_too_many_is_an_error(cluster: dict[str, Any], name: str) -> None:
    def open_more(policy: dict[str, Any]) -> None:
        rule = policy["spec"]["egress"][0]
        if "toFQDNs" in rule:
            below = name.removeprefix("*.")
            rule["toFQDNs"].append({"matchName": name} if below == name else {"matchPattern": f"**.{below}"})
        else:
            rule["to"][0]["domainNames"].append(name)

    assert errors(changed(shop(**cluster), open_more)) == [(Fault.OPEN, "payer", "the internet", "TCP 443")]


@BOTH
def test_a_port_too_many_is_an_error(cluster: dict[str, Any]) -> None:
    def open_more(policy: dict[str, Any]) -> None:
        rule = policy["spec"]["egress"][0]
        if "toPorts" in rule:
            rule["toPorts"][0]["ports"].append({"port": "80", "protocol": "TCP"})
        else:
            rule["ports"].append({"port": 80, "protocol": "TCP"})

    assert errors(changed(shop(**cluster), open_more)) == [(Fault.OPEN, "payer", "payments", "TCP 80")]


@BOTH
def test_another_service_that_reaches_the_names_is_an_error(cluster: dict[str, Any]) -> None:
    def select_all(policy: dict[str, Any]) -> None:
        selector = "endpointSelector" if "endpointSelector" in policy["spec"] else "podSelector"
        policy["spec"][selector] = {"matchLabels": {}}

    found = errors(changed(shop(**cluster), select_all))

    assert (Fault.OPEN, "web", "payments", "TCP 443") in found


def test_names_of_cilium_open_nothing_without_its_dns_proxy() -> None:
    def without_proxy(policy: dict[str, Any]) -> None:
        del policy["spec"]["egress"][1]["toPorts"][0]["rules"]

    assert errors(changed(shop(**CILIUM), without_proxy)) == [(Fault.CUT, "payer", "payments", "TCP 443")]


@pytest.mark.parametrize(
    ("field", "value"),
    [("egressDeny", [{}]), ("ingress", [{}]), ("egress", [{"toEntities": ["all"]}]), ("egress", [{}])],
)
def test_a_field_of_cilium_that_cannot_be_judged_is_an_error_and_not_left_out(field: str, value: object) -> None:
    wrong = changed(shop(**CILIUM), lambda policy: policy["spec"].update({field: value}))

    with pytest.raises(InputError, match="CiliumNetworkPolicy shop/allow-egress-payer-domains"):
        wrong.proof()


# fmt: off
ASKED = [
    ("api.tosspayments.com", "443", Answer.PASSES, Answer.PASSES),
    ("API.TossPayments.com.", "443", Answer.PASSES, Answer.PASSES),
    ("a.b.stripe.com", "443", Answer.PASSES, Answer.PASSES),
    ("stripe.com", "443", Answer.STOPPED, Answer.PASSES),
    ("api.tosspayments.com", "80", Answer.STOPPED, Answer.STOPPED),
    ("example.org", "443", Answer.STOPPED, Answer.PASSES),
]
# fmt: on


@pytest.mark.parametrize(("name", "port", "pods", "groups"), ASKED)
def test_each_layer_answers_about_a_name(name: str, port: str, pods: Answer, groups: Answer) -> None:
    right = shop(**AUTO_MODE)
    question = Question(BothLayers(right.matrix, right.environment, right.manifests, right.firewall))

    (verdicts,) = question.answers("payer", name, port)

    assert [(each.layer, each.answer) for each in verdicts] == [(Layer.POD, pods), (Layer.VPC, groups)]
    assert {each.answer for (each, _) in question.answers("web", name, port)} == {Answer.STOPPED}


def test_no_connection_comes_from_a_name() -> None:
    right = shop(**AUTO_MODE)
    question = Question(BothLayers(right.matrix, right.environment, right.manifests, right.firewall))

    assert refusal(lambda: question.answers("api.stripe.com", "payer", "443")) == (
        "dev: api.stripe.com: it is a domain name, and a connection comes from an address. Name the pod or address "
        "that connects."
    )


# fmt: off
REFUSED = [
    ({}, ("Pulumi.dev.yaml: flash-ticket-firewall:binding.cluster.cni.name: traffic.yaml knows payments by domain "
        "names, and the VPC CNI on nodes of EC2 knows addresses alone. Remove domains there and write the addresses "
        "here under places, or declare an egress proxy as the external; names are enforced in EKS Auto Mode (compute: "
        "auto-mode) and with Cilium.")),
    ({"cni": {"name": "cilium", "cilium": {"ipBlocksMatch": ["nodes"]}}, "dns": {"mode": "node-local"}},
        ("Pulumi.dev.yaml: flash-ticket-firewall:binding.cluster.dns.mode: traffic.yaml knows payments by domain "
        "names, and Cilium must see the answers of DNS, which NodeLocal DNSCache gives on the node. Choose dns.mode "
        "cluster; a CiliumLocalRedirectPolicy then leads queries for kube-dns to the cache.")),
]
# fmt: on


@pytest.mark.parametrize(("cluster", "said"), REFUSED, ids=["vpc-cni", "node-local"])
def test_a_cluster_that_cannot_enforce_names_is_refused(cluster: dict[str, Any], said: str) -> None:
    assert refusal(lambda: shop(**cluster)) == said
