"""The layout of flow logs in Amazon S3: which folders and files can contain records of a period.

Source: Amazon VPC User Guide, "Flow log files": hive-compatible and plain prefixes, by day or by hour, and the names of
files. A folder contains the files named in its hour or day. A file contains five minutes; the guide has described them
both as those before and as those after the time in the file's name.
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
# Without the service and the region before it, a date may be part of somebody's own layout of copies.
_PLAIN_DATE = re.compile(r"(?:^|/)vpcflowlogs/[^/]+/(?P<year>\d{4})/" + _MONTHS.format("", "", ""))
_SERVICE = re.compile(r"(?:^|/)AWSLogs/(?:\d{12}/|aws-account-id=\d{12}/aws-service=)(?P<service>[^/]+)/")
_FILE = re.compile(r"_vpcflowlogs_[^_]+_fl-[0-9a-f]+_(?P<time>\d{8}T\d{4}Z)_[^/]*$")


@dataclass(frozen=True, slots=True)
class Window:
    """The wanted period, in seconds since 1970; None means no limit."""

    since: float | None
    until: float | None

    def may_hold(self, key: str) -> bool:
        """Return whether a folder (its key ends with a slash) or a file may contain records of the period."""
        span = span_of(key)
        return span is None or self._touches(*span)

    def holds_all(self, folder: str) -> bool:
        """Return whether everything in a folder is wanted, so that nothing has to check its parts."""
        if self.since is None and self.until is None:
            return is_of_flow_logs(folder)
        span = span_of(folder)
        return span is not None and (
            (self.since is None or self.since <= span[0]) and (self.until is None or span[1] <= self.until)
        )

    def _touches(self, first: float, last: float) -> bool:
        return (self.since is None or self.since - PARTITION_MARGIN < last) and (
            self.until is None or first < self.until + PARTITION_MARGIN
        )


def is_of_others(folder: str) -> bool:
    """Return whether another AWS service writes to a folder, such as ``AWSLogs/111122223333/CloudTrail/``."""
    found = _SERVICE.search(folder)
    return found is not None and found["service"] != "vpcflowlogs"


def is_of_flow_logs(folder: str) -> bool:
    """Return whether a folder is the flow log folder of an account, or a folder in it."""
    found = _SERVICE.search(folder)
    return found is not None and found["service"] == "vpcflowlogs"


def span_of(key: str) -> tuple[float, float] | None:
    """Return the period of the names of a folder's files, or of a file; None if the key has no time."""
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
    except (ValueError, OverflowError):  # such as month=13: it is somebody else's folder
        return None
