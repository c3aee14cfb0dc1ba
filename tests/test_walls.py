"""The walls between the folders: what each may import, and how long a file may be."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = ("segmentation", "components", "live", "cli")
OURS = {*PRODUCT, "lab", "tests", "bench"}
OUTSIDE_WORLD = {"pulumi", "pulumi_aws", "pulumi_kubernetes", "boto3", "botocore", "kubernetes"}
PROGRAM = ROOT / "__main__.py"


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield what a file imports, wherever in it, as the parts of dotted names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide which folder is meant"
            yield tuple((node.module or "").split("."))


def roots(path: Path) -> set[str]:
    return {name[0] for name in imported(path)}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", files("segmentation"), ids=named)
def test_segmentation_is_pure(path: Path) -> None:
    forbidden = OUTSIDE_WORLD | (OURS - {"segmentation"}) | {"requests", "urllib3", "http", "socket", "subprocess"}

    assert not roots(path) & forbidden


@pytest.mark.parametrize("path", files("components"), ids=named)
def test_components_are_made_of_segmentation_and_pulumi_alone(path: Path) -> None:
    assert roots(path) & (OURS | OUTSIDE_WORLD) <= {
        "segmentation",
        "components",
        "pulumi",
        "pulumi_aws",
        "pulumi_kubernetes",
    }


@pytest.mark.parametrize("path", files("components"), ids=named)
def test_components_hold_resources_and_their_arguments_only(path: Path) -> None:
    """Every class is a component or a frozen dataclass, and every function beside them is private."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base) for base in node.bases]
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            assert bases == ["pulumi.ComponentResource"] or decorators == ["dataclass(frozen=True, slots=True)"]
        if isinstance(node, ast.FunctionDef):
            assert node.name.startswith("_"), f"{node.name} decides something: it belongs to segmentation"


@pytest.mark.parametrize("path", [PROGRAM, *files(*PRODUCT)], ids=named)
def test_nothing_of_the_product_knows_the_lab_the_tests_or_the_benchmarks(path: Path) -> None:
    assert not roots(path) & {"lab", "tests", "bench", "moto", "pytest", "hypothesis"}


@pytest.mark.parametrize("path", files("live"), ids=named)
def test_live_declares_no_resource_and_is_no_command(path: Path) -> None:
    """Of Pulumi it knows the running program: its configuration, and how it ends."""
    assert not roots(path) & {"components", "cli", "pulumi_aws", "pulumi_kubernetes"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pulumi":
            assert node.attr in {"Config", "get_stack", "log"}


@pytest.mark.parametrize("path", files("cli"), ids=named)
def test_the_command_asks_others_and_decides_nothing(path: Path) -> None:
    """It reads no cloud, parses no file format and computes no address by itself."""
    forbidden = OUTSIDE_WORLD | {"components", "yaml", "pydantic", "ipaddress", "re", "subprocess", "socket"}

    assert not roots(path) & forbidden


def test_the_program_fits_on_one_screen_and_imports_no_provider() -> None:
    assert len(PROGRAM.read_text(encoding="utf-8").splitlines()) <= 60
    assert not roots(PROGRAM) & {"pulumi_aws", "pulumi_kubernetes", "boto3", "kubernetes", "cli"}


@pytest.mark.parametrize("path", [PROGRAM, *files(*OURS)], ids=named)
def test_a_file_holds_one_idea_on_300_lines_and_a_table_of_cases_on_400(path: Path) -> None:
    limit = 400 if path.is_relative_to(ROOT / "tests") else 300

    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit
    assert path.stem not in {"helpers", "utils", "util", "common", "misc", "manager"}


def fresh(code: str) -> list[str]:
    """Return what a fresh interpreter prints; nothing of this one's imports is there."""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    return run.stdout.split()


def test_importing_all_of_segmentation_loads_no_pulumi_no_aws_and_no_kubernetes_client() -> None:
    modules = [named(path).removesuffix(".py").replace("/", ".") for path in files("segmentation")]
    wanted = [module.removesuffix(".__init__") for module in modules]
    loaded = fresh(f"import importlib, sys; [importlib.import_module(m) for m in {wanted!r}]; print(*sys.modules)")

    assert set(wanted) <= set(loaded)
    assert not {module.partition(".")[0] for module in loaded} & (OUTSIDE_WORLD | OURS - {"segmentation"})


def test_asking_for_the_commands_help_loads_no_pulumi() -> None:
    loaded = fresh("import sys, cli.main; print(*sys.modules)")

    assert not {module.partition(".")[0] for module in loaded} & {"pulumi", "pulumi_aws", "pulumi_kubernetes"}
