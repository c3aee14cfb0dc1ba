"""Whether flow logs can deliver. moto looks only once, at creation, and only at a log group that is given by name."""

import xml.etree.ElementTree as ET
from collections.abc import Callable

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.logs.models import logs_backends

from lab.aws_api.call import Answer, Call
from lab.aws_api.document import add, items, parse, replaced

_LOG_GROUP = ":log-group:"


def deliveries(call: Call, proceed: Callable[[], Answer]) -> Answer:
    """Serve one call; report for each flow log to CloudWatch Logs whether its log group exists now."""
    answer = proceed()
    if (call.service, call.action) != ("ec2", "DescribeFlowLogs") or not answer.succeeded:
        return answer
    document = parse(answer)
    known = {group.name for group in logs_backends[DEFAULT_ACCOUNT_ID][call.region].groups.values()}
    for _, item in items(document, "flowLogId"):
        group = item.findtext("{*}logDestination", "").partition(_LOG_GROUP)[2].removesuffix(":*")
        if group:
            _say(item, delivers=group in known)
    return replaced(answer, document)


def _say(item: ET.Element, *, delivers: bool) -> None:
    for name in ("deliverLogsStatus", "deliverLogsErrorMessage"):
        for element in item.findall(f"{{*}}{name}"):
            item.remove(element)
    add(item, "deliverLogsStatus", "SUCCESS" if delivers else "FAILED")
    if not delivers:
        add(item, "deliverLogsErrorMessage", "Access error")
