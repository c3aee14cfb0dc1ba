"""``flash-firewall verify``: compare the live cluster and account with the declaration."""

import sys
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.options import HERE, Project, Stack, chosen
from flash_ticket.cli.recorded_traffic import InventoryFiles
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE, lines_of_settings
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.observed import observe
from flash_ticket.live.stack.settings import StackConfiguration, read_stack_file
from flash_ticket.operate.probe import run_probe
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.verification import plan_text, written_verification
from flash_ticket.traffic.attribution.attributed_traffic import refuse_other_stack, refuse_unplaced
from flash_ticket.traffic.attribution.inventory_file import read_inventory
from flash_ticket.traffic.attribution.pod_history import merged
from flash_ticket.verify.observed import Observed, accepting
from flash_ticket.verify.probe.plan import named_hosts, plan, running_pods
from flash_ticket.verify.probe.result import Probe
from flash_ticket.verify.verification import Verification, compiled, verify_saved
from flash_ticket.verify.verification import verify as verified


@ends_in_status
def verify(  # noqa: PLR0913 - each is an option of the command
    stack: Stack = None,
    project: Project = HERE,
    output: Annotated[AnswerFormat, typer.Option(help="The output format.")] = AnswerFormat.TXT,
    inventory: InventoryFiles = None,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing if everything is as declared.")] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Also try connections from running pods; needs --consent.")
    ] = False,
    consent: Annotated[bool, typer.Option("--consent", help="Allow --probe to run commands in pods.")] = False,
    probe_image: Annotated[
        str | None,
        typer.Option(metavar="IMAGE", help="Add a container with this image to the pods, and probe from it."),
    ] = None,
    probe_host: Annotated[
        list[str] | None, typer.Option(metavar="EXTERNAL=HOST", help="A host to probe for an external; repeatable.")
    ] = None,
    probe_limit: Annotated[
        int | None,
        typer.Option(
            min=1, max=3600, help="Seconds to wait for the probe of one pod. Default: a minute more than it may take."
        ),
    ] = None,
) -> ExitStatus:
    """Compare the live cluster and AWS account with the declaration. It only reads. Exits 1 if anything differs.

    With --probe it also opens connections from one pod of each service. Every declared connection must succeed. Every
    undeclared connection between services, or to an external with known hosts, must fail. A refused connection
    counts as stopped only where something else connects to the same address and port.
    """
    settings = read_stack_file(project, chosen(project, stack))
    _refuse_unfitting(inventory, probe_image, probe_host, probe=probe, consent=consent)
    matrix = read_matrix(project / MATRIX_FILE).within(settings.stack, settings.suspensions.at)
    observed = _observed(project, settings, matrix, inventory)
    found = _verified(settings, matrix, observed, inventory)
    probed = None
    if probe:
        tried = _Wish(probe_image, tuple(probe_host or ()), probe_limit, consent, quiet)
        probed = _probed(settings, matrix, observed, tried)
    holds = found.holds and (probed is None or probed.holds)
    if not (quiet and holds):
        sys.stdout.write(written_verification(found, output, probed))
    return ExitStatus.HOLDS if holds else ExitStatus.VIOLATED


def verified_now(
    project: Path, settings: StackConfiguration, matrix: Matrix, inventory: Sequence[Path] | None
) -> Verification:
    """Return what runs, or what saved inventories hold, compared with what is declared.

    Raises:
        InputError: Cluster, account or an inventory cannot be read, or do not fit the declaration.
    """
    return _verified(settings, matrix, _observed(project, settings, matrix, inventory), inventory)


def _observed(
    project: Path, settings: StackConfiguration, matrix: Matrix, inventory: Sequence[Path] | None
) -> Observed:

    with lines_of_settings(project, settings.stack):
        observed = _saved(inventory, settings) if inventory else _live(settings, matrix)
    refuse_unplaced(matrix, observed.environment, MATRIX_FILE)
    return observed


def _verified(
    settings: StackConfiguration, matrix: Matrix, observed: Observed, inventory: Sequence[Path] | None
) -> Verification:

    if inventory:
        return verify_saved(matrix, observed, settings.suspensions)
    return verified(compiled(matrix, observed, settings.suspensions), observed)


def _live(settings: StackConfiguration, matrix: Matrix) -> Observed:

    cluster = KubernetesCluster.connect(settings.kubeconfig, settings.context)
    account = AwsAccount.connect(settings.region, settings.profile, settings.owner(matrix.namespace))
    return observe(cluster, account, matrix, settings.binding, time.time())


def _saved(files: Sequence[Path], settings: StackConfiguration) -> Observed:

    found = accepting(merged([read_inventory(path) for path in files]), settings.binding.accepted_policies)
    refuse_other_stack(found, settings.stack)
    return Observed(found, others=found.others, labels_elsewhere=found.namespaces)


class _Wish(NamedTuple):
    """The options of the probe."""

    image: str | None
    hosts: tuple[str, ...]
    limit: int | None
    consent: bool
    quiet: bool


def _refuse_unfitting(inventory: object, image: str | None, hosts: object, *, probe: bool, consent: bool) -> None:

    if probe and inventory:
        raise InputError("--probe", "--inventory", "a saved inventory has no pods to probe from", "Leave one out")
    if not probe and (consent or image or hosts):
        given = "--consent" if consent else "--probe-image" if image else "--probe-host"
        raise InputError(given, "", "it says how to probe, but --probe is missing", "Add --probe, or leave it out")


def _probed(settings: StackConfiguration, matrix: Matrix, observed: Observed, wish: _Wish) -> Probe:

    cluster = KubernetesCluster.connect(settings.kubeconfig, settings.context)
    lists = (cluster.objects(f"/api/v1/namespaces/{each}/pods") for each in matrix.namespaces)
    pods = running_pods(matrix, chain.from_iterable(lists))
    named = named_hosts(matrix, wish.hosts)
    planned = plan(matrix, observed.environment, pods, observed.inventory.interfaces, named)
    if not wish.consent or not wish.quiet:
        sys.stderr.write(plan_text(planned, wish.image))
        sys.stderr.flush()
    if not wish.consent:
        raise InputError(
            "--probe", "--consent", "it is missing, and the probe runs commands in live pods", "Add --consent"
        )
    return run_probe(cluster, planned, wish.image, wish.limit)
