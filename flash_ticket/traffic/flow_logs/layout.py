"""Where flow logs lie in Amazon S3, by time: which folders and files can hold what was recorded when.

Source: Amazon VPC User Guide, "Flow log files": hive-compatible and plain prefixes, by day or by hour, and the file's
name. The files of a folder are those that were named in its hour or day; a file gathers five minutes, which the page
has described as those before and as those after the time in its name.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Final

from flash_ticket.traffic.flow_logs.query import PARTITION_MARGIN

PARQUET_ENDING: Final = ".parquet"
TEXT_ENDINGS: Final = (".log.gz", ".log", ".txt.gz", ".txt")

_FILE_SECONDS = 5 * 60

_MONTHS = r"(?:{}(?P<month>\d\d)/(?:{}(?P<day>\d\d)/(?:{}(?P<hour>\d\d)/)?)?)?$"
_HIVE_DATE = re.compile(r"(?:^|/)year=(?P<year>\d{4})/" + _MONTHS.format("month=", "day=", "hour="))
# Without the service and the region before it, a date may be anybody's own way to keep copies.
_PLAIN_DATE = re.compile(r"(?:^|/)vpcflowlogs/[^/]+/(?P<year>\d{4})/" + _MONTHS.format("", "", ""))
_SERVICE = re.compile(r"(?:^|/)AWSLogs/(?:\d{12}/|aws-account-id=\d{12}/aws-service=)(?P<service>[^/]+)/")
_FILE = re.compile(r"_vpcflowlogs_[^_]+_fl-[0-9a-f]+_(?P<time>\d{8}T\d{4}Z)_[^/]*$")


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is wanted, in seconds since 1970; None has no limit."""

    since: float | None
    until: float | None

    def may_hold(self, key: str) -> bool:
        """Tell whether a folder (its key ends with a slash) or a file may hold records of the time."""
        span = _span(key)
        return span is None or self._touches(*span)

    def holds_all(self, folder: str) -> bool:
        """Tell whether everything in a folder is wanted, so that it need not be looked through by parts."""
        if self.since is None and self.until is None:
            return is_of_flow_logs(folder)
        span = _span(folder)
        return span is not None and (
            (self.since is None or self.since <= span[0]) and (self.until is None or span[1] <= self.until)
        )

    def _touches(self, first: float, last: float) -> bool:
        return (self.since is None or self.since - PARTITION_MARGIN < last) and (
            self.until is None or first < self.until + PARTITION_MARGIN
        )


def is_of_others(folder: str) -> bool:
    """Tell whether another service of AWS delivers into a folder, such as ``AWSLogs/111122223333/CloudTrail/``."""
    found = _SERVICE.search(folder)
    return found is not None and found["service"] != "vpcflowlogs"


def is_of_flow_logs(folder: str) -> bool:
    """Tell whether a folder is the one of flow logs that an account delivers, or one in it."""
    found = _SERVICE.search(folder)
    return found is not None and found["service"] == "vpcflowlogs"


def _span(key: str) -> tuple[float, float] | None:
    """Return from when to when the files of a folder, or a file, are named; None where the key does not tell."""
    try:
        if named := _FILE.search(PurePosixPath(key).name):
            opened = datetime.strptime(named["time"], "%Y%m%dT%H%MZ").replace(tzinfo=UTC).timestamp()
            return opened, opened + _FILE_SECONDS
        folder = key[: key.rfind("/") + 1]
        found = _HIVE_DATE.search(folder) or _PLAIN_DATE.search(folder)
        if not found:
            return None
        parts = [int(each) for each in found.group("month", "day", "hour") if each]
        month, day, hour = (*parts, *(1, 1, 0)[len(parts) :])
        first = datetime(int(found["year"]), month, day, hour, tzinfo=UTC)
        match len(parts):
            case 0:
                last = first.replace(year=first.year + 1)
            case 1:
                last = (first + timedelta(days=31)).replace(day=1)
            case 2:
                last = first + timedelta(days=1)
            case _:
                last = first + timedelta(hours=1)
        return first.timestamp(), last.timestamp()
    except (ValueError, OverflowError):  # such as month=13: somebody else's folder
        return None
