"""The flow log as a table for Amazon Athena: its names, its columns, the location of each hour, and the saved queries.

Source: Amazon Athena User Guide, "Query Amazon VPC flow logs", "Use partition projection with Amazon Athena",
"Supported types for partition projection", "Name databases, tables, and columns"; API reference, CreateWorkGroup.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.traffic.flow_logs.query import PARTITION_MARGIN
from flash_ticket.traffic.records.record import Disposition

TABLE: Final = "flow_logs"
"""The name of the table, in the stack's own database."""

RESULT_DAYS: Final = 7
"""For how many days the result of a query is kept."""

_INTEGERS = {"version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path"}
_LONG_INTEGERS = {"packets", "bytes", "start", "end"}

_LONGEST_NAME = 128
_DIGEST = 8
_FIRST_YEAR = 2026
"""No stack of this program recorded traffic before this year."""

_DENIED_DAYS = 1
_REPLAYED_DAYS = 30


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table.

    Attributes:
        name: The name of the field, with underscores, as in Parquet.
        type: The name of the type in Hive.
    """

    name: str
    type: str


RECORD_COLUMNS: Final = tuple(
    Column(
        field.replace("-", "_"),
        "int" if field in _INTEGERS else "bigint" if field in _LONG_INTEGERS else "string",
    )
    for field in RECORD_FIELDS
)
"""The fields of a record, with the types of VPC User Guide, "Flow log files": INT_32, INT_64 and STRING."""

HOUR_COLUMNS: Final = tuple(Column(name, "string") for name in ("year", "month", "day", "hour"))
"""The columns from the folders, as text of fixed length: ``2026``, ``01``, ``31``, ``05``, in UTC."""


def stack_name(owner: Owner) -> str:
    """Return the name of a stack's workgroup and database: ``flash_ticket__prod``.

    A stack always has the same name, so that no state is needed, and two stacks never share one: names that are not
    plain (capitals, dots, more than 128 characters), and those of stacks whose cluster is not named after them, end
    with a hash. Glue allows lowercase letters, digits and underscores; the name of a workgroup may have 128 characters.
    """
    names = (owner.namespace, owner.stack)
    name = "__".join(re.sub(r"[^a-z0-9]", "_", part.lower()) for part in names)
    if not owner.is_plain:
        return f"{name[: _LONGEST_NAME - len(owner.digest) - 2]}__{owner.digest}"
    if all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", part) for part in names) and len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256("/".join(names).encode()).hexdigest()[:_DIGEST]
    return f"{name[: _LONGEST_NAME - _DIGEST - 1]}_{digest}"


def description(owner: Owner) -> str:
    """Return the description of a stack's workgroup and database, which names their owner."""
    return f"Recorded traffic of {owner.namespace} {owner.stack} in {owner.cluster}"


def table_name(database: str) -> str:
    """Return the name of the table in a query."""
    return f'"{database}"."{TABLE}"'


def s3_url(folder_arn: str) -> str:
    """Return the ARN of a folder in the ``s3://`` form."""
    return f"s3://{folder_arn.rpartition(':')[2]}"


def table_parameters(folder: str) -> dict[str, str]:
    """Return the table's properties: the folder of an hour follows from its name, so nothing has to register it.

    Athena reads each folder that a query does not exclude, 8,928 a year.

    Args:
        folder: The folder of the years: ``s3://.../aws-region=ap-northeast-2/``.
    """
    return {
        "EXTERNAL": "TRUE",
        "classification": "parquet",
        "projection.enabled": "true",
        # Only dates support NOW; a range of numbers would end one day. The start cannot be NOW-1YEARS: years count from
        # the start, and a start within a year may skip the current one. The year format needs the interval.
        "projection.year.type": "date",
        "projection.year.format": "yyyy",
        "projection.year.range": f"{_FIRST_YEAR},NOW",
        "projection.year.interval": "1",
        "projection.year.interval.unit": "YEARS",
        **_numbered("month", "1,12"),
        **_numbered("day", "1,31"),
        **_numbered("hour", "0,23"),
        "storage.location.template": folder + "".join(f"{each.name}=${{{each.name}}}/" for each in HOUR_COLUMNS),
    }


def _numbered(column: str, values: str) -> dict[str, str]:
    name = f"projection.{column}"
    return {f"{name}.type": "integer", f"{name}.range": values, f"{name}.digits": "2"}


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query for CreateNamedQuery.

    Attributes:
        name: The verb of flash-firewall that runs the same query.
        sql: The complete query in Athena's dialect; the same text for the same stack, or each preview would replace it.
    """

    name: str
    description: str
    sql: str


def saved_queries(database: str) -> tuple[SavedQuery, ...]:
    """Return the queries of ``denied`` and ``replay``, for the time before a query is run.

    The columns are `flash_ticket.traffic.flow_logs.query.ROW`. Lines without traffic are counted in separate rows, so
    that nothing is ignored silently.
    """
    stopped = ", ".join(f"'{each.value}'" for each in (Disposition.STOPPED, Disposition.UNANSWERED))
    return (
        SavedQuery(
            "denied",
            "What the VPC layer stopped in the last day, and calls without an answer: stopped at a pod, or no listener",
            _of_the_last(_DENIED_DAYS, database, f"WHERE kind <> 'traffic' OR disposition IN ({stopped})"),
        ),
        SavedQuery(
            "replay",
            f"The connections of the last {_REPLAYED_DAYS} days and their outcomes: what a change could cut",
            _of_the_last(_REPLAYED_DAYS, database, ""),
        ),
    )


RECENT_LINES: Final = Path(__file__).with_name("recent_lines.sql")
"""The query of all lines of a table ``recent``, in Athena's dialect. Translating it takes 0.4 seconds."""


def _of_the_last(days: int, database: str, condition: str) -> str:
    since = f"CURRENT_TIMESTAMP - INTERVAL '{days}' DAY"  # Athena's clock is in UTC, like the folders
    folder = f"{since} - INTERVAL '{PARTITION_MARGIN}' SECOND"
    hour = " || ".join(f'"{each.name}"' for each in HOUR_COLUMNS)
    return f"""\
-- The last {days * 24} hours; write another INTERVAL for more or less, in all three places.
WITH recent AS (
  SELECT * FROM {table_name(database)}
  WHERE "year" >= DATE_FORMAT({folder}, '%Y')
    AND {hour} >= DATE_FORMAT({folder}, '%Y%m%d%H')
    AND ("end" >= TO_UNIXTIME({since}) OR "end" IS NULL)
)
SELECT * FROM (
{RECENT_LINES.read_text(encoding="utf-8")})
{condition}
ORDER BY lines DESC
"""  # noqa: S608 - names of our own
