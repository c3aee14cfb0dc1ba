"""The listing of each published case of netpol-analyzer with policies of administrators equals its own, byte for byte.

One case names nodes, whose addresses no manifest holds. netpol-analyzer leaves them out and warns. This program does
not answer, and names them. Without them, the listings are equal.

The cases are data of that project under its licence and are not part of this project. The tests look for them next to
the checkout, in ``shared/conformance/netpol-analyzer-admin``.
"""

from pathlib import Path

import pytest
import yaml

from flash_ticket.firewall.analyse.cluster import cluster_of
from flash_ticket.firewall.analyse.manifests.directory import read_cluster, read_manifests
from flash_ticket.firewall.analyse.manifests.manifest import Manifest
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.report.connections import lines

CASES = Path(__file__).parents[3] / ".." / "shared" / "conformance" / "netpol-analyzer-admin"
NAMES = sorted(path.stem for path in (CASES / "expected").glob("*.txt"))
WITH_NODES = {name for name in NAMES if "nodes:" in "".join(map(Path.read_text, (CASES / "cases" / name).iterdir()))}

needs_cases = pytest.mark.skipif(not NAMES, reason=f"netpol-analyzer's cases are not at {CASES}")


def expected(name: str) -> str:
    return (CASES / "expected" / f"{name}.txt").read_text(encoding="utf-8")


@needs_cases
@pytest.mark.parametrize("name", sorted(set(NAMES) - WITH_NODES) or ["any"])
def test_the_listing_of_a_published_case_equals_the_expected_one(name: str) -> None:
    cluster = read_cluster(CASES / "cases" / name)

    assert "".join(lines(Reachability(cluster).connections())) == expected(name)


@needs_cases
@pytest.mark.parametrize("name", sorted(WITH_NODES) or ["any"])
def test_a_case_that_names_nodes_is_not_answered_and_without_them_equals_the_expected_one(name: str) -> None:
    with pytest.raises(InputError, match=r"nodes: this rule cannot be judged"):
        read_cluster(CASES / "cases" / name)

    cluster = cluster_of(map(without_nodes, read_manifests(CASES / "cases" / name)))

    assert "".join(lines(Reachability(cluster).connections())) == expected(name)


def without_nodes(manifest: Manifest) -> Manifest:
    body = yaml.safe_load(yaml.safe_dump(dict(manifest.body)))
    for rule in list((body.get("spec") or {}).get("egress") or ()):
        rule["to"] = [peer for peer in rule["to"] if "nodes" not in peer]
        if not rule["to"]:
            body["spec"]["egress"].remove(rule)
    return Manifest(manifest.source, manifest.place, body)


@needs_cases
def test_every_published_case_has_an_expected_listing() -> None:
    assert sorted(path.name for path in (CASES / "cases").iterdir()) == NAMES
