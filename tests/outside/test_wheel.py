"""The wheel works where the project's folder is not."""

import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from flash_ticket.traffic.attribution.inventory_file import inventory_json
from lab.toolchain.cache import default_root
from tests.support.command.flash_firewall import copy_project
from tests.support.declared.accounts import ROOT
from tests.support.verify.standing import shop, standing


def uv() -> str:
    """Return the path of uv, where make finds it or puts it."""
    pinned = re.match(r"uv==([\d.]+)", (ROOT / ".ci/uv.txt").read_text().partition("\n")[2])
    assert pinned
    return shutil.which("uv") or str(default_root() / f"uv-{pinned[1]}" / "bin" / "uv")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([uv(), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], check=True)  # noqa: S603 - our own
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment of its own, which takes only the dependencies from this one."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([uv(), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)  # noqa: S603 - our own
    install = [uv(), "pip", "install", "--quiet", "--no-deps", "--python", str(folder / "bin/python"), str(wheel)]
    subprocess.run(install, check=True)  # noqa: S603 - our own
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin/flash-firewall"


def test_the_wheel_puts_one_name_into_site_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"flash_ticket"}


def test_the_wheel_has_its_licence_and_its_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (each for each in names if each.endswith("/METADATA"))
        assert "License-Expression: Apache-2.0" in archive.read(metadata).decode()
    assert "flash_ticket/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_installed_command_proves_lists_compares_explains_and_renders(command: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    (tmp_path / "inventory.json").write_text(inventory_json(standing(shop()).inventory))
    for arguments, shown in (
        (["check"], "prod: The proof holds"),
        (["list", "--stack", "dev"], "gateway => api : TCP 4000"),
        (["diff", "--dir", str(project), "--dir", str(project)], "no connection differs"),
        (["explain", "--stack", "dev", "pay", "redis", "6379"], "allowed"),
        (["render", "--stack", "dev", "--inventory", "../inventory.json", "--out", "k8s"], "k8s"),
    ):
        done = subprocess.run([command, *arguments], cwd=project, capture_output=True, text=True, check=True)  # noqa: S603 - our own
        assert shown in done.stdout
