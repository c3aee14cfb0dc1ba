"""Real connections between real pods under the enforcer that EKS runs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.enclosure import cgroups
from lab.enclosure.needs import missing
from lab.toolchain.node_kits import Enforcer

pytestmark = pytest.mark.engine

REPOSITORY = Path(__file__).parents[3]
PATIENCE_SECONDS = 120.0
FURTHER = 4
"""More declarations than a test looks at: the node ends while they are tried."""


@pytest.fixture(scope="module", autouse=True)
def needs() -> None:
    if lacking := missing():
        pytest.skip(lacking)


def packets(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - this project's own module
        [sys.executable, "-m", "lab", "packets", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def compared(*arguments: str) -> list[dict[str, Any]]:
    process = packets(*arguments, "--output", "json")
    output, errors = process.communicate()
    assert process.returncode == 0, f"{output}{errors}"
    return [line for line in json.loads(output) if "declaration" in line]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of the first declarations on a node, which was then ended while the next one was tried.

    Attributes:
        lines: The comparison for each of the first declarations.
        process: The id of the node's owner.
        namespaces: What the owner's enclosure had, see `namespaces_below`.
        code: The owner's exit code.
        errors: What it printed at its end.
    """

    lines: list[dict[str, Any]]
    process: int
    namespaces: frozenset[str]
    code: int
    errors: str


def tried(count: int, end: Callable[[int], None], *arguments: str) -> Tried:
    """Try the shop in dev, then random declarations, and call ``end`` with the owner after ``count`` declarations."""
    process = packets("--stack", "dev", "--random", str(count + FURTHER), "--output", "json", *arguments)
    lines: list[dict[str, Any]] = []
    while process.stdout and len(lines) <= count:  # the first line is of the node
        line = process.stdout.readline()
        assert line, process.communicate()
        lines.append(json.loads(line[1:]))  # after the bracket or the comma of an array
    own = {str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in ("pid", "net")}
    inside = frozenset(namespaces_below(process.pid)) - own
    end(process.pid)
    _, errors = process.communicate()
    return Tried(lines[1:], process.pid, inside, process.returncode, errors)


def killing(program: str) -> Callable[[int], None]:
    """Return a function that kills a program of the node."""

    def kill(owner: int) -> None:
        (killed,) = (each for each in processes_below(owner) if executable(each) == program)
        os.kill(int(killed.name), signal.SIGKILL)

    return kill


def kill_owner(owner: int) -> None:
    os.kill(owner, signal.SIGKILL)


@pytest.fixture(scope="module")
def agent_killed() -> Tried:
    """The comparison for the shop in dev, where the probe runs as well, and for two random declarations."""
    return tried(3, killing("aws-network-policy-agent"), "--probe", "1", "--layers", "pod")


@pytest.fixture(scope="module")
def found(agent_killed: Tried) -> list[dict[str, Any]]:
    return agent_killed.lines


@pytest.fixture(scope="module")
def owner_killed() -> Tried:
    """The comparison for the shop in dev and four random declarations, with an imitation of the VPC beside the agent.

    In two of them, the pods are on one node in strict mode.
    """
    return tried(5, kill_owner, "--seed", "10")


@pytest.fixture(scope="module")
def under_both_layers(owner_killed: Tried) -> list[dict[str, Any]]:
    return owner_killed.lines


@pytest.fixture(scope="module")
def kubelet_killed() -> Tried:
    """The comparison for the shop alone, where the probe runs as well, under an enforcer that rejects."""
    return tried(1, killing("kubelet"), "--probe", "1", "--enforcer", "kube-router")


@pytest.fixture(scope="module")
def rejected(kubelet_killed: Tried) -> list[dict[str, Any]]:
    return kubelet_killed.lines


@pytest.fixture(scope="module")
def owner_killed_at_once() -> Tried:
    """Nothing: the owner is killed when the node is there."""
    return tried(0, kill_owner)


@pytest.fixture(scope="module")
def by_identity() -> list[dict[str, Any]]:
    """The same for the shop and two random declarations, under an enforcer where an ipBlock matches no pod."""
    if lacking := missing(Enforcer.CILIUM):
        pytest.skip(lacking)
    return compared("--stack", "dev", "--random", "2", "--probe", "1", "--enforcer", "cilium")


def test_packets_do_what_the_analyzer_says_for_every_pair_of_the_shop_and_of_random_declarations(
    found: list[dict[str, Any]],
) -> None:
    assert len(found) == 3
    assert [each for line in found for each in (*line["differences"], *line["unsaid"])] == []


def test_each_layer_stops_what_the_product_says_and_only_the_layer_that_comes_first_shows(
    under_both_layers: list[dict[str, Any]],
) -> None:
    assert [each for line in under_both_layers for each in (*line["differences"], *line["unsaid"])] == []
    for line in under_both_layers:
        assert sum(line["stopped"].values()) == sum(line["dropped"].values()) == line["tried"] - line["passing"]
        assert line["dropped"]["pod"] == line["logged"]["stopped"]
    assert set(under_both_layers[0]["stopped"]) == {"pod", "vpc", "pod and vpc"}
    assert set(under_both_layers[0]["dropped"]) == {"pod", "vpc"}


def test_an_enforcer_that_rejects_does_what_the_analyzer_says_too(rejected: list[dict[str, Any]]) -> None:
    (shop,) = rejected
    assert (shop["differences"], shop["unsaid"]) == ([], [])
    assert 0 < shop["passing"] < shop["tried"]


def test_an_enforcer_that_knows_identities_does_what_the_analyzer_says_too(by_identity: list[dict[str, Any]]) -> None:
    assert len(by_identity) == 3
    assert [each for line in by_identity for each in (*line["differences"], *line["unsaid"])] == []
    assert all(0 < line["passing"] < line["tried"] for line in by_identity)


def test_the_probe_finds_nothing_wrong_under_cilium_which_drops(by_identity: list[dict[str, Any]]) -> None:
    everything, without_api = by_identity[0]["probes"]
    assert (everything["false"], without_api["false"]) == ([], [])
    assert everything["verdicts"] == {"holds": 18, "undecided": 0, "not run": 0, "violated": 0}


def checks(shop: dict[str, Any], run: int, source: str, target: str) -> list[str]:
    return [each for each in shop["probes"][run]["checks"] if each.startswith(f"{source} => {target} : ")]


def test_the_probe_finds_nothing_where_nothing_is_wrong_under_either_enforcer(
    found: list[dict[str, Any]], rejected: list[dict[str, Any]]
) -> None:
    for shop, enforcer in ((found[0], "drops"), (rejected[0], "rejects")):
        everything, _ = shop["probes"]
        assert (everything["enforcer"], everything["false"]) == (enforcer, [])
        assert everything["verdicts"] == {"holds": 18, "undecided": 0, "not run": 0, "violated": 0}


def test_the_probe_says_what_it_saw_and_why_it_takes_that_for_the_enforcer(
    found: list[dict[str, Any]], rejected: list[dict[str, Any]]
) -> None:
    (dropped,) = checks(found[0], 0, "gateway", "pay")
    assert dropped.startswith("gateway => pay : TCP 3100 must not connect: holds, ")
    assert dropped.endswith("timed-out: dropped without an answer (api connects to it)")
    (refused,) = checks(rejected[0], 0, "gateway", "pay")
    assert refused.endswith("refused: an enforcer rejects it (api connects to it)")


def test_the_probe_takes_an_absent_listener_for_no_firewall_under_either_enforcer(
    found: list[dict[str, Any]], rejected: list[dict[str, Any]]
) -> None:
    for shop in (found[0], rejected[0]):
        _, without_api = shop["probes"]
        assert (without_api["silent"], without_api["false"]) == ("api", [])
        assert without_api["verdicts"]["violated"] == 1
        (declared,) = checks(shop, 1, "gateway", "api")
        assert "must connect: violated" in declared
        assert "nothing listens" in declared
        assert "its own pod is refused, too" in declared
    (undeclared,) = checks(rejected[0], 1, "pay", "api")
    assert "must not connect: undecided" in undeclared
    (undeclared,) = checks(found[0], 1, "pay", "api")
    assert "must not connect: holds" in undeclared


def test_each_connection_that_the_pod_layer_stops_is_in_the_agents_own_log_and_nothing_else_is(
    found: list[dict[str, Any]], under_both_layers: list[dict[str, Any]]
) -> None:
    for line in (*found, *under_both_layers):
        logged = dict(line["logged"])
        assert logged.pop("stopped") > 0
        assert logged == {"missing": [], "invented": [], "malformed": 0}


def test_something_passes_and_something_is_stopped(found: list[dict[str, Any]]) -> None:
    assert all(0 < line["passing"] < line["tried"] for line in found)


def processes_below(process: int) -> Iterator[Path]:
    """Yield the folders in /proc of what runs in a process's enclosure."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if f"={cgroups.PREFIX}{process}-".encode() in (entry / "environ").read_bytes():
                yield entry


def executable(process: Path) -> str:
    """Return the name of the file that a process runs, by its folder in /proc; nothing if it has ended meanwhile."""
    with contextlib.suppress(OSError):
        return (process / "exe").readlink().name
    return ""


def namespaces_below(process: int) -> Iterator[str]:
    """Yield the namespaces of processes and of networks that a process's enclosure has."""
    for entry in processes_below(process):
        with contextlib.suppress(OSError):
            yield from (str((entry / "ns" / kind).readlink()) for kind in ("pid", "net"))


def inhabited(namespaces: frozenset[str]) -> frozenset[str]:
    """Return those of some namespaces that a process is in."""
    found = set[str]()
    for entry in Path("/proc").glob("[0-9]*"):
        for kind in ("pid", "net"):
            try:
                found.add(str((entry / "ns" / kind).readlink()))
            except OSError:
                continue
    return namespaces & found


@pytest.mark.parametrize(
    ("node", "program"), [("kubelet_killed", "kubelet"), ("agent_killed", "aws-network-policy-agent")]
)
def test_a_program_of_the_node_that_ends_is_named(node: str, program: str, request: pytest.FixtureRequest) -> None:
    ended: Tried = request.getfixturevalue(node)

    assert f"lab: {program} has ended with -9" in ended.errors
    assert ended.code == 2


@pytest.mark.parametrize(
    "node",
    [
        pytest.param("owner_killed_at_once", id="once it is there"),
        pytest.param("owner_killed", id="while connections are tried"),
    ],
)
def test_nothing_is_left_of_a_node_whose_owner_is_killed(node: str, request: pytest.FixtureRequest) -> None:
    ended: Tried = request.getfixturevalue(node)
    assert ended.namespaces

    def is_left() -> bool:
        groups = [each for each in cgroups.left() if each.name.startswith(f"{cgroups.PREFIX}{ended.process}-")]
        return bool(groups or inhabited(ended.namespaces))

    end = time.monotonic() + PATIENCE_SECONDS
    while is_left() and time.monotonic() < end:
        time.sleep(0.1)
    assert not is_left()
