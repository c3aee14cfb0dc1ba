"""Analyse a directory of manifests; print on stderr what the analysis skipped, and other notes beside an answer."""

import sys
from collections.abc import Sequence
from pathlib import Path

from flash_ticket.firewall.analyse.manifests.directory import read_cluster
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.terms.input_error import escaped_lines

_MOST_NOTES = 20


def analysed(directory: Path) -> Reachability:
    """Return the reachability of a directory of manifests.

    Raises:
        InputError: The manifests cannot be used.
    """
    reachability = Reachability(read_cluster(directory))
    show_notes(reachability.notes)
    if not reachability.parties:
        said = f"note: {directory}: these manifests hold no workload, so nothing can be reached"
        sys.stderr.write(escaped_lines([said]))
    return reachability


def show_notes(notes: Sequence[object]) -> None:
    """Print the first notes on stderr, a line each, and the number of the others."""
    for note in notes[:_MOST_NOTES]:
        sys.stderr.write(f"note: {note}\n")
    if len(notes) > _MOST_NOTES:
        sys.stderr.write(f"note: and {len(notes) - _MOST_NOTES} more like these\n")
