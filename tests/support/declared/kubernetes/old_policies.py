"""A folder of hand-written NetworkPolicies, such as teams have them, and the shop that a draft of it declares."""

from pathlib import Path
from typing import Any

import yaml

from flash_ticket.firewall.analyse.manifests.directory import read_cluster
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.report.traffic.policy_draft import written_policy_draft
from flash_ticket.traffic.proposals.policy_draft import draft_of_policies
from tests.support.declared.accounts import binding_content, environment_of

FOLDER = Path(__file__).with_name("old_folder")
TAKEN = ("api-both", "gateway-from-alb", "pay-from-api")
LEFT = ("backend-out", "deny-in", "deny-out", "inside-out")


def old_policies() -> tuple[dict[str, Any], ...]:
    """Return the policies of the folder, by name."""
    found = (each for path in FOLDER.iterdir() for each in yaml.safe_load_all(path.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda each: str(each["metadata"]["name"])))


def drafted_traffic() -> dict[str, Any]:
    """Return what ``learn --dir`` drafts, with the old policy of api as the one for ingress, as a reviewer decides."""
    draft = written_policy_draft(draft_of_policies(read_cluster(FOLDER), str(FOLDER)), str(FOLDER))
    content: dict[str, Any] = yaml.safe_load(draft)
    content["services"]["api"]["policies"] = {"ingress": "api-both"}
    return content


def taking_over(adopt: Any = True) -> CompiledFirewall:  # noqa: ANN401, FBT002 - parsed YAML has any shape
    """Return the shop of the draft in dev, compiled, with the policies to take over."""
    matrix = parse_matrix(drafted_traffic(), "traffic.yaml")
    asked = {} if adopt is None else {"adopt": {"policies": adopt}}
    return compile_firewall(matrix, environment_of("dev", {**binding_content("dev"), **asked}, matrix))
