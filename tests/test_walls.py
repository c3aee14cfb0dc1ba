"""The walls between the rooms: what each may import, in which order, and how long a file may be."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = ("flash_ticket", "components")
OURS = {*PRODUCT, "lab", "tests"}
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


def module(path: Path) -> str:
    return named(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


# The floors of the house, from the ground up: a room imports from floors below its own, and from itself.
PACKAGE = (("firewall",), ("traffic",), ("verify",), ("live", "report"), ("operate",), ("cli",))
FIREWALL = (("terms",), ("declare", "analyse"), ("bind",), ("compile",), ("prove",), ("change",))
PURE = ("firewall", "traffic", "verify", "report")
NETWORK = OUTSIDE_WORLD | {"requests", "urllib3", "http", "socket", "subprocess", "moto"}


def floor(room: str, floors: tuple[tuple[str, ...], ...]) -> int:
    """Return the floor of a room; a file beside the rooms is above them all."""
    return next((number for number, rooms in enumerate(floors) if room in rooms), len(floors))


def climbs(path: Path, package: tuple[str, ...], floors: tuple[tuple[str, ...], ...]) -> list[str]:
    """Return what a file of ``package`` imports from another room that is not below its own."""
    depth = len(package)
    room = path.relative_to(ROOT).parts[depth].removesuffix(".py")
    return [
        ".".join(name)
        for name in imported(path)
        if name[:depth] == package and len(name) > depth and name[depth] != room
        if floor(name[depth], floors) >= floor(room, floors)
    ]


@pytest.mark.parametrize("path", files("flash_ticket"), ids=named)
def test_a_room_imports_from_the_floors_below_it_alone(path: Path) -> None:
    if path.parent != ROOT / "flash_ticket":
        assert climbs(path, ("flash_ticket",), PACKAGE) == []


@pytest.mark.parametrize("path", files("flash_ticket/firewall"), ids=named)
def test_inside_the_firewall_a_room_imports_from_the_floors_below_it_alone(path: Path) -> None:
    assert climbs(path, ("flash_ticket", "firewall"), FIREWALL) == []


def test_no_two_files_import_each_other_by_any_way() -> None:
    ours = {
        named(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in files(*PRODUCT)
    }
    below = {
        name: {found for each in imported(path) if (found := ".".join(each)) in ours} for name, path in ours.items()
    }
    settled: set[str] = set()
    while ground := {name for name, needs in below.items() if name not in settled and needs <= settled | {name}}:
        settled |= ground

    assert settled == set(ours)


@pytest.mark.parametrize("path", files(*(f"flash_ticket/{room}" for room in PURE)), ids=named)
def test_the_pure_rooms_know_no_network_no_cluster_and_no_pulumi(path: Path) -> None:
    assert not roots(path) & (NETWORK | (OURS - {"flash_ticket"}))


@pytest.mark.parametrize("path", files("components"), ids=named)
def test_components_are_made_of_the_firewall_and_pulumi_alone(path: Path) -> None:
    ours = {name[:2] for name in imported(path) if name[0] == "flash_ticket"}

    assert ours <= {("flash_ticket", "firewall"), ("flash_ticket", "traffic")}
    assert roots(path) & (OURS | OUTSIDE_WORLD) <= {
        "flash_ticket",
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
            assert node.name.startswith("_"), f"{node.name} decides something: it belongs to flash_ticket"


@pytest.mark.parametrize("path", [PROGRAM, *files(*PRODUCT)], ids=named)
def test_nothing_of_the_product_knows_the_lab_the_tests_or_the_benchmarks(path: Path) -> None:
    assert not roots(path) & {"lab", "tests", "moto", "pytest", "hypothesis"}


@pytest.mark.parametrize("path", files("flash_ticket/live"), ids=named)
def test_live_declares_no_resource_and_is_no_command(path: Path) -> None:
    """Of Pulumi it knows the running program: its configuration, and how it ends."""
    assert not roots(path) & {"components", "pulumi_aws", "pulumi_kubernetes"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pulumi":
            assert node.attr in {"Config", "get_stack", "log"}


@pytest.mark.parametrize("path", files("flash_ticket/cli"), ids=named)
def test_the_command_asks_others_and_decides_nothing(path: Path) -> None:
    """It reads no cloud, parses no file format and computes no address by itself."""
    forbidden = OUTSIDE_WORLD | {"components", "yaml", "pydantic", "ipaddress", "re", "subprocess", "socket"}

    assert not roots(path) & forbidden


def test_the_program_fits_on_one_screen_and_imports_no_provider() -> None:
    assert len(PROGRAM.read_text(encoding="utf-8").splitlines()) <= 60
    assert not roots(PROGRAM) & {"pulumi_aws", "pulumi_kubernetes", "boto3", "kubernetes"}


@pytest.mark.parametrize("path", [PROGRAM, *files(*OURS)], ids=named)
def test_a_file_holds_one_idea_on_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert path.stem not in {"helpers", "utils", "util", "common", "misc", "manager"}


def fresh(code: str) -> list[str]:
    """Return what a fresh interpreter prints; nothing of this one's imports is there."""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    return run.stdout.split()


def test_importing_the_pure_rooms_loads_no_pulumi_no_aws_and_no_kubernetes_client() -> None:
    modules = [
        named(path).removesuffix(".py").replace("/", ".") for path in files(*(f"flash_ticket/{room}" for room in PURE))
    ]
    wanted = [module.removesuffix(".__init__") for module in modules]
    loaded = fresh(f"import importlib, sys; [importlib.import_module(m) for m in {wanted!r}]; print(*sys.modules)")

    assert set(wanted) <= set(loaded)
    assert not {each.partition(".")[0] for each in loaded} & (OUTSIDE_WORLD | OURS - {"flash_ticket"})


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("suspend", "--help"), ("rollback", "--help"), ("list", "--stack", "dev")],
    ids=" ".join,
)
def test_a_verb_that_runs_no_pulumi_loads_no_pulumi(arguments: tuple[str, ...]) -> None:
    loaded = fresh(
        "import contextlib, io, sys, flash_ticket.cli.main as main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):\n"
        f"    main.app({list(arguments)!r})\n"
        "assert shown.getvalue()\n"
        "print(*sys.modules)"
    )

    assert "flash_ticket.cli.main" in loaded
    assert not {each.partition(".")[0] for each in loaded} & {"pulumi", "pulumi_aws", "pulumi_kubernetes"}
