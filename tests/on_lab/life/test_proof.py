"""A failed proof stops preview and deployment; a preview shows what it opens and closes and what can overrule it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lab.running.engine import Engine, Result
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.engine.apis import NAMESPACE, REPOSITORY, Apis
from tests.support.engine.life import Life

pytestmark = pytest.mark.engine


@dataclass(frozen=True, slots=True)
class Fault:
    """A compiler broken on purpose, and the expected row of the table.

    Attributes:
        file: The file, below the folder of the compilers.
        old: A text that the file holds once.
        new: Its replacement.
        wrong: The heading of the table.
        row: The source, the destination, ports and layer.
    """

    file: str
    old: str
    new: str
    wrong: str
    row: tuple[str, ...]


FAULTS = {
    "a rule is dropped": Fault(
        "pod_layer.py",
        "flow.ports, flow.because)\n            for flow in flows\n        ]\n",
        'flow.ports, flow.because)\n            for flow in flows if flow.target != "pay"\n        ]\n',
        "Declared, but stopped:",
        ("api", "pay", "TCP 3100", "pod"),
    ),
    "a rule is widened": Fault(
        "group_rules.py",
        "yield GroupRule(target, Direction.INGRESS, source, port, (purpose,))",
        "low = 1 if purpose == 'gateway to api' else port.first\n"
        "        port = PortRange(port.protocol, low, port.last)\n"
        "        yield GroupRule(target, Direction.INGRESS, source, port, (purpose,))",
        "Not declared, but open:",
        ("gateway", "api", "TCP 1-3999", "vpc"),
    ),
}

WIDENING = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "debug", "namespace": NAMESPACE},
    "spec": {
        "podSelector": {"matchLabels": {"app": "flash-pay"}},
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"ipBlock": {"cidr": "8.8.8.8/32"}}], "ports": [{"port": 443}]}],
    },
}
OVERRULING = {
    "apiVersion": "policy.networking.k8s.io/v1alpha2",
    "kind": "ClusterNetworkPolicy",
    "metadata": {"name": "quarantine"},
    "spec": {
        "tier": "Admin",
        "priority": 10,
        "subject": {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}},
        "ingress": [
            {
                "action": "Deny",
                "from": [{"namespaces": {}}],
                "protocols": [{"tcp": {"destinationPort": {"number": 3100}}}],
            }
        ],
    },
}
ATTACHING = {
    "apiVersion": "vpcresources.k8s.aws/v1beta1",
    "kind": "SecurityGroupPolicy",
    "metadata": {"name": "debug", "namespace": NAMESPACE},
    "spec": {
        "podSelector": {"matchLabels": {"app": "flash-pay"}},
        "securityGroups": {"groupIds": ["sg-0123456789abcdef0"]},
    },
}


def broken_program(folder: Path, fault: Fault) -> Path:
    """Return a copy of the program whose compiler has a fault."""
    program = copy_program(REPOSITORY, folder)
    package = program / "flash_ticket"
    package.unlink()
    shutil.copytree(REPOSITORY / "flash_ticket", package, ignore=shutil.ignore_patterns("__pycache__"))
    path = package / "firewall" / "compile" / fault.file
    text = path.read_text()
    assert text.count(fault.old) == 1
    path.write_text(text.replace(fault.old, fault.new))
    return program


def rows(result: Result) -> list[tuple[str, ...]]:
    """Return the cells of the table of the one error."""
    (error,) = [line for line in result.diagnostics if line.startswith("error: ")]
    assert error.startswith("error: The proof does not hold: ")
    table = error.partition("\n\n")[2]
    return [tuple(cell.strip() for cell in line.split("  ") if cell.strip()) for line in table.splitlines()]


def lines(result: Result, severity: str) -> list[str]:
    return [line.removeprefix(f"{severity}: ") for line in result.diagnostics if line.startswith(f"{severity}: ")]


@contextmanager
def standing(lab: Lab, *manifests: object) -> Iterator[None]:
    """Create objects of others in the cluster of dev for the length of a block."""
    kubectl, given = str(lab.toolchain.path("kubectl")), yaml.safe_dump_all(manifests)

    def call(verb: str) -> None:
        command = [kubectl, verb, "--filename=-"]
        subprocess.run(command, env=lab.env("dev"), input=given, text=True, check=True, capture_output=True)  # noqa: S603 - the lab's

    call("create")
    try:
        yield
    finally:
        call("delete")


@pytest.mark.parametrize("name", FAULTS)
def test_a_failed_proof_stops_preview_and_deployment(name: str, lab: Lab, tmp_path: Path) -> None:
    fault = FAULTS[name]
    engine = Engine(lab, "dev", broken_program(tmp_path / "program", fault))
    before = Apis(lab, "dev").look()

    for result in (engine.preview(), engine.up()):
        assert result.code != 0
        (wrong,), head, *found = rows(result)
        assert wrong == fault.wrong
        assert head == ("from", "to", "ports", "layer", "what decides", "what to change")
        assert fault.row in {row[:4] for row in found}
        assert result.changes == ()
        assert "Traceback" not in result.stdout + result.stderr
    assert Apis(lab, "dev").look() == before


def test_a_first_preview_says_that_nothing_is_deployed_yet(life: Life) -> None:
    assert "Nothing is deployed yet: this opens what is declared and closes the rest." in lines(life.preview, "info")


def test_a_preview_without_changes_says_so_in_one_line(life: Life) -> None:
    assert "No connection is opened or closed." in lines(life.second_preview, "info")


def test_a_preview_shows_what_a_changed_matrix_opens_and_closes(life: Life) -> None:
    (said,) = [line for line in lines(life.changed_preview, "info") if line.startswith("What this opens and closes:")]
    both, _, alone = said.partition("\n  in the pod layer only, stopped by the other:\n")

    assert {line.strip() for line in both.splitlines()[2:]} >= {
        "added    pay => mail : TCP 2525",
        "added    mail => DNS : TCP 53,UDP 53",
        "removed  pay => redis : TCP 6379",
        "changed  api => redis : TCP 6379 -> TCP 6380",
    }
    assert "gateway" not in both
    assert "    changed  pay => database : TCP 3306,5432,5672,6379 -> TCP 3306,5432,5672" in alone.splitlines()


def test_a_preview_shows_manual_changes(life: Life) -> None:
    (said,) = [line for line in lines(life.drifted_preview, "info") if line.startswith("What this opens and closes:")]

    assert "    added    api => redis : TCP 6379" in said.splitlines()
    assert "    added    api => pay : TCP 3100" in said.splitlines()


def test_policies_of_others_cause_warnings_and_one_that_cuts_a_declared_flow_ends_the_preview(
    lab: Lab, tmp_path: Path
) -> None:
    engine = Engine(lab, "dev", copy_program(REPOSITORY, tmp_path / "program"))

    with standing(lab, WIDENING, OVERRULING, ATTACHING):
        result = engine.preview()
    warnings = lines(result, "warning")

    assert result.code != 0
    assert ("api", "pay", "TCP 3100", "pod") in {row[:4] for row in rows(result)}
    assert (
        "This program did not create the NetworkPolicy debug, which opens more:\n"
        "    added    pay => the internet : TCP 443\n"
        "When this update has succeeded, remove it, or declare its flows in traffic.yaml."
    ) in warnings
    quarantine = (
        "ClusterNetworkPolicy.policy.networking.k8s.io quarantine: it cuts declared traffic: api => pay : TCP 3100"
    )
    assert any(line.startswith(quarantine) for line in warnings)
    debug = (
        "SecurityGroupPolicy flash-ticket/debug: this program did not create it, and it puts sg-0123456789abcdef0 on"
    )
    assert any(line.startswith(f"{debug} pods of pay") for line in warnings)
