"""The flow log of a stack: the settings of its own, or what the account says of one of others."""

from flash_ticket.firewall.bind.account import FoundFlowLog, FoundVpc
from flash_ticket.firewall.bind.edges.flow_log_settings import ExistingFlowLog, FlowLogSettings
from flash_ticket.firewall.bind.environment import SYMBOLIC_ID
from flash_ticket.firewall.bind.lookup import Lookup
from flash_ticket.firewall.declare.choices import RecordedTraffic
from flash_ticket.firewall.declare.sections.flow_logs import FlowLogsEntry

_KEY = "flowLogs.existing.id"

NEEDED_FIELDS = (
    *("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "start", "end", "action"),
    *("pkt-srcaddr", "pkt-dstaddr"),
)
"""The fields without which a record does not tell which pod is at an end."""


def bind_flow_logs(
    entry: FlowLogsEntry | None, lookup: Lookup, vpc: FoundVpc
) -> FlowLogSettings | ExistingFlowLog | None:
    """Return the flow log of a stack, or None if it has none.

    Raises:
        InputError: The flow log of others is not there, or its records do not tell enough.
    """
    if entry is None:
        return None
    if entry.existing is None:
        return FlowLogSettings(*entry.own(), entry.scan_limit_gibibytes)
    id_ = entry.existing.id
    found = lookup.account.flow_log(id_)
    if found is None:
        where = f"account {lookup.account.id} in {lookup.account.region}"
        raise lookup.refuse(_KEY, f"there is no flow log {id_} in {where}", "Correct it, or remove flowLogs")
    if lookup.account.id != SYMBOLIC_ID:
        _refuse_unfit(found, lookup, vpc)
    destination = found.destination
    if destination is None:
        raise lookup.refuse(
            _KEY,
            f"{id_} delivers neither to S3 nor to CloudWatch Logs",
            "Name a flow log that does, or remove flowLogs and save what it delivers for flash-firewall denied",
        )
    return ExistingFlowLog(id_, destination, found.traffic)


def _refuse_unfit(found: FoundFlowLog, lookup: Lookup, vpc: FoundVpc) -> None:
    if found.is_own:
        raise lookup.refuse(
            _KEY,
            f"{found.id} is the flow log that this stack makes, and a deployment with existing would delete it",
            "Keep destination, retentionDays and onDestroy",
        )
    if found.resource != vpc.id:
        raise lookup.refuse(
            _KEY,
            f"{found.id} records {found.resource}, and the binding's VPC is {vpc.id}",
            "Name a flow log of the whole VPC",
        )
    if missing := [field for field in NEEDED_FIELDS if field not in found.fields]:
        raise lookup.refuse(
            _KEY,
            f"the records of {found.id} lack {', '.join(missing)}, so they do not show which pods are at both ends",
            "Name a flow log with these fields, or have this program make one: flowLogs.destination, retentionDays, "
            "onDestroy. A VPC may have several",
        )
    if found.traffic is RecordedTraffic.ACCEPT:
        raise lookup.refuse(
            _KEY,
            f"{found.id} records only what passes, and flash-firewall denied looks for what does not",
            "Name a flow log of all traffic",
        )
