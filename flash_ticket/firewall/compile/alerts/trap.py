"""Alerts that are asked for and yet cannot tell what they seem to."""

from collections.abc import Iterator

from flash_ticket.firewall.bind.environment import CniName, Environment, LogDestination
from flash_ticket.firewall.compile.alerts.hubble import APP_LABELS, untellable
from flash_ticket.firewall.compile.trap import Trap
from flash_ticket.firewall.declare.alerting import Alerting
from flash_ticket.firewall.declare.matrix import Matrix


def alert_traps(matrix: Matrix, environment: Environment) -> tuple[Trap, ...]:
    """Return the traps that this environment's alerts walk into; an order that does not change."""
    alerting = environment.alerting
    if alerting is None:
        return ()
    return (*_prometheus(matrix, environment, alerting), *_cloudwatch(environment, alerting))


def _prometheus(matrix: Matrix, environment: Environment, alerting: Alerting) -> Iterator[Trap]:
    if alerting.rule_labels is None:
        return
    cni = environment.cluster.cni
    names = untellable(matrix, environment) if cni is CniName.CILIUM else ()
    if names:
        yield Trap(
            "alerts.prometheus",
            f"Hubble's metric cannot tell {', '.join(names)} from others, so their declared flows raise no critical "
            "alert when they are denied",
            f"Give their pods one of the labels {', '.join(APP_LABELS)} in traffic.yaml, and places IPv4 addresses",
        )
    if cni is CniName.VPC_CNI and not (alerting.cloudwatch and alerting.cloudwatch.agent_log_group):
        yield Trap(
            "alerts.prometheus with cni vpc-cni",
            "the agent's metric tells neither pods nor namespace, so a declared flow that it denies raises no alert of "
            "its own",
            "Add cloudwatch.agentLogGroup, where the agent's log names both ends",
        )


def _cloudwatch(environment: Environment, alerting: Alerting) -> Iterator[Trap]:
    if alerting.cloudwatch and environment.recording.destination is LogDestination.S3:
        yield Trap(
            "alerts.cloudwatch with flowLogs.destination s3",
            "CloudWatch reads log groups alone, so what security groups reject raises no alarm; only the delivery is "
            "watched",
            "Choose flowLogs.destination cloudwatch, or ask flash-firewall denied on a schedule",
        )
