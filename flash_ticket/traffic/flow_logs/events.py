"""VPC flow logs from CloudWatch Logs: lines without a header, whose fields the flow log's format names."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.flow_logs.files import FlowLogFiles, FlowLogForm
from flash_ticket.traffic.flow_logs.query import NEEDED_FIELDS
from flash_ticket.traffic.records.record import Reading, Record, Scope


def format_fields(log_format: str) -> tuple[str, ...]:
    """Return the fields of a flow log's LogFormat (DescribeFlowLogs): ``${version} ${account-id} ...``."""
    return tuple(re.findall(r"\$\{([^}]+)\}", log_format))


@dataclass(frozen=True, slots=True)
class FlowLogEvents:
    """The messages of a log group's events.

    Attributes:
        name: The name of the log group.
        fields: The fields, in the order of the flow log's format.
        lines: One line for each message; they are read once.
    """

    name: str
    fields: tuple[str, ...]
    lines: Iterable[str]

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield the records of the lines, and count in ``reading`` what was read.

        The lines are written to a private temporary file after the names of their fields, and read like any such file.

        Raises:
            InputError: The format lacks a field that every record needs.
        """
        for field in NEEDED_FIELDS:
            if field not in self.fields:
                problem = "the flow log does not record this field, which every record needs"
                raise InputError(self.name, field, problem, "Record the field from now on, or leave the flow log out")
        with tempfile.TemporaryDirectory(prefix="flash-firewall-") as folder:
            path = Path(folder) / "events.log"
            with path.open("w", encoding="latin-1", errors="replace", newline="") as file:
                file.write(f"{' '.join(self.fields)}\n")
                # Each message becomes one line; an empty message is malformed and must not be skipped.
                file.writelines(f"{' '.join(line.split()) or '?'}\n" for line in self.lines)
            known_before = reading.first_malformed
            yield from FlowLogFiles(self.name, (path,), FlowLogForm.TEXT).records(scope, reading)
            if not known_before and reading.first_malformed:
                number, _, problem = reading.first_malformed.removeprefix(f"{path}:").partition(": ")
                reading.first_malformed = f"{self.name}: event {int(number) - 1}: {problem}"
