"""A namespace whose pods get AWS credentials: what cluster and account return, and a firewall with two services."""

from collections.abc import Mapping
from typing import Any

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.bind.symbolic_account import SymbolicAccount
from flash_ticket.firewall.declare.binding import parse_binding
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from tests.support.declared.accounts import binding_content


def planned(*targets: str, places: Mapping[str, Any] | None = None, **externals: Any) -> CompiledFirewall:  # noqa: ANN401 - parsed YAML
    content = {
        "namespace": "jobs",
        "services": {"job": {"pods": {"app": "job"}}, "web": {"pods": {"app": "web"}, "ports": [8080]}},
        "externals": {"alb": {}, **externals},
        "flows": [{"from": "alb", "to": "web"}, *({"from": "job", "to": each} for each in targets)],
    }
    written = binding_content("dev")
    written["places"] = {"alb": written["places"]["alb"], **(places or {})}
    matrix, binding = parse_matrix(content, "traffic.yaml"), parse_binding(written, "dev")
    return compile_firewall(matrix, bind(matrix, binding, "dev", SymbolicAccount.of("eu-west-1", binding)))


def account(name: str, role: str = "") -> dict[str, Any]:
    annotations = {"eks.amazonaws.com/role-arn": role} if role else None
    return {"metadata": {"name": name, "annotations": annotations}}


def pod(labels: dict[str, str], account: str | None) -> dict[str, Any]:
    return {"metadata": {"labels": labels}, "spec": {"serviceAccountName": account} if account else {}}
