"""``flash-firewall explain``: one connection, and what decides it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.exit_status import ExitStatus, ends_in_status
from segmentation.report.explanation import ExplanationFormat


@ends_in_status
def explain(
    source: Annotated[str, typer.Argument(metavar="SRC", help="A workload, an address or a range of addresses.")],
    destination: Annotated[str, typer.Argument(metavar="DST", help="Likewise.")],
    port: Annotated[str, typer.Argument(metavar="PORT", help="4000, udp/53, 8000-8010, or a container port's name.")],
    directory: Annotated[Path, typer.Option("--dir", help="A directory of Kubernetes manifests, or one file.")],
    output: Annotated[ExplanationFormat, typer.Option(help="The form of the answer.")] = ExplanationFormat.TXT,
) -> ExitStatus:
    """Say whether a connection passes and which policies and rules decide. Exits 0 if it passes, 1 if not."""
    from cli.manifests import analysed
    from segmentation.kubernetes.endpoint_name import find_endpoint, find_port
    from segmentation.report.explanation import explained

    reachability = analysed(directory)
    ends = [find_endpoint(name, reachability.parties, str(directory)) for name in (source, destination)]
    verdict = reachability.verdict(ends[0], ends[1], find_port(port, ends[1]))
    sys.stdout.write(explained([verdict], output))
    return ExitStatus.HOLDS if verdict.passes else ExitStatus.VIOLATED
