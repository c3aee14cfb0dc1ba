"""The example of two namespaces, deployed: each has its own default-deny, and nothing is left after the destroy."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from flash_ticket.firewall.declare.traffic_file import read_matrix
from lab.running.engine import Engine, Result
from lab.running.firewall_command import Ran, flash_firewall
from lab.running.kubectl import kubectl
from lab.running.lab import Lab, state_in
from lab.running.program import copy_program
from tests.support.engine.apis import REPOSITORY

pytestmark = pytest.mark.engine

EXAMPLE = REPOSITORY / "examples" / "two-namespaces"
STACK = "prod"
MONITORING = "watching"
"""The lab's namespace monitoring has pods and policies of its own."""
POLICIES = {
    MONITORING: [
        f"00-default-deny-{MONITORING}",
        *(f"allow-{way}-{name}" for way in ("egress", "ingress") for name in ("grafana", "prometheus")),
    ],
    "shop": [
        "00-default-deny",
        *(f"allow-{way}-{name}" for way in ("egress", "ingress") for name in ("api", "gateway")),
    ],
}
Seen = Mapping[str, list[dict[str, Any]]]
"""The policies of the cluster by their namespaces."""


@dataclass(frozen=True, slots=True)
class Story:
    """What the engine and the command said, and which policies there were after the deployment and at the end."""

    deployed: Seen
    attached: Seen
    again: Result
    verified: Ran
    left: Seen


@pytest.fixture(scope="module")
def story(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("two-namespaces")
    named = {name: (EXAMPLE / name).read_text() for name in ("traffic.yaml", f"Pulumi.{STACK}.yaml")}
    files = {name: text.replace("namespace: monitoring", f"namespace: {MONITORING}") for name, text in named.items()}
    program = copy_program(REPOSITORY, folder / "program", files)
    (folder / "state").mkdir()
    variables = state_in(folder / "state")
    engine = Engine(lab, STACK, program, variables)

    def asked(*arguments: str) -> str:
        ran = kubectl(lab, STACK, *arguments)
        ran.check_returncode()
        return ran.stdout

    def look(kind: str) -> Seen:
        return {
            namespace: json.loads(asked("get", kind, "--namespace", namespace, "--output", "json"))["items"]
            for namespace in POLICIES
        }

    for namespace in POLICIES:
        asked("create", "namespace", namespace)
    engine.preview().checked()
    engine.up().checked()
    deployed, attached = look("networkpolicies"), look("securitygrouppolicies")
    again = engine.preview().checked()
    verified = flash_firewall(lab, STACK, program, "verify", "--stack", STACK, **variables)
    engine.destroy().checked()
    left = look("networkpolicies")
    for namespace in POLICIES:
        asked("delete", "namespace", namespace, "--wait=false")
    return Story(deployed, attached, again, verified, left)


def names(found: Seen) -> dict[str, list[str]]:
    return {namespace: sorted(each["metadata"]["name"] for each in items) for namespace, items in found.items()}


def test_each_namespace_has_its_own_policies(story: Story) -> None:
    assert names(story.deployed) == {namespace: sorted(found) for namespace, found in POLICIES.items()}
    assert names(story.attached) == {MONITORING: ["grafana", "prometheus"], "shop": ["api", "gateway"]}


def test_a_peer_of_the_other_namespace_is_selected_by_namespace_and_labels(story: Story) -> None:
    (policy,) = (each for each in story.deployed["shop"] if each["metadata"]["name"] == "allow-ingress-api")
    peers = [peer for rule in policy["spec"]["ingress"] for peer in rule["from"]]
    prometheus = dict(
        next(each.pods for each in read_matrix(EXAMPLE / "traffic.yaml").services if each.name == "prometheus")
    )

    assert {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": MONITORING}},
        "podSelector": {"matchLabels": prometheus},
    } in peers
    assert {"podSelector": {"matchLabels": {"app": "gateway"}}} in peers


def test_a_second_preview_changes_nothing_and_verify_holds(story: Story) -> None:
    assert [step.name for step in story.again.changes] == []
    assert story.verified.returncode == 0, story.verified.stdout + story.verified.stderr


def test_the_destroy_leaves_no_policy(story: Story) -> None:
    assert names(story.left) == {MONITORING: [], "shop": []}
