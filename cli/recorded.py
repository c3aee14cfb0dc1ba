"""The options of the verbs that read recorded traffic, and what they read."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segmentation.matrix import Matrix
    from segmentation.records.record import Log
    from segmentation.traffic.inventory import Inventory
    from segmentation.traffic.recorded import Recorded


class Engine(StrEnum):
    """What reads Parquet in S3."""

    DUCKDB = "duckdb"
    ATHENA = "athena"


Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="A file or folder of logs, s3://BUCKET/PREFIX, cloudwatch:GROUP, or - for standard input.",
        show_default=False,
    ),
]
Since = Annotated[
    str | None, typer.Option("--since", help="Only what is later: 90m, 2h or 3d ago, or a time: 2026-11-24T03:00Z.")
]
InventoryFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--inventory",
        help="A saved inventory, or what kubectl get pods,services -A -o json printed; several for several moments. "
        "With one that holds an environment nothing live is asked.",
    ),
]
EngineChoice = Annotated[Engine, typer.Option("--engine", help="What reads Parquet in S3.")]


def recorded_traffic(  # noqa: PLR0913, PLR0917 - each is an option of the verbs
    project: Path,
    stack: str | None,
    sources: "Sequence[str]",
    since: str | None = None,
    inventories: "Sequence[Path] | None" = None,
    engine: Engine = Engine.DUCKDB,
    matrix: "Matrix | None" = None,
) -> "Recorded":
    """Return what the sources tell, attributed by the project's matrix, or by another one.

    Raises:
        InputError: An option, a file of the project, an inventory or a source cannot be used.
    """
    import time

    from segmentation.project import MATRIX_FILE
    from segmentation.traffic.moment import moment
    from segmentation.traffic.recorded import recorded
    from segmentation.traffic_file import read_matrix

    begin = None if since is None else moment(since, time.time())
    declared = matrix or read_matrix(project / MATRIX_FILE)
    return recorded(declared, inventory(project, stack, inventories), logs(sources, engine), begin)


def inventory(project: Path, stack: str | None, files: "Sequence[Path] | None") -> "Inventory":
    """Return the saved inventories as one, with what runs now where they tell no environment.

    Raises:
        InputError: A file cannot be used, or cluster and account cannot be asked.
    """
    from segmentation.traffic.inventory_file import read_inventory
    from segmentation.traffic.pod_history import merged
    from segmentation.traffic.recorded import refuse_other_stack

    saved = [read_inventory(path) for path in files or ()]
    if not any(each.environment for each in saved):
        saved.append(_live(project, stack))
    found = merged(saved)
    refuse_other_stack(found, stack)
    return found


def logs(sources: "Sequence[str]", engine: Engine) -> "tuple[Log, ...]":
    """Return the logs that the sources name.

    Raises:
        InputError: There is no such source.
    """
    from segmentation.input_error import InputError

    raise InputError(sources[0], "", f"no source can be read yet with {engine}", "Wait")


def _live(project: Path, stack: str | None) -> "Inventory":
    import time

    from cli.project import chosen
    from live.aws_account import AwsAccount
    from live.inventory import take_inventory
    from live.kubernetes_cluster import KubernetesCluster
    from live.stack_file import read_stack_file
    from segmentation.project import MATRIX_FILE
    from segmentation.traffic_file import read_matrix

    settings = read_stack_file(project, chosen(project, stack))
    cluster = KubernetesCluster.connect(settings.kubeconfig, settings.context)
    account = AwsAccount.connect(settings.region, settings.profile, settings.stack)
    return take_inventory(cluster, account, read_matrix(project / MATRIX_FILE), settings.binding, time.time())
