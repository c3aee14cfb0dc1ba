"""What flows say beside their ends and ports: why they are there, until when, and in which stacks."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from flash_ticket.firewall.declare.matrix import Flow, Matrix
from flash_ticket.firewall.declare.traffic_file import declaration, parse_matrix, read_matrix
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp

SERVICES = {
    "api": {"pods": {"app": "api"}, "ports": [80, 81]},
    "job": {"pods": {"app": "job"}},
    "debug": {"pods": {"app": "debug"}, "stacks": ["dev"]},
    "audit": {"pods": {"app": "audit"}, "stacks": ["prod"], "ports": [90]},
}
BEFORE, LAST, AFTER = (datetime(2026, 12, day, 23, 59, tzinfo=UTC) for day in (1, 30, 31))


def declared(*flows: dict[str, Any], **content: Any) -> Matrix:  # noqa: ANN401 - parsed YAML has any shape
    return parse_matrix({"namespace": "shop", "services": SERVICES, "flows": list(flows), **content}, "traffic.yaml")


def notices(matrix: Matrix) -> list[str]:
    return [str(each) for each in matrix.notices() if each.where.startswith("flow ")]


def test_a_flow_with_an_end_is_open_through_its_last_day_and_warns_before_it() -> None:
    matrix = declared({"from": "job", "to": "api", "ports": [80], "until": date(2026, 12, 30), "because": "ticket 12"})
    flow = Flow("job", "api", (tcp(80),), "ticket 12")

    assert matrix.flows == ()
    for moment, flows in ((BEFORE, (flow,)), (LAST, (flow,)), (AFTER, ())):
        assert matrix.within("dev", moment).flows == flows
    assert notices(matrix.within("dev", BEFORE)) == []
    assert notices(matrix.within("dev", LAST)) == [
        (
            "flow job -> api : TCP 80 (ticket 12): it ends after 2026-12-30 (UTC), and the next deployment then closes "
            "it. Give it a later date, or remove it from traffic.yaml in time."
        )
    ]
    assert notices(matrix.within("dev", AFTER)) == [
        (
            "flow job -> api : TCP 80 (ticket 12): it ended after 2026-12-30 (UTC), and this deployment closes it. "
            "Remove it from traffic.yaml, or give it a later date."
        )
    ]


def test_an_end_closes_only_what_no_other_flow_allows() -> None:
    matrix = declared(
        {"from": "job", "to": "api", "ports": [80], "because": "orders"},
        {"from": "job", "to": "api", "until": date(2026, 12, 30), "because": "the move"},
    )

    assert matrix.within("dev", LAST).flows == (Flow("job", "api", (tcp(80), tcp(81)), "orders; the move"),)
    assert matrix.within("dev", AFTER).flows == (Flow("job", "api", (tcp(80),), "orders"),)
    assert "more than one flow allows job to open TCP 80 of api" in "".join(map(str, matrix.notices()))


def test_a_stack_has_what_names_it_and_what_names_no_stack() -> None:
    matrix = declared(
        {"from": "job", "to": "api", "stacks": ["dev"]},
        {"from": "debug", "to": "api"},
        {"from": "api", "to": "audit"},
        {"from": "office", "to": "api"},
        externals={"office": {"stacks": ["prod"]}, "alb": {}},
    )
    dev, prod = (matrix.within(stack, BEFORE) for stack in ("dev", "prod"))

    assert [each.name for each in dev.services] == ["api", "debug", "job"]
    assert [each.name for each in prod.services] == ["api", "audit", "job"]
    assert ([each.name for each in dev.externals], [each.name for each in prod.externals]) == (
        ["alb"],
        ["alb", "office"],
    )
    assert [(each.source, each.target) for each in dev.flows] == [("debug", "api"), ("job", "api")]
    assert [(each.source, each.target) for each in prod.flows] == [("api", "audit"), ("office", "api")]
    assert dev.within("dev", AFTER) is dev


def test_a_matrix_with_limits_written_down_and_read_again_is_the_same() -> None:
    matrix = declared(
        {"from": "job", "to": "api", "stacks": ["dev", "prod"], "until": "2026-12-30", "because": "ticket 12"},
        {"from": "debug", "to": "api", "because": "a look"},
        externals={"office": {"stacks": ["prod"]}},
    )

    assert parse_matrix(declaration(matrix), "export") == matrix


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        (
            {"from": "debug", "to": "api", "stacks": ["dev", "prod"]},
            "flows[0].stacks: debug is not in the stack prod. Remove prod here, or add it to the stacks of debug.",
        ),
        (
            {"from": "debug", "to": "audit"},
            "flows[0]: no stack has both debug and audit. Remove the flow, or give both a stack in common.",
        ),
    ],
)
def test_a_flow_that_a_stack_cannot_have_is_refused(flow: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        declared(flow)

    assert str(refused.value) == f"traffic.yaml: {message}"


def test_a_stack_that_the_project_does_not_have_is_refused_with_its_line(tmp_path: Path) -> None:
    text = "namespace: shop\nservices:\n  api:\n    pods: {app: api}\n    stacks: [dev, pord]\n"
    (tmp_path / "traffic.yaml").write_text(text)

    assert read_matrix(tmp_path / "traffic.yaml").services[0].stacks == ("dev", "pord")
    for stack in ("dev", "prod"):
        (tmp_path / f"Pulumi.{stack}.yaml").touch()
    with pytest.raises(InputError) as refused:
        read_matrix(tmp_path / "traffic.yaml")

    assert str(refused.value) == (
        "traffic.yaml: services.api.stacks[1]: there is no stack pord. Write one of dev, prod, or create "
        "Pulumi.pord.yaml first. See line 5."
    )
