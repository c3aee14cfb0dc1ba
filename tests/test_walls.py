"""The walls between the rooms: what each may import, in which order, and how long a file may be."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.loaders import Loader

from tests.support.rooms import OUTSIDE_WORLD, PURE, ROOT

PRODUCT = ("flash_ticket", "components", "package")
OURS = {*PRODUCT, "lab", "tests"}
PROGRAM = ROOT / "__main__.py"


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(parsed(path)))


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield what a file imports, wherever in it, as the parts of dotted names."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide which folder is meant"
            yield tuple((node.module or "").split("."))


def brought_in(path: Path) -> set[str]:
    """Return the modules that a file imports, also those that it takes from their folder by name."""
    from_folders = (
        f"{node.module}.{alias.name}"
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )
    return {*from_folders, *(".".join(each) for each in imported(path))}


def roots(path: Path) -> set[str]:
    return {name[0] for name in imported(path)}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module(path: Path) -> str:
    return named(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def every(paths: list[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """Make one test of a promise that every file keeps. It fails with the name of each file that does not."""

    def made(promise: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            assert {named(path): why for path in paths if (why := broken(promise, path))} == {}

        test.__doc__ = promise.__doc__
        return test

    return made


def broken(promise: Callable[[Path], None], path: Path) -> str:
    """Return how a file breaks a promise; empty if it keeps it."""
    try:
        promise(path)
    except AssertionError as error:
        return str(error) or "it does"
    return ""


# The floors of the house, from the ground up: a room imports from floors below its own, and from itself.
PACKAGE = (("firewall",), ("traffic",), ("verify",), ("live", "report"), ("operate",), ("cli",))
FIREWALL = (("terms",), ("declare", "analyse"), ("bind",), ("compile",), ("prove",), ("change",))
NETWORK = OUTSIDE_WORLD | {"requests", "urllib", "urllib3", "http", "socket", "ssl", "subprocess", "moto"}


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


@every(files("flash_ticket"))
def test_a_room_imports_from_the_floors_below_it_alone(path: Path) -> None:
    if path.parent != ROOT / "flash_ticket":
        assert climbs(path, ("flash_ticket",), PACKAGE) == []


@every(files("flash_ticket/firewall"))
def test_inside_the_firewall_a_room_imports_from_the_floors_below_it_alone(path: Path) -> None:
    assert climbs(path, ("flash_ticket", "firewall"), FIREWALL) == []


def test_no_two_files_import_each_other_by_any_way() -> None:
    ours = {module(path): path for path in files(*PRODUCT)}
    below = {name: brought_in(path) & set(ours) for name, path in ours.items()}
    settled: set[str] = set()
    while ground := {name for name, needs in below.items() if name not in settled and needs <= settled | {name}}:
        settled |= ground

    assert settled == set(ours)


@every(files(*(f"flash_ticket/{room}" for room in PURE)))
def test_the_pure_rooms_know_no_network_no_cluster_and_no_pulumi(path: Path) -> None:
    assert not roots(path) & (NETWORK | (OURS - {"flash_ticket"}))


@every(files("components"))
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


@every(files("components"))
def test_components_hold_resources_and_their_arguments_only(path: Path) -> None:
    """Every class is a component or a frozen dataclass, and every function beside them is private."""
    for node in parsed(path).body:
        if isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base) for base in node.bases]
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            assert bases == ["pulumi.ComponentResource"] or decorators == ["dataclass(frozen=True, slots=True)"]
        if isinstance(node, ast.FunctionDef):
            assert node.name.startswith("_"), f"{node.name} decides something: it belongs to flash_ticket"


@every(files("package"))
def test_the_package_joins_what_reads_and_what_declares_and_asks_no_api_itself(path: Path) -> None:
    ours = {name[:2] for name in imported(path) if name[0] == "flash_ticket"}

    assert {room for _, room in ours} <= {"firewall", "live", "report"}
    assert not roots(path) & ((NETWORK | {"pydantic"}) - {"pulumi"})


@every([PROGRAM, *files(*PRODUCT)])
def test_nothing_of_the_product_knows_the_lab_the_tests_or_the_benchmarks(path: Path) -> None:
    assert not roots(path) & {"lab", "tests", "moto", "pytest", "hypothesis"}


@every(files("lab/vpc"))
def test_the_imitation_of_a_vpc_knows_nothing_of_what_it_judges(path: Path) -> None:
    """It reads the account by itself, so that a mistake in the product cannot hide in it."""
    assert {name[:2] for name in imported(path) if name[0] in OURS} <= {("lab", "vpc")}


@every(files("flash_ticket/live"))
def test_live_declares_no_resource_and_is_no_command(path: Path) -> None:
    """Of Pulumi it knows the running program: its configuration, what its state and other stacks hold, how it ends."""
    assert not roots(path) & {"components", "pulumi_aws", "pulumi_kubernetes"}
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pulumi":
            allowed = {"Config", "StackReference", "get_organization", "get_project", "get_stack", "log", "runtime"}
            assert node.attr in allowed


WRITING = re.compile(
    r"(create|delete|put|patch|replace|modify|authorize|revoke|update|start|stop|attach|detach|associate|disassociate"
    r"|add|remove|set|tag|untag|cancel|copy|upload|restore|run|invoke|connect|execute|import)_[a-z0-9_]+"
)
READING = re.compile(r"(batch_get|describe|filter|get|head|list|lookup)_[a-z0-9_]+")
QUESTIONS = {
    "start_query_execution": "Athena answers nothing but a query that somebody starts",
    "stop_query_execution": "ends such a query of our own, which costs money while it runs",
    "create_client": "makes a client of the SDK, without a call",
    "set_result": "hands an answer to the threads of the program that wait for it",
    "set_exception": "an error, too",
}
WRITES_THAT_ASK = {
    "self._answered('POST', path, _WHO)": "a SelfSubjectReview is an answer; nothing is kept of it",
    "self._answered('PATCH', f'/api/v1/namespaces/{namespace}', content, dryRun='All')": "the server only tries it",
}
PRIVATE_COPIES = {
    "flash_ticket/live/logs/flow_log_bucket.py": "objects of a bucket, a batch at a time, because DuckDB reads files",
    "flash_ticket/live/logs/standard_input.py": "standard input, which is read more than once",
    "flash_ticket/live/stack/git.py": "the project's files as a revision of git has them",
    "flash_ticket/traffic/flow_logs/events.py": "lines of a log group, because DuckDB reads files",
}
CHANGES_BY_THE_SYSTEM = re.compile(
    r"(os\.(chmod|chown|link|makedirs|mkdir|remove|removedirs|rename|renames|replace|rmdir|symlink|truncate|unlink)"
    r"|shutil\.(copy|copy2|copyfile|copytree|move|rmtree))"
)
PROGRAMS = re.compile(r"(os\.(exec|fork|popen|posix_spawn|spawn|startfile|system)\w*|pty\.\w+|__import__|exec|eval)")
CHANGES_OF_FILES = {
    *("write_text", "write_bytes", "mkdir", "unlink", "touch", "rename", "rmdir", "chmod", "symlink_to", "hardlink_to"),
    *("rmtree", "copymode", "copytree", "makedirs", "NamedTemporaryFile", "mkstemp", "mkdtemp"),
}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls of a file, each with the last part of what is called."""
    for node in nodes(path):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).rpartition(".")[2], node


def changes_a_file(called: str, call: ast.Call) -> bool:
    """Return whether a call opens a file to write it, or changes what the disk holds."""
    given = map(text_of, (*call.args, *(keyword.value for keyword in call.keywords)))
    modes = [each for each in given if re.fullmatch(r"[rwaxbt+]{1,3}", each)]
    opens = called == "open" and any(set(each) & set("wax+") for each in modes)
    return opens or called in CHANGES_OF_FILES or CHANGES_BY_THE_SYSTEM.fullmatch(ast.unparse(call.func)) is not None


def text_of(node: ast.AST) -> str:
    """Return a literal text; empty for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@every(files("flash_ticket/live"))
def test_live_asks_both_apis_and_writes_to_none(path: Path) -> None:
    tree = nodes(path)
    operations = set(map(text_of, tree)) | {called for called, _ in calls(path)}
    methods = {
        ast.unparse(call)
        for _, call in calls(path)
        if {"POST", "PUT", "PATCH", "DELETE"} & set(map(text_of, (*call.args, *(each.value for each in call.keywords))))
    }

    assert {each for each in operations if WRITING.fullmatch(each)} <= set(QUESTIONS)
    assert operations & writing_operations() <= set(QUESTIONS)
    assert methods <= set(WRITES_THAT_ASK)


@cache
def writing_operations() -> frozenset[str]:
    """Return the SDK's methods of the services that live names, except those that only read."""
    loader = Loader()
    named = {text_of(node) for path in files("flash_ticket/live") for node in nodes(path)}
    services = named & set(loader.list_available_services("service-2"))
    assert {"ec2", "eks", "s3", "logs", "kms"} <= services
    methods = {
        xform_name(operation)
        for service in services
        for operation in loader.load_service_model(service, "service-2")["operations"]
    }
    return frozenset(each for each in methods if "_" in each and not READING.fullmatch(each))


@every([PROGRAM, *files(*PRODUCT)])
def test_only_operate_changes_files_and_all_else_keeps_but_private_copies(path: Path) -> None:
    if "operate" in path.parts or not any(changes_a_file(*each) for each in calls(path)):
        return
    assert named(path) in PRIVATE_COPIES
    assert "TemporaryDirectory" in {called for called, _ in calls(path)}


@every([PROGRAM, *files(*PRODUCT)])
def test_only_operate_runs_pulumi_rewrites_the_settings_and_touches_a_pod(path: Path) -> None:
    if "operate" in path.parts:
        return
    names = set(imported(path))
    used = {called for called, _ in calls(path)}

    assert [call for _, call in calls(path) if PROGRAMS.fullmatch(ast.unparse(call.func))] == []
    assert ("importlib",) not in names or named(path) == "flash_ticket/cli/main.py", "a name in a text hides an import"
    assert ("subprocess",) not in names or named(path) in ASKING
    assert ("pulumi", "automation") not in {name[:2] for name in names}
    assert ("kubernetes", "stream") not in {name[:2] for name in names}
    assert not used & {"with_suspensions", "CoreV1Api", "PulumiCommand", "Popen"}


ASKING = {
    "flash_ticket/live/stack/git.py": ({"git"}, [{"cat-file"}, {"log"}, {"config"}], 3),
    # A stack's configuration may be in other stacks and in environments, and only Pulumi reads these.
    "flash_ticket/live/stack/pulumi_answers.py": ({"pulumi"}, [{"stack", "output", "--json"}, {"config", "--json"}], 1),
}
"""What live runs, the questions that it asks, and from how many places it runs them."""


@pytest.mark.parametrize("name", ASKING)
def test_git_and_pulumi_are_all_that_live_runs_and_they_are_only_asked(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    commands = [
        [text_of(each) for each in node.elts]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.List) and node.elts and text_of(node.elts[0])
    ]
    programs, questions, places = ASKING[name]

    assert {command[0] for command in commands} == programs
    assert all(any(question <= set(command) for question in questions) for command in commands)
    assert not {word for command in commands for word in command} & {"set", "rm", "up", "destroy", "import", "refresh"}
    assert sum("subprocess.run" in line for line in text.splitlines()) == places


@every(files("flash_ticket/cli"))
def test_the_command_asks_others_and_decides_nothing(path: Path) -> None:
    """It reads no cloud, parses no file format and computes no address by itself."""
    forbidden = OUTSIDE_WORLD | {"components", "yaml", "pydantic", "ipaddress", "re", "subprocess", "socket"}

    assert not roots(path) & forbidden


def test_the_program_is_a_story_without_a_branch_but_a_refusal() -> None:
    branches = [node for node in nodes(PROGRAM) if isinstance(node, ast.If | ast.IfExp | ast.Match | ast.While)]
    refusals = [node for node in nodes(PROGRAM) if isinstance(node, ast.If | ast.ExceptHandler)]

    assert [node for node in branches if not isinstance(node, ast.If) or node.orelse] == []
    for node in refusals:
        assert [ast.unparse(each).partition("(")[0] for each in node.body] in (
            ["program.refuse"],
            ["program.refuse_input"],
        )


def test_the_program_fits_on_one_screen_and_imports_no_provider() -> None:
    assert len(PROGRAM.read_text(encoding="utf-8").splitlines()) <= 60
    assert not roots(PROGRAM) & {"pulumi_aws", "pulumi_kubernetes", "boto3", "kubernetes"}


@every([PROGRAM, *files(*OURS)])
def test_a_file_holds_one_idea_on_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert path.stem not in {"helpers", "utils", "util", "common", "misc", "manager"}


def rooms() -> list[Path]:
    return sorted({path.parent for path in files(*PRODUCT, "lab")})


@every(rooms())
def test_a_room_holds_about_ten_files(room: Path) -> None:
    assert len([path for path in room.glob("*.py") if path.stem != "__init__"]) <= 12


def test_a_short_file_with_a_single_importer_is_a_part_of_that_one() -> None:
    """A verb and a component have a file each, however short."""
    importers = Counter(name for path in (PROGRAM, *files(*PRODUCT)) for name in brought_in(path))
    crumbs = [
        named(path)
        for path in files("flash_ticket")
        if path.stem != "__init__" and path.parent.name != "verbs"
        if len(path.read_text(encoding="utf-8").splitlines()) < 40 and importers[module(path)] <= 1
    ]

    assert crumbs == []
