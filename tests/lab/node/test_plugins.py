"""The network plugins of a node."""

import subprocess
from pathlib import Path

import pytest

from lab.node import plugins, settings


def test_an_installed_plugin_gets_arguments_input_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CNI_BINARIES", tmp_path / "cni" / "bin")
    plugin = tmp_path / "a plugin"
    plugin.write_text('#!/bin/sh\necho "$1 $CNI_COMMAND $(cat)"\n')
    plugin.chmod(0o755)
    plugins.install(plugin)

    done = subprocess.run(  # noqa: S603 - the lines above
        [settings.CNI_BINARIES / "a plugin", "an argument"],
        env={"CNI_COMMAND": "ADD", "PATH": "/usr/bin:/bin"},
        input="settings",
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "an argument ADD settings\n"
