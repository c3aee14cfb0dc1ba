"""The compiled policies for domain names fit the definitions of their kinds, and hold exactly what is declared."""

from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.names.domains_layer import DomainsKind, domains_policies
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from tests.support.declared.accounts import ROOT
from tests.support.declared.at_random.domains import shops_with_domains

DEFINITION = ROOT / "lab/kubernetes_api/objects/application_network_policy.yaml"


def strict(schema: Any) -> Any:  # noqa: ANN401 - a part of a JSON schema
    """Return a schema that refuses unknown fields, as the API server does when it is asked to."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(value) for key, value in schema.items()}
    return {"additionalProperties": False, **found} if isinstance(found.get("properties"), dict) else found


VERSION = yaml.safe_load(DEFINITION.read_text())["spec"]["versions"][0]
SPEC = strict(VERSION["schema"]["openAPIV3Schema"])["properties"]["spec"]
VALIDATOR = jsonschema.Draft202012Validator(SPEC)


@given(shops_with_domains())
def test_each_application_network_policy_fits_its_definition(shop: tuple[Matrix, Environment]) -> None:
    for policy in domains_policies(shop[0], DomainsKind.AUTO_MODE):
        VALIDATOR.validate(policy.manifest()["spec"])


def payer(kind: DomainsKind) -> dict[str, Any]:
    content = {
        "namespace": "shop",
        "services": {"payer": {"pods": {"app": "payer"}}},
        "externals": {"payments": {"domains": ["api.tosspayments.com", "*.stripe.com"], "ports": [443, "8000-8010"]}},
        "flows": [{"from": "payer", "to": "payments", "because": "ticket 12"}],
    }
    (policy,) = domains_policies(parse_matrix(content, "traffic.yaml"), kind)
    return policy.manifest()


def test_an_unknown_field_does_not_fit() -> None:
    spec = payer(DomainsKind.AUTO_MODE)["spec"]
    spec["egress"][0]["to"][0]["names"] = ["api.stripe.com"]

    with pytest.raises(jsonschema.ValidationError, match="'names' was unexpected"):
        VALIDATOR.validate(spec)


def test_the_policy_of_auto_mode_names_the_domains_alone() -> None:
    manifest = payer(DomainsKind.AUTO_MODE)

    assert (manifest["apiVersion"], manifest["kind"]) == ("networking.k8s.aws/v1alpha1", "ApplicationNetworkPolicy")
    assert manifest["spec"] == {
        "podSelector": {"matchLabels": {"app": "payer"}},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [{"domainNames": ["*.stripe.com", "api.tosspayments.com"]}],
                "ports": [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 8000, "endPort": 8010}],
            }
        ],
    }


def test_the_policy_of_cilium_leads_dns_through_its_proxy() -> None:
    manifest = payer(DomainsKind.CILIUM)
    resolvers = {"k8s:io.kubernetes.pod.namespace": "kube-system", "k8s:k8s-app": "kube-dns"}

    assert (manifest["apiVersion"], manifest["kind"]) == ("cilium.io/v2", "CiliumNetworkPolicy")
    assert manifest["metadata"]["name"] == "allow-egress-payer-domains"
    assert manifest["metadata"]["annotations"]["flash-firewall/egress.0.because"] == "ticket 12"
    assert manifest["spec"] == {
        "endpointSelector": {"matchLabels": {"k8s:app": "payer"}},
        "egress": [
            {
                "toFQDNs": [{"matchPattern": "**.stripe.com"}, {"matchName": "api.tosspayments.com"}],
                "toPorts": [
                    {
                        "ports": [
                            {"port": "443", "protocol": "TCP"},
                            {"port": "8000", "protocol": "TCP", "endPort": 8010},
                        ]
                    }
                ],
            },
            {
                "toEndpoints": [{"matchLabels": resolvers}],
                "toPorts": [
                    {
                        "ports": [{"port": "53", "protocol": "TCP"}, {"port": "53", "protocol": "UDP"}],
                        "rules": {"dns": [{"matchPattern": "*"}]},
                    }
                ],
            },
        ],
    }
