"""Three firewalls with one stack name: two namespaces of a cluster and VPC, and a second cluster of the region.

Each is deployed, and one of them is changed, rolled back and destroyed. No other one sees, touches or loses anything.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.compile.owner import Owner, tags_of
from lab.running.aws_session import aws_client
from lab.running.engine import Engine, Result
from lab.running.firewall_command import Ran, flash_firewall
from lab.running.kubectl import kubectl
from lab.running.lab import Lab, state_in
from lab.running.program import copy_program
from tests.support.declared.owners import owner_of
from tests.support.engine.apis import NAMESPACE, REPOSITORY

pytestmark = pytest.mark.engine

STACK = "dev"
MATRIX = """
namespace: {namespace}
services:
  api: {{pods: {{app: api}}, ports: [4000]}}
externals:
  alb: {{}}
  redis: {{ports: [6379]}}
flows:
  - {{from: alb, to: api}}
"""
ADDED = "  - {from: api, to: redis}\n"
Seen = Mapping[str, Any]
_DECLARED = "Firewall(FIREWALL, "


@dataclass(frozen=True, slots=True)
class Shop:
    """One of the three.

    Attributes:
        cluster: The environment of the lab whose cluster and VPC it uses.
        namespace: The namespace of its pods.
        folder: The folder of its program and its state.
    """

    lab: Lab
    cluster: str
    namespace: str
    folder: Path

    @property
    def owner(self) -> Owner:
        return owner_of(STACK, self.namespace, f"flash-ticket-{self.cluster}")

    @property
    def variables(self) -> dict[str, str]:
        kubeconfig = str(self.lab.kubeconfigs[self.cluster])
        return {"KUBECONFIG": kubeconfig, **state_in(self.folder / "state")}

    @property
    def engine(self) -> Engine:
        return Engine(self.lab, STACK, self.folder / "program", self.variables)

    def write(self, more: str = "") -> None:
        """Write the program, with flows that are added to the first one."""
        matrix = MATRIX.format(namespace=self.namespace) + more
        if not (self.folder / "program").exists():
            settings = yaml.safe_load((REPOSITORY / f"Pulumi.{self.cluster}.yaml").read_text())
            binding = settings["config"]["flash-ticket-firewall:binding"]
            binding["places"] = {name: binding["places"][name] for name in ("alb", "redis")}
            binding["flowLogs"] = {"destination": "cloudwatch", "retentionDays": 14, "onDestroy": "delete"}
            binding["protect"] = self.cluster == "prod"
            (self.folder / "state").mkdir(parents=True)
            copy_program(REPOSITORY, self.folder / "program", {f"Pulumi.{STACK}.yaml": yaml.safe_dump(settings)})
        (self.folder / "program" / "traffic.yaml").write_text(matrix)

    def rename(self) -> None:
        """Give the component in the program another name, with its earlier one as an alias."""
        program = self.folder / "program" / "__main__.py"
        text = program.read_text()
        assert _DECLARED in text
        alias = "opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name=FIREWALL)])"
        program.write_text(text.replace(_DECLARED, f'Firewall("edge", {alias}, args='))

    def unprotect(self) -> None:
        """Write the settings without protection."""
        path = self.folder / "program" / f"Pulumi.{STACK}.yaml"
        settings = yaml.safe_load(path.read_text())
        settings["config"]["flash-ticket-firewall:binding"]["protect"] = False
        path.write_text(yaml.safe_dump(settings))

    def rollback(self, version: int) -> Ran:
        asked = ("rollback", "--stack", STACK, "--to", str(version), "--yes")
        return flash_firewall(self.lab, self.cluster, self.folder / "program", *asked, **self.variables)

    def look(self) -> Seen:
        """Return all that belongs to it: what has its tags, and its objects in the cluster."""
        ec2 = aws_client(self.lab.aws_endpoint, "ec2")
        chosen = [{"Name": f"tag:{key}", "Values": [value]} for key, value in self.owner.tags.items()]
        found = {
            "groups": ec2.describe_security_groups(Filters=chosen)["SecurityGroups"],
            "rules": ec2.describe_security_group_rules(Filters=chosen)["SecurityGroupRules"],
            "flow logs": ec2.describe_flow_logs(Filters=chosen)["FlowLogs"],
        }
        for kind in ("networkpolicies", "securitygrouppolicies"):
            listed = self.kubectl("get", kind, "--namespace", self.namespace, "--output", "json")
            found[kind] = [[each["metadata"]["name"], each["spec"]] for each in json.loads(listed)["items"]]
        return found

    def kubectl(self, *arguments: str) -> str:
        ran = kubectl(self.lab, self.cluster, *arguments)
        ran.check_returncode()
        return ran.stdout


@dataclass(frozen=True, slots=True)
class Story:
    """What the three looked like, by their names, after each step, and what the engine said."""

    shops: Mapping[str, Shop]
    sights: Mapping[str, Mapping[str, Seen]]
    back: Ran
    preview: Result
    renamed: Result
    kept: Result
    freed: Result


@pytest.fixture(scope="module")
def story(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("neighbours")
    shops = {
        "shop": Shop(lab, "dev", NAMESPACE, folder / "shop"),
        "neighbour": Shop(lab, "dev", "bookshop", folder / "neighbour"),
        "elsewhere": Shop(lab, "prod", NAMESPACE, folder / "elsewhere"),
    }
    sights: dict[str, dict[str, Seen]] = {}

    def look(step: str) -> None:
        sights[step] = {name: shop.look() for name, shop in shops.items()}

    neighbour = shops["neighbour"]
    neighbour.kubectl("create", "namespace", neighbour.namespace)
    look("before")
    for shop in shops.values():
        shop.write()
    shops["shop"].engine.up().checked()
    look("the shop is deployed")
    with ThreadPoolExecutor() as pool:  # an engine waits for much of its time
        for result in pool.map(lambda name: shops[name].engine.up(), ("neighbour", "elsewhere")):
            result.checked()
    look("all are deployed")
    neighbour.write(ADDED)
    neighbour.engine.up().checked()
    look("the neighbour is changed")
    back = neighbour.rollback(1)
    look("the neighbour is rolled back")
    with ThreadPoolExecutor() as pool:
        shops["elsewhere"].rename()
        previewing = pool.submit(shops["shop"].engine.preview)
        renaming = pool.submit(shops["elsewhere"].engine.preview)
        neighbour.engine.destroy().checked()
        preview, renamed = previewing.result().checked(), renaming.result().checked()
    look("the neighbour is destroyed")
    kept = shops["elsewhere"].engine.destroy()
    look("a protected one is not destroyed")
    shops["elsewhere"].unprotect()
    freed = shops["elsewhere"].engine.up().checked()
    look("it is no longer protected")
    with ThreadPoolExecutor() as pool:
        for result in pool.map(lambda name: shops[name].engine.destroy(), ("shop", "elsewhere")):
            result.checked()
    look("all are destroyed")
    neighbour.kubectl("delete", "namespace", neighbour.namespace, "--wait=false")
    return Story(shops, sights, back, preview, renamed, kept, freed)


def test_each_has_groups_rules_and_policies_of_its_own(story: Story) -> None:
    after = story.sights["all are deployed"]
    for name, seen in after.items():
        labels = {tags_of(group)["Name"] for group in seen["groups"]}
        assert labels == {
            f"{story.shops[name].owner.name}-{label}"
            for label in ("alb", "api", f"pods.{story.shops[name].owner.namespace}")
        }
        assert len(seen["rules"]) > 5
        assert len(seen["flow logs"]) == 1
        assert [policy for policy, _ in seen["securitygrouppolicies"]] == ["api"]
    for part, identity in (("groups", "GroupId"), ("rules", "SecurityGroupRuleId"), ("flow logs", "FlowLogId")):
        ids = [each[identity] for seen in after.values() for each in seen[part]]
        assert len(ids) == len(set(ids))


def test_no_step_of_one_touches_another(story: Story) -> None:
    touched = {
        "the shop is deployed": {"shop"},
        "all are deployed": {"neighbour", "elsewhere"},
        "the neighbour is changed": {"neighbour"},
        "the neighbour is rolled back": {"neighbour"},
        "the neighbour is destroyed": {"neighbour"},
        "a protected one is not destroyed": set(),
        "it is no longer protected": set(),
        "all are destroyed": {"shop", "elsewhere"},
    }
    steps = list(story.sights)
    for former, step in pairwise(steps):
        changed = {name for name in story.shops if story.sights[step][name] != story.sights[former][name]}
        assert changed == touched[step], step


def test_the_rollback_is_one_and_the_destroys_leave_nothing(story: Story) -> None:
    assert story.back.returncode == 0, story.back.stderr
    assert story.sights["the neighbour is rolled back"] == story.sights["all are deployed"]
    assert story.sights["all are destroyed"] == story.sights["before"]


def test_a_preview_beside_the_others_shows_no_change_and_no_warning(story: Story) -> None:
    assert [step.name for step in story.preview.changes] == []
    assert not [line for line in story.preview.diagnostics if line.startswith("warning:") and "bookshop" in line]


def test_a_firewall_that_a_program_renames_with_an_alias_replaces_nothing(story: Story) -> None:
    assert {step.operation for step in story.renamed.steps} == {"same"}
    assert {step.name.partition("-")[0] for step in story.renamed.steps} == {"edge", "declared"}


def test_a_protected_firewall_is_not_destroyed_and_the_engine_says_how_to_end_that(story: Story) -> None:
    said = " ".join("\n".join(story.kept.diagnostics).split())

    assert story.kept.code != 0
    assert "protected" in said
    assert "remove the `protect` flag" in said
    # What is not protected and nothing needs was deleted, and is made again.
    assert {step.operation for step in story.freed.steps} == {"same", "create"}
