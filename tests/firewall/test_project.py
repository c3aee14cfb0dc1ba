"""The project is read and proven from its files only, with the same result as with the account."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.project import MATRIX_FILE, read_project, stacks
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.verdict import Layer
from tests.support.declared.accounts import CLOUDFRONT, ROOT, STACKS, environment_of, shop_matrix


def with_the_account(stack: str) -> CompiledFirewall:
    return compile_firewall(shop_matrix(), environment_of(stack))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (MATRIX_FILE, *map(stack_file, STACKS)):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def refusal(folder: Path, stack: str = "dev") -> str:
    with pytest.raises(InputError) as refused:
        read_project(folder, stack)
    return str(refused.value)


def change(folder: Path, stack: str, **settings: Any) -> None:  # noqa: ANN401 - parts of a binding
    path = folder / stack_file(stack)
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    content["config"][BINDING_KEY].update(settings)
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize("stack", STACKS)
def test_a_committed_stack_proves_from_its_files_alone(stack: str) -> None:
    proof = read_project(ROOT, stack).proof()

    assert proof.holds
    assert proof.blurs == ()


@pytest.mark.parametrize("stack", STACKS)
def test_the_proof_counts_the_same_as_with_the_account(stack: str) -> None:
    alone, bound = read_project(ROOT, stack).proof(), with_the_account(stack).proof()

    assert (alone.declared, alone.stopped) == (bound.declared, bound.stopped)


@pytest.mark.parametrize("stack", STACKS)
def test_who_reaches_whom_is_the_same_as_with_the_account(stack: str) -> None:
    alone, bound = read_project(ROOT, stack).layers(), with_the_account(stack).layers()

    assert list(alone.connections()) == list(bound.connections())
    assert alone.connections().parties == bound.connections().parties


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("layer", Layer)
def test_every_verdict_is_the_same_as_with_the_account(stack: str, layer: Layer) -> None:
    alone, bound = read_project(ROOT, stack).layers(), with_the_account(stack).layers()

    def openings(layers: Any) -> dict[tuple[str, str], Any]:  # noqa: ANN401 - Layers
        return {(one.name, other.name): ports for (one, other), ports in layers.openings(layer).items()}

    assert openings(alone) == openings(bound)


@pytest.mark.parametrize("stack", STACKS)
def test_the_warnings_are_the_same_as_with_the_account(stack: str) -> None:
    assert read_project(ROOT, stack).notices() == with_the_account(stack).notices()


def test_a_stack_may_be_named_in_full_as_pulumi_does(project: Path) -> None:
    assert read_project(project, "shop/flash-ticket-firewall/dev").environment.name == "dev"


def test_the_stacks_of_a_folder_are_those_with_a_settings_file(project: Path) -> None:
    (project / "Pulumi.yaml").write_text("name: x")
    (project / "Pulumi.staging.yaml.orig").touch()

    assert stacks(project) == ("dev", "prod")


@pytest.mark.parametrize("folder", ["empty", "nowhere", "a-file"])
def test_a_folder_without_stacks_is_an_input_error(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a-file").touch()

    with pytest.raises(InputError, match=r"there is no Pulumi.<stack>.yaml"):
        stacks(tmp_path / folder)


def test_a_stack_without_a_file_is_an_input_error(project: Path) -> None:
    assert refusal(project, "qa").startswith("Pulumi.qa.yaml: there is no such file in")


@pytest.mark.parametrize("text", ["", "config:", "config: []", "config: {aws:region: x}", "just words"])
def test_settings_without_a_binding_are_an_input_error(project: Path, text: str) -> None:
    (project / "Pulumi.dev.yaml").write_text(text)

    assert refusal(project).startswith(f"Pulumi.dev.yaml: config.{BINDING_KEY}: this key is missing.")


def test_a_binding_under_another_name_is_named(project: Path) -> None:
    file = project / "Pulumi.dev.yaml"
    file.write_text(file.read_text().replace(BINDING_KEY, "shop-firewall:binding"))

    assert f"config.{BINDING_KEY}: this key is missing. Write it instead of shop-firewall:binding." in refusal(project)


def test_a_mistake_in_the_binding_reads_as_in_a_preview(project: Path) -> None:
    change(project, "dev", vcp={"name": "x"})

    assert f"Pulumi.dev.yaml: {BINDING_KEY}.vcp: this key is not known." in refusal(project)


def test_a_group_over_its_quota_is_reported_without_the_account(project: Path) -> None:
    clients = {"external": "alb", "listeners": [80, 443], "clients": {"prefixList": {"name": CLOUDFRONT}}}
    change(project, "dev", loadBalancer=clients)

    assert "alb would hold 110 ingress rules for IPv4" in refusal(project)


@pytest.mark.parametrize(
    "cluster",
    [{"attachment": "nodes"}, {"dns": {"mode": "node-local"}}, {"cni": {"name": "cilium"}, "attachment": "nodes"}],
    ids=str,
)
def test_every_way_to_run_the_cluster_proves_from_files_alone(project: Path, cluster: dict[str, Any]) -> None:
    content: dict[str, Any] = yaml.safe_load((project / "Pulumi.dev.yaml").read_text())
    change(project, "dev", cluster={**content["config"][BINDING_KEY]["cluster"], **cluster})

    assert read_project(project, "dev").proof().holds
