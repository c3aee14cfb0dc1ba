"""Analyse a directory of manifests; print on stderr what the analysis skipped, and other notes beside an answer."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flash_ticket.firewall.analyse.cluster import AnalysedCluster
from flash_ticket.firewall.analyse.manifests.directory import read_cluster
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.terms.input_error import InputError, escaped_lines

_MOST_NOTES = 20


Live = Annotated[bool, typer.Option("--live", help="The cluster of the kubeconfig as it is now, instead of files.")]
Context = Annotated[str | None, typer.Option("--context", help="With --live: a context of the kubeconfig.")]


def analysed(directory: Path) -> Reachability:
    """Return the reachability of a directory of manifests.

    Raises:
        InputError: The manifests cannot be used.
    """
    return _noted(read_cluster(directory), f"{directory}: these manifests hold")


def analysed_live(directory: Path | None, context: str | None) -> Reachability:
    """Return the reachability of the cluster as it is now.

    Raises:
        InputError: A directory is named, too, or the cluster cannot be read.
    """
    if directory:
        raise InputError("--live", "", "a directory is named, too", "Leave one of --live and --dir out")
    from flash_ticket.live.kubernetes_cluster import KubernetesCluster  # noqa: PLC0415 - files need no client
    from flash_ticket.live.manifests import read_live_cluster  # noqa: PLC0415 - as above

    cluster = KubernetesCluster.connect(None, context)
    return _noted(read_live_cluster(cluster), f"{cluster.api.configuration.host}: this cluster holds")


def _noted(cluster: AnalysedCluster, holds: str) -> Reachability:
    reachability = Reachability(cluster)
    show_notes(reachability.notes)
    if not reachability.parties:
        sys.stderr.write(escaped_lines([f"note: {holds} no workload, so nothing can be reached"]))
    return reachability


def show_notes(notes: Sequence[object]) -> None:
    """Print the first notes on stderr, a line each, and the number of the others."""
    for note in notes[:_MOST_NOTES]:
        sys.stderr.write(f"note: {note}\n")
    if len(notes) > _MOST_NOTES:
        sys.stderr.write(f"note: and {len(notes) - _MOST_NOTES} more like these\n")
