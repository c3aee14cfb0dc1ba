"""The destination options of flow logs, which moto accepts and forgets."""

from collections.abc import Callable
from dataclasses import dataclass, field

from lab.aws_api.call import Answer, Call
from lab.aws_api.document import add, items, parse, replaced

# CreateFlowLogs, parameter DestinationOptions: its parts and their defaults.
_DEFAULTS = {"FileFormat": "plain-text", "HiveCompatiblePartitions": "false", "PerHourPartition": "false"}


@dataclass(frozen=True, slots=True)
class DestinationOptions:
    """A layer that keeps the options of each flow log to Amazon S3 and returns them."""

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
        options = {
            name: call.parameters.get(f"DestinationOptions.{name}", default) for name, default in _DEFAULTS.items()
        }
        for identifier in parse(answer).iterfind("{*}flowLogIdSet/{*}item"):
            self._by_flow_log[identifier.text or ""] = options

    def _complete(self, answer: Answer) -> Answer:
        document = parse(answer)
        for identifier, item in items(document, "flowLogId"):
            if identifier in self._by_flow_log:
                element = add(item, "destinationOptions")
                for name, value in self._by_flow_log[identifier].items():
                    add(element, name[0].lower() + name[1:], value)
        return replaced(answer, document)
