"""Domain names in traffic.yaml: what a name may look like, what it may stand beside, and what a mistake says."""

from typing import Any

import pytest

from flash_ticket.firewall.declare.matrix import External, Matrix
from flash_ticket.firewall.declare.traffic_file import declaration, parse_matrix
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp
from tests.support.refusal import refusal

SERVICES = {"payer": {"pods": {"app": "payer"}, "ports": [8080]}}


def parsed(payments: object, flows: tuple[Any, ...] = (), services: object = None) -> Matrix:
    content = {"namespace": "shop", "services": services or SERVICES, "externals": {"payments": payments}}
    return parse_matrix({**content, "flows": list(flows)}, "traffic.yaml")


def test_names_are_read_once_each_in_order() -> None:
    names = ["api.tosspayments.com", "*.stripe.com", "api.tosspayments.com"]

    matrix = parsed({"domains": names, "ports": [443]}, ({"from": "payer", "to": "payments"},))

    assert matrix.externals == (
        External("payments", (tcp(443),), None, (), (), None, ("*.stripe.com", "api.tosspayments.com")),
    )
    assert parse_matrix(declaration(matrix), "export") == matrix


# fmt: off
MISTAKES = [
    ("10.20.0.1", ("'10.20.0.1' is an address, not a domain name. Remove domains, and write addresses as cidrs under "
        "places in Pulumi.<stack>.yaml.")),
    ("10.20.0.0/16", ("'10.20.0.0/16' is an address, not a domain name. Remove domains, and write addresses as cidrs "
        "under places in Pulumi.<stack>.yaml.")),
    ("2001:db8::1", ("'2001:db8::1' is an address, not a domain name. Remove domains, and write addresses as cidrs "
        "under places in Pulumi.<stack>.yaml.")),
    ("https://api.stripe.com/v1", ("'https://api.stripe.com/v1' is more than a domain name. Write the name alone, and "
        "its ports under ports.")),
    ("api.stripe.com:443", ("'api.stripe.com:443' is more than a domain name. Write the name alone, and its ports "
        "under ports.")),
    ("api.stripe.com.", "'api.stripe.com.' ends with a dot. Write api.stripe.com."),
    ("Api.Stripe.com", "'Api.Stripe.com' has capital letters. Write api.stripe.com."),
    ("결제.kr", "'결제.kr' is not in the form of DNS. Write xn--p89a133c.kr."),
    ("api.*.com", ("'api.*.com' has a wildcard that is not the whole first label. Write * only at the start, as in "
        "*.example.com; it means all names below, at any depth.")),
    ("*stripe.com", ("'*stripe.com' has a wildcard that is not the whole first label. Write * only at the start, as in "
        "*.example.com; it means all names below, at any depth.")),
    ("**.stripe.com", ("'**.stripe.com' has a wildcard that is not the whole first label. Write * only at the start, "
        "as in *.example.com; it means all names below, at any depth.")),
    ("*", ("'*' has a wildcard that is not the whole first label. Write * only at the start, as in *.example.com; it "
        "means all names below, at any depth.")),
    ("*.com", "'*.com' means every name of .com. Name a domain of it, such as *.example.com."),
    ("localhost", "'localhost' is not a domain name. Write one such as api.example.com or *.example.com."),
    ("-a.com", "'-a.com' is not a domain name. Write one such as api.example.com or *.example.com."),
    ("a..com", "'a..com' is not a domain name. Write one such as api.example.com or *.example.com."),
    ("10.20.0", "'10.20.0' is not a domain name. Write one such as api.example.com or *.example.com."),
    (f"{'a' * 64}.com", (f"'{'a' * 27}...{'a' * 23}.com' is not a domain name. Write one such as api.example.com or "
        "*.example.com.")),
    ("api.shop.svc.cluster.local", ("'api.shop.svc.cluster.local' is a name within the cluster, and its addresses are "
        "pods or Services. Declare these pods under services, or as an external with namespace and pods.")),
    ("*.shop.svc", ("'*.shop.svc' is a name within the cluster, and its addresses are pods or Services. Declare these "
        "pods under services, or as an external with namespace and pods.")),
    (7, "7 is not text. Write text, in quotes if YAML would read it as something else."),
]
# fmt: on


@pytest.mark.parametrize(("name", "said"), MISTAKES, ids=[str(row[0]) for row in MISTAKES])
def test_a_name_that_no_enforcer_knows_is_refused(name: object, said: str) -> None:
    error = refusal(lambda: parsed({"domains": [name], "ports": [443]}))

    assert error == f"traffic.yaml: externals.payments.domains[0]: {said}"


def test_an_empty_list_is_refused() -> None:
    assert "externals.payments.domains: it is empty" in (refusal(lambda: parsed({"domains": [], "ports": [443]})))


@pytest.mark.parametrize("beside", [{"namespace": "pay"}, {"namespace": "pay", "pods": {"app": "pay"}}])
def test_pods_have_no_domain_names(beside: dict[str, Any]) -> None:
    error = refusal(lambda: parsed({"domains": ["api.stripe.com"], "ports": [443], **beside}))

    assert error == (
        "traffic.yaml: externals.payments: domains and namespace are given together, and pods are known by their "
        "labels. Keep one of them, or declare two externals."
    )


def test_no_connection_comes_from_a_name() -> None:
    flow = {"from": "payments", "to": "payer"}

    assert (refusal(lambda: parsed({"domains": ["api.stripe.com"]}, (flow,)))) == (
        "traffic.yaml: flows[0].from: payments is known by domain names, and a connection comes from an address. "
        "Reverse the flow, or declare an external with the addresses that payments connects from."
    )


def test_a_flow_to_names_needs_ports() -> None:
    flow = {"from": "payer", "to": "payments"}

    assert (refusal(lambda: parsed({"domains": ["api.stripe.com"]}, (flow,)))) == (
        "traffic.yaml: flows[0].to: payments declares no ports. Add ports to payments."
    )


def test_the_policy_of_names_has_a_name_of_its_own() -> None:
    services = {
        "payer": {**SERVICES["payer"], "policies": {"egress": "pay"}},
        "other": {"pods": {"app": "other"}, "policies": {"egress": "pay-domains"}},
        "long": {"pods": {"app": "long"}, "policies": {"egress": "a" * 250}},
    }

    with pytest.raises(InputError) as refused:
        parsed({"domains": ["api.stripe.com"], "ports": [443]}, (), services)

    assert tuple(str(each).removeprefix("traffic.yaml: services.") for each in refused.value.each) == (
        (
            "long.policies.egress: aaaaaaaaaaaaaaaaaaaa... would be the policy of its domain names, and has 258 "
            "characters. Choose a name of at most 245 characters."
        ),
        (
            "payer.policies.egress: pay-domains would be the policy of its domain names, and other has a policy of "
            "this name. Choose another name."
        ),
    )
