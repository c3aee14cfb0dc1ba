"""Delivers the records of a flow log to where the account says: files in a bucket, or events in a log group.

Sources: Amazon VPC User Guide, "Flow log files" (names, folders, forms) and "Flow log records in CloudWatch Logs";
CloudWatch Logs API reference, PutLogEvents (limits).
"""

import gzip
import io
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lab.vpc.flow_logs.flow_log import Bucket, FileForm, FlowLog, Folder, Layout, LogGroup, TrafficType
from lab.vpc.flow_logs.records import Record, Value

FILE_SECONDS: Final = 5 * 60
"""One file holds the records of five minutes."""

_INT_32: Final = {"version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path"}
_INT_64: Final = {"packets", "bytes", "start", "end"}
_ENDINGS: Final = {FileForm.TEXT: ".log.gz", FileForm.PARQUET: ".log.parquet"}
_STREAMS: Final = {TrafficType.ALL: "all", TrafficType.ACCEPT: "accept", TrafficType.REJECT: "reject"}
_NOTHING: Final = "-"

_MOST_EVENTS: Final = 10_000
_MOST_BYTES: Final = 1 << 20
_EVENT_BYTES: Final = 26
_MOST_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Delivery:
    """Writes what flow logs deliver.

    Attributes:
        s3: A client of S3.
        logs: A client of CloudWatch Logs.
    """

    s3: Any
    logs: Any

    def deliver(self, flow_log: FlowLog, records: Iterable[Record]) -> tuple[str, ...]:
        """Deliver records, and return the keys of the new files or the names of the streams."""
        match flow_log.destination:
            case Bucket() as bucket:
                return tuple(self._files(flow_log, bucket, records))
            case LogGroup() as group:
                return tuple(self._events(flow_log, group, records))

    def _files(self, flow_log: FlowLog, bucket: Bucket, records: Iterable[Record]) -> Iterator[str]:
        """Write a new file for each five minutes: what is delivered later never replaces a file."""
        by_file: dict[int, list[Record]] = defaultdict(list)
        for each in records:
            by_file[number_of(each, "end") // FILE_SECONDS * FILE_SECONDS].append(each)
        for begin, together in sorted(by_file.items()):
            key = file_key(flow_log, bucket, begin, secrets.token_hex(4))
            self.s3.put_object(Bucket=bucket.name, Key=key, Body=file_content(flow_log.fields, bucket.form, together))
            yield key

    def _events(self, flow_log: FlowLog, group: LogGroup, records: Iterable[Record]) -> Iterator[str]:
        """Put an event for each record into the stream of its interface, at the time when the record begins."""
        by_stream: dict[str, list[Record]] = defaultdict(list)
        for each in records:
            by_stream[f"{each['interface-id']}-{_STREAMS[flow_log.traffic]}"].append(each)
        for stream, together in sorted(by_stream.items()):
            with suppress(self.logs.exceptions.ResourceAlreadyExistsException):
                self.logs.create_log_stream(logGroupName=group.name, logStreamName=stream)
            together.sort(key=lambda record: number_of(record, "start"))
            events = [
                {"timestamp": number_of(each, "start") * 1000, "message": line(flow_log.fields, each)}
                for each in together
            ]
            for batch in _batches(events):
                self.logs.put_log_events(logGroupName=group.name, logStreamName=stream, logEvents=batch)
            yield stream


def line(fields: Sequence[str], record: Record) -> str:
    """Return a record as text: the fields between spaces, ``-`` for what does not apply."""
    return " ".join(_NOTHING if record[each] is None else str(record[each]) for each in fields)


def file_content(fields: Sequence[str], form: FileForm, records: Iterable[Record]) -> bytes:
    """Return the content of a file."""
    if form is FileForm.TEXT:
        lines = (" ".join(fields), *(line(fields, each) for each in records))
        return gzip.compress("".join(f"{each}\n" for each in lines).encode())
    rows = [*records]
    columns = {each.replace("-", "_"): pa.array([row[each] for row in rows], _type(each)) for each in fields}
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content, compression="gzip")
    return content.getvalue()


def file_key(flow_log: FlowLog, bucket: Bucket, begin: int, mark: str) -> str:
    """Return the key of a file.

    Args:
        flow_log: The flow log.
        bucket: Where it delivers.
        begin: The first second of the file's five minutes, in seconds since 1970.
        mark: What distinguishes files of the same time.
    """
    time, account, region = datetime.fromtimestamp(begin, UTC), flow_log.account, flow_log.region
    if bucket.layout is Layout.HIVE:
        folder = f"aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/{time:year=%Y/month=%m/day=%d}"
        hour = f"{time:hour=%H}/"
    else:
        folder, hour = f"{account}/vpcflowlogs/{region}/{time:%Y/%m/%d}", f"{time:%H}/"
    name = f"{account}_vpcflowlogs_{region}_{flow_log.id}_{time:%Y%m%dT%H%MZ}_{mark}{_ENDINGS[bucket.form]}"
    above = f"{bucket.prefix}/" if bucket.prefix else ""
    return f"{above}AWSLogs/{folder}/{hour if bucket.folder is Folder.HOUR else ''}{name}"


def number_of(record: Record, name: str) -> int:
    """Return the value of a field that is a number in every record.

    Raises:
        TypeError: It is none.
    """
    value: Value = record[name]
    if not isinstance(value, int):
        raise TypeError(name)
    return value


def _type(name: str) -> pa.DataType:
    return pa.int32() if name in _INT_32 else pa.int64() if name in _INT_64 else pa.string()


def _batches(events: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the events in batches that PutLogEvents accepts."""
    batch: list[dict[str, Any]] = []
    size = 0
    for each in events:
        more = len(each["message"].encode()) + _EVENT_BYTES
        spans = batch and each["timestamp"] - batch[0]["timestamp"] >= _MOST_SECONDS * 1000
        if batch and (len(batch) == _MOST_EVENTS or size + more > _MOST_BYTES or spans):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += more
    if batch:
        yield batch
