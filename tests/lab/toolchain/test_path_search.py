from pathlib import Path

import pytest

from lab.toolchain.path_search import Installed, InstalledPlugin, terraform_provider

TOOL = Installed("tool", ("version",), at_least=(3, 259, 0), below=(4, 0, 0), beside=("tool-host",))


def executable(path: Path, output: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("output", "fits"),
    [
        ("v3.259.0", True),
        ("v3.300.1", True),
        ("tool version 3.259.2 (linux)", True),
        ("v3.258.9", False),
        ("v4.0.0", False),
        ("unknown", False),
    ],
)
def test_a_tool_on_path_is_taken_in_a_fitting_version_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, *, fits: bool
) -> None:
    executable(tmp_path / "tool", output)
    executable(tmp_path / "tool-host")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert TOOL.find() == (tmp_path if fits else None)


def test_a_tool_without_what_belongs_beside_it_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "tool", "v3.259.0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert TOOL.find() is None


def test_the_newest_plugin_of_the_right_major_version_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    for version in ("6.99.0", "7.9.0", "7.51.1", "8.0.0"):
        executable(tmp_path / "plugins" / f"resource-aws-v{version}" / "pulumi-resource-aws")
    (tmp_path / "plugins" / "resource-aws-v7.60.0").mkdir()

    assert InstalledPlugin("aws", 7).find() == tmp_path / "plugins" / "resource-aws-v7.51.1"


def test_a_terraform_provider_is_found_in_the_mirror_that_terraforms_configuration_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror"
    for version in ("5.99.1", "5.100.0", "6.0.0"):
        folder = mirror / f"registry.terraform.io/hashicorp/shop/{version}/linux_amd64"
        executable(folder / f"terraform-provider-shop_v{version}_x5")
    configuration = tmp_path / "terraform.rc"
    configuration.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(configuration))

    found = terraform_provider("shop", 5)

    assert found
    assert found.name == "terraform-provider-shop_v5.100.0_x5"
