"""The committed JSON schema for editors agrees with the program."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import declaration, parse_matrix
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import ROOT
from tests.support.declared.at_random.matrices import matrices, traffic_files
from tests.support.declared.json_values import put
from tests.support.declared.stacks import traffic_content

SCHEMA = json.loads((ROOT / "traffic.schema.json").read_text(encoding="utf-8"))
"""tests/docs/test_reference.py holds that it is what the models say."""

VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_it_is_a_schema_itself() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_traffic_file_names_its_schema_for_editors() -> None:
    first = (ROOT / "traffic.yaml").read_text(encoding="utf-8").splitlines()[0]

    assert first == "# yaml-language-server: $schema=./traffic.schema.json"


def test_the_committed_file_is_valid() -> None:
    VALIDATOR.validate(traffic_content())


@given(traffic_files())
def test_the_schema_accepts_what_the_program_accepts(content: dict[str, Any]) -> None:
    VALIDATOR.validate(content)


@given(matrices())
def test_an_exported_declaration_is_valid(matrix: Matrix) -> None:
    VALIDATOR.validate(declaration(matrix))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("servics",), {}),
        (("services", "api", "prots"), [1]),
        (("services", "api", "ports"), [0]),
        (("services", "api", "ports"), [65536]),
        (("services", "api", "ports"), ["http"]),
        (("services", "api", "ports"), []),
        (("services", "api", "ports"), 80),
        (("services", "api", "ports"), [{"port": 1, "protocol": "SCTP"}]),
        (("services", "api", "ports"), [{"port": 1, "proto": "TCP"}]),
        (("services", "api", "pods"), {}),
        (("services", "api", "pods"), {"app": 5}),
        (("services", "api", "pods"), {"app": "a b"}),
        (("services", "api", "pods"), {"a b": "c"}),
        (("services", "api", "policies", "ingress"), "00-default-deny"),
        (("services", "api", "policies", "ingress"), "allow_api"),
        (("services", "API"), {"pods": {"app": "x"}, "ports": [1]}),
        (("services",), {}),
        (("namespace",), "flash_ticket"),
        (("namespace",), None),
        (("flows", 0, "to"), []),
        (("flows", 0, "too"), "api"),
        (("externals", "alb"), None),
    ],
    ids=str,
)
def test_the_editor_and_the_program_refuse_a_mistake_of_shape(path: tuple[str | int, ...], value: object) -> None:
    content = put(traffic_content(), path, value)

    assert not VALIDATOR.is_valid(content)
    with pytest.raises(InputError):
        parse_matrix(content, "traffic.yaml")
