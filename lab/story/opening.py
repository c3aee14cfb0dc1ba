"""The beginning of the demo. It shows matrix, proof and picture of the shop during the build of the lab's tools."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE, read_project, stacks
from flash_ticket.firewall.terms.ports import listing
from flash_ticket.report.picture.graph_layout import columns
from flash_ticket.report.proof import proof_text
from lab.running.child import die_with_parent

_REPOSITORY = Path(__file__).parents[2]


def begin() -> None:
    """Show the parts that need no lab, and return when the tools of the lab are ready.

    Raises:
        SystemExit: The download or the build of a tool failed. Standard error says which tool, and why.
    """
    with _tools_in_background():
        matrix = read_matrix(_REPOSITORY / MATRIX_FILE)
        lines = [*_matrix(matrix), *_proof(), *_shop(matrix)]
        typer.echo("\n".join(lines))  # in one write, because the progress of the tools appears on the same terminal


@contextmanager
def _tools_in_background() -> Iterator[None]:
    """Make the tools in another process while the block runs. Wait for that process at the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "lab", "tools"],
        cwd=_REPOSITORY,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # only this process gets Ctrl-C, and it then ends the other one
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one libc call, and no other thread has started yet
    ) as making:
        try:
            yield
            code = making.wait()
        except BaseException:
            making.terminate()
            making.wait()
            raise
    if code:
        raise SystemExit(code)


def _matrix(matrix: Matrix) -> Iterator[str]:
    yield from title("The matrix: traffic.yaml, the same in every environment")
    for flow in matrix.flows:
        yield f"  {flow.source:>8} -> {flow.target:<9} {listing(flow.ports)}"
    yield "  Everything else is denied."


def _proof() -> Iterator[str]:
    yield from title("The proof: both layers of each environment, compiled and compared with the matrix")
    for stack in stacks(_REPOSITORY):
        for line in proof_text(read_project(_REPOSITORY, stack).proof()).splitlines():
            yield f"  {stack}: {line}"


def _shop(matrix: Matrix) -> Iterator[str]:
    """Yield a line for each caller, with a column for each called endpoint. Their order makes the calls a staircase."""
    yield from title("The shop: who calls (on the left) and who is called (above), on which ports")
    ports = {(flow.source, flow.target): listing(flow.ports) for flow in matrix.flows}
    place = columns(sorted({end for pair in ports for end in pair}), sorted(ports))
    order = sorted(place, key=lambda end: (place[end], end))
    callers = [end for end in order if any(end == source for source, _ in ports)]
    called = [end for end in order if any(end == target for _, target in ports)]
    rows = [["", *called], *([caller, *(ports.get((caller, end), ".") for end in called)] for caller in callers)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip()
    yield "  The same as a drawing: docs/shop.svg, by flash-firewall list --stack dev --output svg"


def title(text: str) -> tuple[str, str]:
    """Return the heading lines of a section of the demo."""
    return "", typer.style(f"== {text}", bold=True)
