"""Flow log files as AWS delivers them to a bucket, with lines that a test makes up."""

import gzip
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

FIELDS: Final = (
    *("version", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes"),
    *("start", "end", "action", "log-status", "pkt-srcaddr", "pkt-dstaddr", "tcp-flags", "flow-direction"),
)
ACCOUNT: Final = "111122223333"
HIVE: Final = f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region=ap-northeast-2/"
PLAIN: Final = f"AWSLogs/{ACCOUNT}/vpcflowlogs/ap-northeast-2/"

_INT_32 = {"version", "srcport", "dstport", "protocol", "tcp-flags"}
_INT_64 = {"packets", "bytes", "start", "end"}


def seconds(moment: str) -> int:
    """Return an ISO time in UTC as seconds since 1970."""
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())


def rejected(source: str, destination: str, port: int, moment: str) -> dict[str, str | int]:
    """Return the line of a connection to a port that a security group refuses at a moment."""
    end = seconds(moment)
    values = (5, "eni-1", source, destination, 40000, port, 6, 1, 60, end - 30, end, "REJECT", "OK")
    return dict(zip(FIELDS, (*values, source, destination, 2, "ingress"), strict=True))


def parquet(lines: Sequence[dict[str, str | int]]) -> bytes:
    """Return the lines as Parquet in AWS's form: underscores for hyphens, numbers in the types of the user guide."""
    columns = {
        field.replace("-", "_"): pa.array(
            [line[field] for line in lines],
            pa.int32() if field in _INT_32 else pa.int64() if field in _INT_64 else pa.string(),
        )
        for field in FIELDS
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="gzip")
    return sink.getvalue()


def text(lines: Sequence[dict[str, str | int]]) -> bytes:
    """Return the lines as gzip text in AWS's form: the fields first."""
    rows = [" ".join(FIELDS), *(line_of(line) for line in lines)]
    return gzip.compress("".join(f"{row}\n" for row in rows).encode())


def line_of(line: dict[str, str | int]) -> str:
    """Return a line as in CloudWatch Logs."""
    return " ".join(str(line[field]) for field in FIELDS)


def hive_folder(moment: str) -> str:
    """Return the folder of the hour of a moment, from the top of the bucket."""
    return HIVE + datetime.fromisoformat(moment).strftime("year=%Y/month=%m/day=%d/hour=%H/")


def plain_folder(moment: str) -> str:
    """Return the same for daily folders without partition names."""
    return PLAIN + datetime.fromisoformat(moment).strftime("%Y/%m/%d/")


def file_name(moment: str, ending: str = ".log.parquet", mark: str = "0a1b2c3d") -> str:
    """Return AWS's name for a file of a moment."""
    named = datetime.fromisoformat(moment).strftime("%Y%m%dT%H%MZ")
    return f"{ACCOUNT}_vpcflowlogs_ap-northeast-2_fl-0123456789abcdef0_{named}_{mark}{ending}"
