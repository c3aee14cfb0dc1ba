"""``pulumi new`` from this project makes a project of another name, which previews like this one.

Its settings are in a folder of their own, its region is in Pulumi.yaml, and another stack exports its VPC.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from flash_ticket.firewall.declare.binding import BINDING_KEY
from lab.running.aws_session import aws_client
from lab.running.engine import Engine, Result
from lab.running.firewall_command import Ran, flash_firewall
from lab.running.lab import Lab
from tests.support.engine.apis import REPOSITORY

pytestmark = pytest.mark.engine

NETWORK = "organization/network/dev"
OUTPUTS = ("vpcId", "clusterName")


@dataclass(frozen=True, slots=True)
class Made:
    """A project that somebody made, and what the engine said about it."""

    lab: Lab
    folder: Path
    words: Result
    preview: Result

    def render(self, out: Path) -> Ran:
        """Run the verb that reads the account of the stack."""
        return flash_firewall(self.lab, "dev", self.folder, "render", "--stack", "dev", "--out", str(out))


def export(lab: Lab, folder: Path) -> None:
    """Make the stack of another team, which exports a VPC and the name of a cluster."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: network\nruntime: yaml\n")
    engine = Engine(lab, "dev", folder)
    engine.make_stack()
    chosen = [{"Name": "tag:Name", "Values": ["flash-ticket-dev"]}]
    (vpc,) = aws_client(lab.aws_endpoint, "ec2").describe_vpcs(Filters=chosen)["Vpcs"]
    state = engine.export()
    kind = "pulumi:pulumi:Stack"
    outputs = dict(zip(OUTPUTS, (vpc["VpcId"], "flash-ticket-dev"), strict=True))
    top = {"urn": f"urn:pulumi:dev::network::{kind}::network-dev", "custom": False, "type": kind, "outputs": outputs}
    state["deployment"]["resources"] = [top]
    (folder / "state.json").write_text(json.dumps(state))
    engine.run("stack", "import", "--file", "state.json", "--stack", "dev").checked()


def spread(project: Path) -> None:
    """Move the settings of a project into a folder and Pulumi.yaml, and let another stack say what the VPC is."""
    (project / "settings").mkdir()
    path = project / "settings/Pulumi.dev.yaml"
    shutil.move(project / "Pulumi.dev.yaml", path)
    settings = yaml.safe_load(path.read_text())
    binding = settings["config"][BINDING_KEY]
    binding["vpc"], binding["cluster"]["name"] = ({"from": {"stack": NETWORK, "output": each}} for each in OUTPUTS)
    common = yaml.safe_load((project / "Pulumi.yaml").read_text())
    common["config"]["aws:region"] = {"value": settings["config"].pop("aws:region")}
    path.write_text(yaml.safe_dump(settings))
    (project / "Pulumi.yaml").write_text(yaml.safe_dump({**common, "stackConfigDir": "settings"}, sort_keys=False))


@pytest.fixture(scope="module")
def made(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("new")
    template, project = folder / "template", folder / "shop-firewall"
    for name in ("components", "flash_ticket"):
        shutil.copytree(REPOSITORY / name, template / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__main__.py", "pyproject.toml", "traffic.yaml", *(each.name for each in REPOSITORY.glob("Pulumi*"))):
        shutil.copy(REPOSITORY / name, template)
    project.mkdir()
    words = Engine(lab, "dev", project).run("new", str(template), "--yes", "--generate-only", "--name", project.name)
    export(lab, folder / "network")
    spread(project)
    return Made(lab, project, words.checked(), Engine(lab, "dev", project).preview().checked())


def test_a_project_made_by_pulumi_new_previews_under_its_own_name(made: Made) -> None:
    assert "Change traffic.yaml" in made.words.stdout
    assert (made.folder / "Pulumi.yaml").read_text().startswith("name: shop-firewall\n")
    assert any("The proof holds" in each for each in made.preview.diagnostics)
    assert {step.operation for step in made.preview.steps} == {"create"}


def test_the_command_reads_the_settings_and_the_other_stack_as_the_preview_does(made: Made, tmp_path: Path) -> None:
    rendered = made.render(tmp_path / "out")

    assert rendered.returncode == 0, rendered.stderr
    assert (tmp_path / "out/00-default-deny.yaml").exists()


def test_a_stack_or_output_that_is_not_there_is_one_error_of_both(made: Made, tmp_path: Path) -> None:
    path = made.folder / "settings/Pulumi.dev.yaml"
    text = path.read_text()
    settings = yaml.safe_load(text)
    binding = settings["config"][BINDING_KEY]
    binding["cluster"]["name"]["from"]["stack"] = "organization/nowhere/dev"
    binding["vpc"]["from"]["output"] = "vpc"
    path.write_text(yaml.safe_dump(settings))
    try:
        ran, previewed = made.render(tmp_path / "out"), Engine(made.lab, "dev", made.folder).preview()
    finally:
        path.write_text(text)
    said = [
        "cluster.name.from.stack: the outputs of organization/nowhere/dev cannot be read: ",
        f"vpc.from.output: {NETWORK} has no output 'vpc'. Write one of its outputs: clusterName, vpcId. See line ",
    ]
    (error,) = (each for each in previewed.diagnostics if each.startswith("error: "))

    assert ran.returncode == 2
    assert not previewed.steps
    for lines in (ran.stderr.replace("error: ", "").splitlines(), error.removeprefix("error: ").splitlines()):
        assert len(lines) == len(said)
        for line, start in zip(lines, said, strict=True):
            assert line.startswith(f"Pulumi.dev.yaml: {BINDING_KEY}.{start}")
            assert " See line " in line
