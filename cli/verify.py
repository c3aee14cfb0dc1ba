"""``flash-firewall verify``: the live cluster and account against what is declared."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exit_status import ExitStatus, ends_in_status
from cli.project import HERE, Project, Stack, chosen
from cli.recorded import InventoryFiles
from segmentation.report.verification import VerificationFormat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from live.stack_settings import StackConfiguration
    from segmentation.matrix import Matrix
    from segmentation.verify.observed import Observed


@ends_in_status
def verify(
    stack: Stack = None,
    project: Project = HERE,
    output: Annotated[VerificationFormat, typer.Option(help="The form of the answer.")] = VerificationFormat.TXT,
    inventory: InventoryFiles = None,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing while all is as declared.")] = False,
) -> ExitStatus:
    """Hold the live cluster and AWS account against what is declared; only reads. Exits 1 if anything differs."""
    from live.stack_file import read_stack_file
    from segmentation.compiled_firewall import compiled
    from segmentation.project import MATRIX_FILE
    from segmentation.report.verification import written_verification
    from segmentation.traffic.recorded import refuse_unplaced
    from segmentation.traffic_file import read_matrix
    from segmentation.verify.verification import verify as verified

    settings = read_stack_file(project, chosen(project, stack))
    matrix = read_matrix(project / MATRIX_FILE)
    observed = _saved(inventory, settings.stack) if inventory else _live(settings, matrix)
    refuse_unplaced(matrix, observed.environment, MATRIX_FILE)
    found = verified(compiled(matrix, observed.environment, settings.suspensions), observed)
    if not (quiet and found.holds):
        sys.stdout.write(written_verification(found, output))
    return ExitStatus.HOLDS if found.holds else ExitStatus.VIOLATED


def _live(settings: "StackConfiguration", matrix: "Matrix") -> "Observed":
    import time

    from live.aws_account import AwsAccount
    from live.kubernetes_cluster import KubernetesCluster
    from live.verification import observe

    cluster = KubernetesCluster.connect(settings.kubeconfig, settings.context)
    account = AwsAccount.connect(settings.region, settings.profile, settings.stack)
    return observe(cluster, account, matrix, settings.binding, time.time())


def _saved(files: "Sequence[Path]", stack: str) -> "Observed":
    from segmentation.traffic.inventory_file import read_inventory
    from segmentation.traffic.pod_history import merged
    from segmentation.traffic.recorded import refuse_other_stack
    from segmentation.verify.observed import Observed

    found = merged([read_inventory(path) for path in files])
    refuse_other_stack(found, stack)
    return Observed(found)
