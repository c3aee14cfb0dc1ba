"""The rendered files are what a real API server accepts, file by file and as a Kustomization."""

from pathlib import Path

import pytest

from lab.running.firewall_command import flash_firewall
from lab.running.kubectl import kubectl
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.engine.apis import REPOSITORY

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def folder(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rendered")
    program = copy_program(REPOSITORY, place / "shop")
    out = place / "k8s"
    ran = flash_firewall(lab, "dev", program, "render", "--stack", "dev", "--out", str(out))
    assert ran.returncode == 0, ran.stderr
    return out


@pytest.mark.parametrize("how", [("-f", "--dry-run=client"), ("-f", "--dry-run=server"), ("-k", "--dry-run=server")])
def test_the_api_server_accepts_the_rendered_files(lab: Lab, folder: Path, how: tuple[str, str]) -> None:
    option, dry_run = how
    ran = kubectl(lab, "dev", "apply", option, str(folder), dry_run)

    assert ran.returncode == 0, ran.stderr
    assert "networkpolicy.networking.k8s.io/00-default-deny created" in ran.stdout
