"""Analyse a directory of manifests; print on stderr what the analysis skipped, and other notes beside an answer."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flash_ticket.firewall.analyse.cluster import AnalysedCluster
from flash_ticket.firewall.analyse.enforcement import Enforcement
from flash_ticket.firewall.analyse.manifests.directory import read_cluster
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.bind.environment import ENFORCEMENT
from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.terms.input_error import InputError, escaped_lines

_MOST_NOTES = 20


Live = Annotated[bool, typer.Option("--live", help="The cluster of the kubeconfig as it is now, instead of files.")]
Context = Annotated[str | None, typer.Option("--context", help="With --live: a context of the kubeconfig.")]
Plugin = Annotated[
    CniName | None,
    typer.Option(
        "--cni",
        help="With --dir or --live: the network plug-in that enforces the policies. With some of them, an ipBlock "
        "matches pods, too, by the addresses in the live cluster or in its dump. Default: an ipBlock matches no pod.",
    ),
]


def analysed(directory: Path, cni: CniName | None = None) -> Reachability:
    """Return the reachability of a directory of manifests.

    Args:
        directory: A directory, or one file.
        cni: The network plug-in that enforces the policies; without it, the words of the API count.

    Raises:
        InputError: The manifests cannot be used.
    """
    return _noted(read_cluster(directory), f"{directory}: these manifests hold", cni)


def analysed_live(directory: Path | None, context: str | None, cni: CniName | None = None) -> Reachability:
    """Return the reachability of the cluster as it is now.

    Args:
        directory: What the user named with --dir.
        context: A context of the kubeconfig; None for its current one.
        cni: As for ``analysed``.

    Raises:
        InputError: A directory is named, too, or the cluster cannot be read.
    """
    if directory:
        raise InputError("--live", "", "a directory is named, too", "Leave one of --live and --dir out")
    from flash_ticket.live.kubernetes_cluster import KubernetesCluster  # noqa: PLC0415 - files need no client
    from flash_ticket.live.manifests import read_live_cluster  # noqa: PLC0415 - as above

    cluster = KubernetesCluster.connect(None, context)
    return _noted(read_live_cluster(cluster), f"{cluster.api.configuration.host}: this cluster holds", cni)


def _noted(cluster: AnalysedCluster, holds: str, cni: CniName | None) -> Reachability:
    reachability = Reachability(cluster, enforcement=ENFORCEMENT[cni] if cni else Enforcement.PLAIN)
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
