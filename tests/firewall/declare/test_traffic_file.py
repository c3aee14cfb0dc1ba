"""traffic.yaml becomes a matrix or a one-line error with the remedy, and a matrix can be written as a file again."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.pod_layer import compile_policies
from flash_ticket.firewall.compile.vpc_layer import OwnGroup
from flash_ticket.firewall.declare.matrix import Flow, Matrix
from flash_ticket.firewall.declare.traffic_file import declaration, parse_matrix, read_matrix
from flash_ticket.firewall.declare.yaml_document import MAX_BYTES
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import PortRange, Protocol, tcp, udp
from flash_ticket.firewall.terms.verdict import Direction
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.at_random.matrices import matrices, rewritten, traffic_files
from tests.support.declared.json_values import with_anything_anywhere
from tests.support.declared.stacks import traffic_content


def parsed(**content: Any) -> Matrix:  # noqa: ANN401 - parsed YAML has any shape
    services = {"a": {"pods": {"app": "a"}, "ports": [80]}, "b": {"pods": {"app": "b"}, "ports": [81, "8000-8010"]}}
    return parse_matrix({"namespace": "shop", "services": services, **content}, "traffic.yaml")


def test_the_committed_file_declares_the_shop() -> None:
    matrix = shop_matrix()
    declared = {(flow.source, flow.target): [str(port) for port in flow.ports] for flow in matrix.flows}
    stores = {"rabbitmq": ["TCP 5672"], "redis": ["TCP 6379"], "database": ["TCP 3306", "TCP 5432"]}

    assert matrix.namespace == "flash-ticket"
    assert declared == {
        ("alb", "gateway"): ["TCP 3000"],
        ("gateway", "api"): ["TCP 4000"],
        ("api", "pay"): ["TCP 3100"],
        **{(service, store): ports for service in ("api", "pay") for store, ports in stores.items()},
    }


@given(matrices())
def test_a_matrix_written_down_and_read_again_is_the_same(matrix: Matrix) -> None:
    assert parse_matrix(declaration(matrix), "export") == matrix


def test_the_shop_written_down_and_read_again_is_the_same() -> None:
    assert parse_matrix(declaration(shop_matrix()), "export") == shop_matrix()


@given(traffic_files(), st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_matter(content: dict[str, Any], random: Random) -> None:
    assert parse_matrix(rewritten(content, random), "f") == parse_matrix(content, "f")


def test_a_flow_without_ports_is_to_all_ports_of_its_target() -> None:
    assert parsed(flows=[{"from": "a", "to": "b"}]).flows == (
        Flow("a", "b", (tcp(81), PortRange(Protocol.TCP, 8000, 8010))),
    )


def test_a_flow_may_name_a_part_of_a_range() -> None:
    assert parsed(flows=[{"from": "a", "to": "b", "ports": ["8002-8003"]}]).flows == (
        Flow("a", "b", (PortRange(Protocol.TCP, 8002, 8003),)),
    )


def test_flows_between_the_same_two_are_one_with_the_ports_of_both() -> None:
    flows = [{"from": "a", "to": "b", "ports": [8000]}, {"from": ["a"], "to": ["b", "b"], "ports": [81, 81]}]

    assert parsed(flows=flows).flows == (Flow("a", "b", (tcp(81), tcp(8000))),)


def test_lists_of_sources_and_targets_are_every_pair() -> None:
    flows = [{"from": ["x", "y"], "to": ["a", "b"], "ports": [80]}]
    services = {name: {"pods": {"app": name}, "ports": [80]} for name in "ab"}
    matrix = parsed(services=services, externals={"x": {}, "y": {}}, flows=flows)

    assert [(flow.source, flow.target) for flow in matrix.flows] == [("x", "a"), ("x", "b"), ("y", "a"), ("y", "b")]


def test_a_port_is_tcp_unless_it_says_otherwise() -> None:
    services = {"dns": {"pods": {"app": "dns"}, "ports": [53, {"port": 53, "protocol": "UDP"}]}}

    assert parsed(services=services).services[0].ports == (tcp(53), udp(53))


def test_a_service_without_ports_only_calls() -> None:
    services = {"a": {"pods": {"app": "a"}, "ports": [80]}, "job": {"pods": {"app": "job"}}}
    job = parsed(services=services, flows=[{"from": "job", "to": "a"}]).services[1]

    assert (job.name, job.ports) == ("job", ())
    assert job.policies == ((Direction.EGRESS, "allow-egress-job"),)


def test_policies_without_a_name_are_named_after_their_service_and_never_after_its_flows() -> None:
    for flows in ([], [{"from": "a", "to": "b"}]):
        service = parsed(flows=flows).endpoints["b"]
        assert (getattr(service, "ingress_policy"), getattr(service, "egress_policy")) == (  # noqa: B009 - a service here
            "allow-ingress-b",
            "allow-egress-b",
        )


@settings(max_examples=400)
@given(with_anything_anywhere(traffic_content()))
def test_any_value_anywhere_gives_a_matrix_or_a_one_line_error(content: Any) -> None:  # noqa: ANN401 - on purpose
    try:
        matrix = parse_matrix(content, "traffic.yaml")
    except InputError as refused:
        line = str(refused)
        assert line.startswith("traffic.yaml: ")
        assert line.isprintable()
    else:
        assert parse_matrix(declaration(matrix), "again") == matrix


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            b"\x80\x81",
            "the file cannot be read ('utf-8' codec can't decode byte 0x80 in position 0: invalid start byte)",
        ),
        (b"\x00", "this is not YAML: unacceptable character #x0000"),
        (b"PK\x03\x04", "this is not YAML: unacceptable character #x0003"),
        (b"", "nothing is written here"),
        (b"#" * (MAX_BYTES + 1), "the file is larger than 10,000,000 bytes"),
    ],
    ids=["latin", "zero", "zip", "empty", "huge"],
)
def test_an_unreadable_file_is_reported_by_its_name(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "traffic.yaml"
    path.write_bytes(content)

    with pytest.raises(InputError) as refused:
        read_matrix(path)
    assert str(refused.value).startswith(f"traffic.yaml: {problem}")


def test_a_missing_file_is_reported_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read_matrix(tmp_path / "traffic.yaml")
    assert str(refused.value) == f"traffic.yaml: there is no such file in {tmp_path}. Create it or name another."


def test_a_folder_in_place_of_the_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file cannot be read"):
        read_matrix(tmp_path)


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "traffic.yaml"
    path.write_text("\ufeffnamespace: shop\nservices: {a: {pods: {app: a}, ports: [1]}}\n", encoding="utf-8")

    assert read_matrix(path).namespace == "shop"


def thousand_services() -> dict[str, Any]:
    """1,000 services that share every label but one and call the next five: 5,000 flows."""
    names = [f"service-{number:04}" for number in range(1000)]
    return {
        "namespace": "shop",
        "services": {
            name: {"pods": {"app.kubernetes.io/component": "backend", "name": name}, "ports": [8000 + number % 7]}
            for number, name in enumerate(names)
        },
        "externals": {name: {"ports": [1]} for name in ("alb", "rabbitmq", "redis", "database")},
        "flows": [
            {"from": name, "to": [names[(number + step) % 1000] for step in range(1, 6)]}
            for number, name in enumerate(names)
        ],
    }


def test_a_thousand_services_with_five_thousand_flows_compile_to_what_they_declare() -> None:
    matrix = parse_matrix(thousand_services(), "traffic.yaml")
    environment = environment_of("dev", matrix=matrix)
    pods, vpc = compile_policies(matrix, environment), compile_groups(matrix, environment)
    of_flows = [rule for rule in vpc.rules if isinstance(rule.holder, OwnGroup) and isinstance(rule.peer, OwnGroup)]

    assert len(matrix.flows) == 5000
    assert len(pods.policies) == 2001
    assert sum(len(policy.rules) for policy in pods.allows) == 2 * 5000 + 1000
    assert len(of_flows) == 2 * 5000
    assert len(vpc.groups) == 1002  # of the services, of all pods, of the load balancer


def test_the_cost_of_comparing_services_grows_linearly(monkeypatch: pytest.MonkeyPatch) -> None:
    """All services share their first label; comparing every pair would be quadratic."""
    compared = 0

    class Counted(dict[str, str]):
        def get(self, *arguments: Any) -> Any:  # noqa: ANN401 - dict's own
            nonlocal compared
            compared += 1
            return super().get(*arguments)

    monkeypatch.setattr("flash_ticket.firewall.declare.traffic_file.dict", Counted, raising=False)
    parse_matrix({**thousand_services(), "flows": []}, "traffic.yaml")

    assert 1000 <= compared < 10 * 1000


def test_a_matrix_lists_the_flows_of_each_endpoint() -> None:
    matrix = shop_matrix()

    assert [flow.target for flow in matrix.flows_out_of["api"]] == ["database", "pay", "rabbitmq", "redis"]
    assert [flow.source for flow in matrix.flows_into["pay"]] == ["api"]
    assert matrix.flows_into["alb"] == ()
