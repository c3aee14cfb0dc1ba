"""Options of ``verify --probe`` that do not fit together are refused in one line, before any call."""

from pathlib import Path

import pytest

from tests.support.command.flash_firewall import copy_project, run


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--consent",), "error: --consent: it says how to probe, but --probe is missing."),
        (("--probe-image", "tools"), "error: --probe-image: it says how to probe"),
        (("--probe-host", "redis=10.0.0.1"), "error: --probe-host: it says how to probe"),
        (("--probe", "--inventory", "saved.json"), "error: --probe: --inventory: a saved inventory has no pods"),
    ],
    ids=lambda each: "" if isinstance(each, str) else " ".join(each),
)
def test_options_that_do_not_fit_are_refused_in_one_line(tmp_path: Path, arguments: tuple[str, ...], line: str) -> None:
    project = copy_project(tmp_path / "shop", "dev")
    result = run("verify", "--stack", "dev", "--project", project, *arguments)

    assert result.exit_code == 2
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
