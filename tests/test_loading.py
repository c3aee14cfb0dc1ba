"""What each verb and each room loads: a fresh interpreter imports only what the work needs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.rooms import OUTSIDE_WORLD, PURE, ROOT
from tests.support.traffic.incident import INVENTORY
from tests.support.traffic.made_up_night import write_night


def fresh(code: str) -> list[str]:
    """Return what a fresh interpreter prints; nothing of this one's imports is there."""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    return run.stdout.split()


def test_importing_the_pure_rooms_loads_no_pulumi_no_aws_and_no_kubernetes_client() -> None:
    files = (path for room in PURE for path in (ROOT / "flash_ticket" / room).rglob("*.py"))
    modules = (str(path.relative_to(ROOT)).removesuffix(".py").replace("/", ".") for path in files)
    wanted = [module.removesuffix(".__init__") for module in modules]
    loaded = fresh(f"import importlib, sys; [importlib.import_module(m) for m in {wanted!r}]; print(*sys.modules)")

    assert set(wanted) <= set(loaded)
    assert not {each.partition(".")[0] for each in loaded} & {*OUTSIDE_WORLD, "components", "lab", "tests"}


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


DENY = """
kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""


def loaded_by(*arguments: str) -> set[str]:
    """Return the modules that a verb loads."""
    code = f"""
import sys
from flash_ticket.cli.main import app
try:
    app({list(arguments)!r})
except SystemExit as end:
    print("LOADED", end.code, *sys.modules)
"""
    printed = fresh(code)
    status, *loaded = printed[printed.index("LOADED") + 1 :]
    assert status in {"0", "1"}
    return set(loaded)


@pytest.mark.parametrize("verb", ["denied", "replay", "learn", "list"])
def test_a_verb_that_reads_files_alone_loads_no_client_of_a_cluster_or_an_account(verb: str, tmp_path: Path) -> None:
    log, known = tmp_path / "hubble.log", tmp_path / "inventory.json"
    log.write_text(
        json.dumps({"flow": {"time": "2026-11-24T03:00:00Z", "verdict": "DROPPED"}}) + "\n", encoding="utf-8"
    )
    known.write_text(inventory_json(INVENTORY), encoding="utf-8")
    (tmp_path / "deny.yaml").write_text(DENY, encoding="utf-8")
    files = (str(log), "--inventory", str(known), "--stack", "dev")
    loaded = loaded_by(verb, *(("--dir", str(tmp_path / "deny.yaml")) if verb == "list" else files))

    assert not {each.partition(".")[0] for each in loaded} & OUTSIDE_WORLD


def test_a_stack_without_alerts_is_proven_without_what_compiles_alerts() -> None:
    assert "flash_ticket.firewall.compile.alerts.cloudwatch" not in loaded_by("check")


@pytest.mark.parametrize(
    "ends",
    ["from flash_ticket.live.stack.running_program import end_at_once; end_at_once()", "import flash_ticket.cli"],
    ids=["a program", "a verb"],
)
def test_it_ends_without_a_look_at_each_of_its_objects(ends: str) -> None:
    seen = "atexit.register(lambda: print(gc.get_freeze_count()))"  # it runs after what is registered later
    (left_alone,) = map(int, fresh(f"import atexit, gc; {seen}; {ends}; kept = [[] for _ in range(1000)]"))

    assert left_alone >= 1000


def test_a_verb_that_loads_duckdb_says_nothing_of_it_at_its_end(tmp_path: Path) -> None:
    files = [str(write_night(tmp_path) / "flows"), "--inventory", str(tmp_path / "inventory.json")]
    command = [sys.executable, "-m", "flash_ticket.cli.main", "denied", *files, "--stack", "dev"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own command

    assert (ended.returncode, ended.stderr) == (1, "")
    assert "Declared but denied" in ended.stdout
