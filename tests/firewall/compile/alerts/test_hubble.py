"""How the rules for Cilium follow the matrix. cilium.promtool.yaml tests how they evaluate traffic."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.hubble import DECLARED_DENIED, ambiguous_endpoints, hubble_group
from flash_ticket.firewall.compile.alerts.prometheus import prometheus_rule
from flash_ticket.firewall.compile.alerts.prometheus_rule import RecordingRule
from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.declare.matrix import Flow, Matrix, Service
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp
from tests.support.alerts.alerted import alerted
from tests.support.declared.accounts import shop_matrix
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.stacks import traffic_content, two_namespaces


def declared(matrix: Matrix, environment: Environment | None = None) -> dict[str, str]:
    """Return the selectors of denied declared flows by the flow's target."""
    asking, alerting = alerted(matrix=matrix)
    rules = hubble_group(matrix, environment or asking, alerting).rules
    return {
        dict(rule.labels)["flow_to"]: rule.expression
        for rule in rules
        if isinstance(rule, RecordingRule) and rule.record == DECLARED_DENIED
    }


def with_traffic(**changed: Any) -> Matrix:  # noqa: ANN401 - parsed YAML has any shape
    return parse_matrix(traffic_content() | changed, "traffic.yaml")


def test_the_declared_pairs_are_exactly_those_of_the_matrix() -> None:
    assert set(declared(shop_matrix())) == {"api", "database, rabbitmq, redis", "gateway", "pay"}


def test_one_more_flow_adds_one_pair() -> None:
    flows = [*traffic_content()["flows"], {"from": "gateway", "to": "pay"}]

    assert 'source="flash-gateway"' not in declared(shop_matrix())["pay"]
    assert 'source="flash-gateway"' in declared(with_traffic(flows=flows))["pay"]


def test_pods_of_another_namespace_are_selected_by_its_name() -> None:
    externals = traffic_content()["externals"]
    externals["prometheus"] = {"namespace": "monitoring", "pods": {"app.kubernetes.io/name": "prometheus"}}
    externals["mesh"] = {"namespace": "mesh"}
    scraping = [{"from": name, "to": "api"} for name in ("prometheus", "mesh")]
    flows = [*traffic_content()["flows"], *scraping]
    found = declared(with_traffic(externals=externals, flows=flows))["api"]

    assert 'source_namespace="monitoring", source="prometheus"' in found
    assert 'source_namespace="mesh", destination_namespace="flash-ticket"' in found


@pytest.mark.parametrize(
    ("labels", "app"),
    [
        ({"app": "a", "tier": "b"}, "a"),
        ({"k8s-app": "a", "app": "b"}, "b"),
        ({"app.kubernetes.io/name": "a", "app": "b"}, "a"),
    ],
)
def test_a_service_is_selected_by_the_label_that_hubble_uses_as_its_app(labels: dict[str, str], app: str) -> None:
    services = traffic_content()["services"]
    services["pay"]["pods"] = labels

    assert f'destination="{app}"' in declared(with_traffic(services=services))["pay"]


def test_an_endpoint_that_the_metric_cannot_distinguish_is_reported() -> None:
    services = traffic_content()["services"]
    for name, service in services.items():
        service["pods"] = {"component": name} if name == "pay" else {**service["pods"], "component": name}
    matrix = with_traffic(services=services)
    environment, _ = alerted(matrix=matrix)
    place = replace(environment.place("redis"), networks=(ip_network("2001:db8::/64"),))
    places = tuple((name, place if name == "redis" else found) for name, found in environment.places)
    environment = replace(environment, places=places)

    assert ambiguous_endpoints(matrix, environment) == ("pay", "redis")
    assert set(declared(matrix, environment)) == {"api", "database, rabbitmq", "gateway"}


@given(shops())
def test_the_order_of_the_matrix_does_not_change_the_rules(shop: tuple[Matrix, Environment]) -> None:
    matrix, environment = shop
    _, alerting = alerted()
    turned = Matrix(matrix.namespace, matrix.services[::-1], matrix.externals[::-1], matrix.flows[::-1])

    assert hubble_group(matrix, environment, alerting) == hubble_group(turned, environment, alerting)


def test_rules_that_are_too_large_for_an_object_are_refused() -> None:
    environment, alerting = alerted()
    services = tuple(
        Service(f"s{number}", (("app", f"s{number}"),), (tcp(80),), f"in-{number}", f"out-{number}")
        for number in range(120)
    )
    flows = tuple(Flow(a.name, b.name, (tcp(80),)) for a in services for b in services if a != b)
    crowd = Matrix("flash-ticket", services, (), flows)

    assert environment.cluster.cni is CniName.CILIUM
    with pytest.raises(InputError, match=r"alerts\.prometheus: the rules of this matrix take [0-9,]+ bytes"):
        prometheus_rule(crowd, environment, alerting, NONE_SUSPENDED)


def test_denials_of_each_namespace_are_counted_once() -> None:
    matrix, environment = two_namespaces()
    _, alerting = alerted(matrix=matrix)
    first = next(rule for rule in hubble_group(matrix, environment, alerting).rules if isinstance(rule, RecordingRule))

    assert 'source_namespace=~"flash-ticket|monitoring"' in first.expression
    assert (
        'source_namespace!~"flash-ticket|monitoring", destination_namespace=~"flash-ticket|monitoring"'
        in first.expression.replace(",dest", ", dest")
    )
    assert 'source_namespace="monitoring", source="prometheus"' in declared(matrix, environment)["api"].replace(
        ",source", ", source"
    )
