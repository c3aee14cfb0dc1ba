"""The listing of each published case of netpol-analyzer equals the one of netpol-analyzer, byte for byte.

The cases are data of that project under its licence and are not part of this project. The tests look for them next to
the checkout, in ``shared/conformance/netpol-analyzer``.
"""

from pathlib import Path

import pytest

from flash_ticket.firewall.analyse.manifests.directory import read_cluster
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.report.connections import lines

CASES = Path(__file__).parents[3] / ".." / "shared" / "conformance" / "netpol-analyzer"
NAMES = sorted(path.stem for path in (CASES / "expected").glob("*.txt"))

needs_cases = pytest.mark.skipif(not NAMES, reason=f"netpol-analyzer's cases are not at {CASES}")


@needs_cases
@pytest.mark.parametrize("name", NAMES or ["any"])
def test_the_listing_of_a_published_case_equals_the_expected_one(name: str) -> None:
    cluster = read_cluster(CASES / "cases" / name)

    listing = "".join(lines(Reachability(cluster).connections()))

    assert listing == (CASES / "expected" / f"{name}.txt").read_text(encoding="utf-8")


@needs_cases
def test_every_published_case_has_an_expected_listing() -> None:
    assert sorted(path.name for path in (CASES / "cases").iterdir()) == NAMES
