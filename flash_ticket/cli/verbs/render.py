"""``flash-firewall render``: the manifests as files, for kubectl, Argo CD and review."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.manifests import show_notes
from flash_ticket.cli.options import HERE, Project, Stack, chosen
from flash_ticket.cli.recorded_traffic import InventoryFiles
from flash_ticket.live.bound_firewall import bound_firewall
from flash_ticket.operate.rendered_folder import RenderedFolder, Rendering
from flash_ticket.report.proof import proof_text
from flash_ticket.report.rendered import changes_text


@ends_in_status
def render(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write; it holds nothing else.")],
    stack: Stack = None,
    project: Project = HERE,
    inventory: InventoryFiles = None,
) -> ExitStatus:
    """Write a stack's manifests as files, for kubectl, Argo CD and review. It changes nothing in cluster and account.

    The addresses and the groups come from the account, or from a saved inventory. A policy is in a file of its name:
    00-default-deny.yaml. The proof reads these files; if it does not hold, the folder stays as it is, and the exit
    status is 1. A file that is no longer rendered is removed.
    """
    rendering = Rendering.of(*bound_firewall(project, chosen(project, stack), inventory))
    if not rendering.proof.holds:
        sys.stdout.write(f"{proof_text(rendering.proof)}\n")
        return ExitStatus.VIOLATED
    change = RenderedFolder(out).replace(rendering)
    show_notes(rendering.left_out)
    changes = {word: names for word, names in asdict(change).items() if word != "unchanged"}
    sys.stdout.write(changes_text(str(out), changes, len(change.unchanged)))
    return ExitStatus.HOLDS
