"""The dependencies of this project: each is fixed to one content, and no security rule is switched off."""

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
REGISTRY = "https://pypi.org/simple"
SHA256 = re.compile("sha256:[0-9a-f]{64}")

_GO_REQUIREMENT = re.compile(r"^(?:require\s+|\t)(\S+\.\S+/\S+|\S+\.\S+)\s+(v\S+)", re.MULTILINE)
_GO_OWN_FOLDER = re.compile(r"^(?:replace\s+|\t)(\S+) => \./", re.MULTILINE)
_GO_REPLACEMENT = re.compile(r"^(?:replace\s+|\t)(\S+) => (\S+) (v\S+)$", re.MULTILINE)


def locked() -> list[dict[str, Any]]:
    """Return every package of uv.lock except the project itself."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    return [each for each in lock["package"] if each["source"] != {"editable": "."}]


@pytest.mark.parametrize("package", locked(), ids=lambda package: package["name"])
def test_every_package_comes_from_the_registry_with_the_hash_of_each_file(package: dict[str, Any]) -> None:
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]

    assert package["source"] == {"registry": REGISTRY}
    assert files
    for file in files:
        assert file["url"].startswith("https://files.pythonhosted.org/")
        assert SHA256.fullmatch(file["hash"])


def test_what_the_project_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[\[<>=,!~ ]", each, maxsplit=1)[0] for each in asked}

    assert names <= {each["name"] for each in locked()}


@pytest.mark.parametrize(("file", "name"), [("uv.txt", "uv"), ("pip-audit.txt", "pip-audit")])
def test_the_tools_that_fetch_and_audit_packages_are_fixed_by_hash(file: str, name: str) -> None:
    requirements = re.split(r"\n(?=[a-zA-Z0-9])", (ROOT / ".ci" / file).read_text(encoding="utf-8").split("\n", 1)[1])

    assert any(each.startswith(f"{name}==") for each in requirements)
    for each in requirements:
        assert re.match(r"[A-Za-z0-9._-]+==\S+", each), each
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", each), each
    assert "--require-hashes" in (ROOT / "Makefile").read_text()
    assert "--require-hashes" in (ROOT / ".ci" / "audit.py").read_text()


# A module that requires nothing has no sums: it is part of the module that replaces another by it.
_GO_MODULES = [path for path in sorted(ROOT.glob("*/**/go.mod")) if "require" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", _GO_MODULES, ids=lambda path: path.parent.name)
def test_every_go_module_is_fixed_by_its_sum(path: Path) -> None:
    sums = path.with_name("go.sum").read_text(encoding="utf-8").splitlines()
    text = path.read_text(encoding="utf-8")
    replaced = {each[0]: each[1:] for each in _GO_REPLACEMENT.findall(text)}
    own = set(_GO_OWN_FOLDER.findall(text))  # the repository itself holds these
    asked = [
        replaced.get(module, (module, version))
        for module, version in _GO_REQUIREMENT.findall(text)
        if module not in own
    ]

    assert asked
    for module, version in asked:
        assert any(line.startswith((f"{module} {version} h1:", f"{module} {version}/go.mod h1:")) for line in sums), (
            module
        )


@pytest.mark.parametrize(
    ("packages", "ends", "says"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 packages have no known vulnerability"),
        ([{"name": "a", "skip_reason": "not found"}], 0, "NOT AUDITED: pip-audit's data is not available here"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}],
            1,
            "PYSEC-1, fixed in 2",
        ),
    ],
)
def test_an_audit_that_could_ask_nothing_does_not_say_that_nothing_is_known(
    packages: list[dict[str, object]], ends: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runpy.run_path(str(ROOT / ".ci" / "audit.py"))["reported"](packages) == ends
    assert says in capsys.readouterr().out


def test_no_security_rule_is_switched_off_but_that_tests_assert() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    ignored = [rule for rules in (lint["ignore"], *lint["per-file-ignores"].values()) for rule in rules]

    assert lint["select"] == ["ALL"]
    assert [rule for rule in ignored if re.fullmatch(r"S\d*|ALL|PGH\d*|RUF100", rule)] == ["S101"]
