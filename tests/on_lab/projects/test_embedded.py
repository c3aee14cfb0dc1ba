"""A program of another team embeds the firewall beside its own network, and uses it as a package of the engine, too.

At the end it declares the two layers as parts of that package instead.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.running.aws_session import aws_client
from lab.running.engine import Engine, Result
from lab.running.kubectl import kubectl
from lab.running.lab import Lab
from tests.support.engine.apis import REPOSITORY

pytestmark = pytest.mark.engine

EMBEDDED = "from package.firewall import Firewall, FirewallArgs"
REMOTE = """
from package.firewall import FirewallArgs


class Firewall(pulumi.ComponentResource):
    def __init__(self, name, args, opts):
        unset = {"groupIds": None, "policies": None}
        super().__init__("flash-ticket-firewall:index:Firewall", name, {**args, **unset}, opts, remote=True)

    group_ids = property(lambda self: pulumi.get(self, "groupIds"))
    policies = property(lambda self: pulumi.get(self, "policies"))
"""
"""The component as a generated SDK declares it: the engine runs the package to make it."""

REMOTE_PARTS = """
from package.firewall import FirewallArgs


class Firewall:
    def __init__(self, name, args, opts):
        self.groups = self.part("SecurityGroups", name, {**args, "groupIds": None}, opts)
        after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[self.groups]))
        self.pods = self.part("NetworkPolicies", name, {**args, "policies": None}, after)

    def part(self, kind, name, args, opts):
        return pulumi.ComponentResource(f"flash-ticket-firewall:index:{kind}", name, args, opts, remote=True)

    group_ids = property(lambda self: pulumi.get(self.groups, "groupIds"))
    policies = property(lambda self: pulumi.get(self.pods, "policies"))
"""
"""Both layers as parts, each as a generated SDK declares it."""

PLUGIN = "pulumi-resource-flash-ticket-firewall"


@dataclass(frozen=True, slots=True)
class Embedded:
    """The program from its first preview to its end.

    Attributes:
        early: A preview with the firewall before the network exists.
        network: The first update, without the firewall.
        up: The update that declares it.
        outputs: The outputs of the stack after that.
        same: The next preview.
        remote: A preview of the same program that uses the package of the engine.
        refused: A preview of that program with a mistake in the binding.
        parts: The update to both layers as parts of the package.
        parted: The outputs of the stack after that.
        destroyed: The end.
    """

    early: Result
    network: Result
    up: Result
    outputs: Mapping[str, Any]
    same: Result
    remote: Result
    refused: Result
    parts: Result
    parted: Mapping[str, Any]
    destroyed: Result


def placed(folder: Path) -> Path:
    """Return a copy of the example, with the packages that its environment would have, and the plugin beside it."""
    program = folder / "program"
    program.mkdir()
    for path in (REPOSITORY / "examples/embedded").iterdir():
        (program / path.name).write_text(path.read_text())
    for name in ("components", "flash_ticket", "package"):
        (program / name).symlink_to(REPOSITORY / name)
    plugin = folder / PLUGIN
    plugin.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{REPOSITORY}/package" "$@"\n')
    plugin.chmod(0o755)
    return program


def make_cluster(lab: Lab, outputs: Mapping[str, Any]) -> None:
    """Make the team's cluster in the network of its program, and the namespace of its shop."""
    role = aws_client(lab.aws_endpoint, "iam").get_role(RoleName="flash-ticket-cluster")["Role"]["Arn"]
    aws_client(lab.aws_endpoint, "eks").create_cluster(
        name="acme",
        version="1.33",
        roleArn=role,
        resourcesVpcConfig={"subnetIds": outputs["privateSubnetIds"]},
        kubernetesNetworkConfig={"serviceIpv4Cidr": "172.20.0.0/16"},
    )
    ran = kubectl(lab, "dev", "create", "namespace", "acme-shop")
    assert ran.returncode == 0, ran.stderr


def with_remote(program: Path, folder: Path) -> None:
    """Let the program use the package of the engine."""
    main, project = program / "__main__.py", program / "Pulumi.yaml"
    main.write_text(main.read_text().replace(EMBEDDED, REMOTE))
    plugins = {"providers": [{"name": "flash-ticket-firewall", "path": str(folder)}]}
    project.write_text(f"{project.read_text()}plugins: {json.dumps(plugins)}\n")


@pytest.fixture(scope="module")
def embedded(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Embedded:
    folder = tmp_path_factory.mktemp("embedded")
    program = placed(folder)
    engine = Engine(lab, "dev", program)
    engine.make_stack()
    engine.run("config", "set", "cluster", "acme", "--stack", "dev").checked()
    early = engine.preview()
    engine.run("config", "rm", "cluster", "--stack", "dev").checked()
    network = engine.up().checked()
    make_cluster(lab, engine.outputs())
    engine.run("config", "set", "cluster", "acme", "--stack", "dev").checked()
    up = engine.up().checked()
    outputs, same = engine.outputs(), engine.preview()
    with_remote(program, folder)
    remote = engine.preview()
    main = program / "__main__.py"
    right = main.read_text()
    main.write_text(right.replace('"attachment": "pods"', '"attachment": "pod"'))
    refused = engine.preview()
    main.write_text(right.replace(REMOTE, REMOTE_PARTS))
    parts = engine.up()
    parted = engine.outputs()
    return Embedded(early, network, up, outputs, same, remote, refused, parts, parted, engine.destroy())


def test_before_the_network_exists_a_preview_says_that_it_cannot_show_the_firewall(embedded: Embedded) -> None:
    assert embedded.early.code == 0, embedded.early.stdout
    assert any("An input is not known before resources" in each for each in embedded.early.diagnostics)
    assert not [each for each in embedded.early.steps if "NetworkPolicy" in each.type]


def test_the_second_update_proves_the_firewall_and_declares_both_layers_with_the_teams_providers(
    embedded: Embedded,
) -> None:
    assert any("The proof holds" in each for each in embedded.up.diagnostics)
    assert set(embedded.outputs["groupIds"]) == {"orders", "web", "pods.acme-shop"}
    assert "00-default-deny" in embedded.outputs["policies"]
    assert {each.operation for each in embedded.up.steps} == {"create", "same"}


def test_the_next_preview_changes_nothing(embedded: Embedded) -> None:
    assert embedded.same.checked().changes == ()


def test_the_package_declares_what_the_python_component_declares(embedded: Embedded) -> None:
    assert embedded.remote.code == 0, embedded.remote.stdout + embedded.remote.stderr
    assert embedded.remote.changes == ()
    assert any("The proof holds" in each for each in embedded.remote.diagnostics)


def test_the_package_names_a_mistake_by_its_input(embedded: Embedded) -> None:
    assert embedded.refused.code != 0
    assert "Firewall shop: binding.cluster.attachment: " in embedded.refused.stdout


def test_a_program_goes_from_the_firewall_to_its_parts_and_nothing_that_exists_changes(embedded: Embedded) -> None:
    assert embedded.parts.code == 0, embedded.parts.stdout + embedded.parts.stderr
    assert {each.type for each in embedded.parts.changes} == {"flash-ticket-firewall:components:Firewall"}
    assert embedded.parted == embedded.outputs


def test_destroy_removes_the_firewall_and_the_network(embedded: Embedded) -> None:
    assert embedded.destroyed.code == 0, embedded.destroyed.stdout
    assert len(embedded.destroyed.having("delete")) > 20
