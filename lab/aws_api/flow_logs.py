"""The destination options of flow logs, which moto takes and forgets."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.aws_api.call import Answer, Call

_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
# CreateFlowLogs, parameter DestinationOptions: its parts and what holds where one is not given.
_DEFAULTS = {"FileFormat": "plain-text", "HiveCompatiblePartitions": "false", "PerHourPartition": "false"}


@dataclass(frozen=True, slots=True)
class DestinationOptions:
    """A layer that keeps the options of each flow log to Amazon S3 and answers them."""

    _by_flow_log: dict[str, dict[str, str]] = field(default_factory=dict)

    def __call__(self, call: Call, proceed: Callable[[], Answer]) -> Answer:
        """Serve one call."""
        answer = proceed()
        if call.service != "ec2" or not answer.succeeded:
            return answer
        if call.action == "CreateFlowLogs" and call.parameters.get("LogDestinationType") == "s3":
            self._keep(call, answer)
        if call.action == "DescribeFlowLogs":
            return self._complete(answer)
        return answer

    def _keep(self, call: Call, answer: Answer) -> None:
        document = ET.fromstring(answer.body)  # noqa: S314 - moto's own answer
        options = {
            name: call.parameters.get(f"DestinationOptions.{name}", default) for name, default in _DEFAULTS.items()
        }
        for identifier in document.iterfind(f"{{{_NAMESPACE}}}flowLogIdSet/{{{_NAMESPACE}}}item"):
            self._by_flow_log[identifier.text or ""] = options

    def _complete(self, answer: Answer) -> Answer:
        ET.register_namespace("", _NAMESPACE)
        document = ET.fromstring(answer.body)  # noqa: S314 - moto's own answer
        for item in document.iter(f"{{{_NAMESPACE}}}item"):
            options = self._by_flow_log.get(item.findtext(f"{{{_NAMESPACE}}}flowLogId", ""))
            if options is None:
                continue
            element = ET.SubElement(item, f"{{{_NAMESPACE}}}destinationOptions")
            for name, value in options.items():
                ET.SubElement(element, f"{{{_NAMESPACE}}}{name[0].lower()}{name[1:]}").text = value
        return answer.with_body(ET.tostring(document, encoding="utf-8", xml_declaration=True))
