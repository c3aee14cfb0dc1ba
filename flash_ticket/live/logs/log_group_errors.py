"""A group of CloudWatch Logs, read page by page.

Right needed: logs:FilterLogEvents on the group, and kms:Decrypt on its key where it has one.
Source: CloudWatch Logs API reference, FilterLogEvents: a page may be empty and yet have a next one; times are
milliseconds; events of several streams come in no order that could be relied upon.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import RefusedError
from flash_ticket.live.patience import patiently
from flash_ticket.live.progress import Progress


class Event(NamedTuple):
    """An event of a log group.

    Attributes:
        time: In seconds since 1970.
        line: Its message.
    """

    time: float
    line: str


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group, or those of its streams whose names begin alike."""

    account: AwsAccount
    group: str
    stream_prefix: str = ""
    progress: Progress = field(default_factory=Progress)

    @property
    def name(self) -> str:
        """Return ``cloudwatch:GROUP``."""
        return f"cloudwatch:{self.group}"

    def events(self, since: float | None, until: float | None) -> Iterator[Event]:
        """Yield the events of a time, in seconds since 1970, as AWS hands them out.

        Raises:
            InputError: There is no such group, a right is missing, or AWS cannot be asked.
        """
        wanted: dict[str, Any] = {"logGroupName": self.group}
        if self.stream_prefix:
            wanted["logStreamNamePrefix"] = self.stream_prefix
        if since is not None:
            wanted["startTime"] = max(0, int(since * 1000))
        if until is not None:
            wanted["endTime"] = max(0, int(until * 1000))
        count = 0
        try:
            while True:
                page = self._page(wanted)
                for event in page["events"]:
                    if event.get("logStreamName", "").startswith(self.stream_prefix):
                        count += 1
                        yield Event(event["timestamp"] / 1000, event["message"])
                self.progress.say(f"{self.name}: {count:,} events")
                if not page.get("nextToken"):
                    return
                wanted["nextToken"] = page["nextToken"]
        finally:
            self.progress.end()

    def _page(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        try:
            page: dict[str, Any] = patiently(partial(self.account.ask, "logs", "filter_log_events", **wanted))
        except RefusedError as refused:
            raise self._explained(refused) from None
        return page

    def _explained(self, refused: RefusedError) -> InputError:
        if refused.key == "credentials":
            return InputError(self.name, refused.key, refused.problem, refused.remedy)
        said = f"{refused.code}: {refused.message}"
        if refused.code == "ResourceNotFoundException":
            problem = f"there is no such log group in {self.account.region}"
            return InputError(self.name, "", problem, "Correct its name or the region (AWS_REGION)")
        if refused.forbids and "kms" in refused.message.lower():
            return InputError(
                self.name, "", f"its key may not be used ({said})", "Allow kms:Decrypt on the group's key"
            )
        if refused.forbids:
            return InputError(self.name, "", f"it may not be read ({said})", "Allow logs:FilterLogEvents on it")
        return InputError(self.name, refused.key, said, refused.remedy)
