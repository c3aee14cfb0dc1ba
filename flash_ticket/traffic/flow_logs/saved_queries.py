"""The questions to recorded traffic that a stack saves beside its table, for whoever has a console and no checkout."""

from dataclasses import dataclass

from flash_ticket.traffic.flow_logs.athena import HOUR_COLUMNS, table_name
from flash_ticket.traffic.flow_logs.query import PARTITION_MARGIN, Dialect, flow_log_query
from flash_ticket.traffic.records.record import Disposition, Scope

_DENIED_DAYS = 1
_REPLAYED_DAYS = 30


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query as CreateNamedQuery takes it.

    Attributes:
        name: The verb of flash-firewall that asks the same.
        sql: Complete, in Athena's dialect; the same text for the same stack, or each preview would replace it.
    """

    name: str
    description: str
    sql: str


def saved_queries(database: str) -> tuple[SavedQuery, ...]:
    """Return what ``denied`` and ``replay`` ask, of the time before the moment at which a query is run.

    The rows are those of `flash_ticket.traffic.flow_logs.query.ROW`: lines that tell of no traffic are counted in rows
    of their own, so that nothing is passed over in silence.
    """
    stopped = ", ".join(f"'{each.value}'" for each in (Disposition.STOPPED, Disposition.UNANSWERED))
    return (
        SavedQuery(
            "denied",
            "What the VPC layer stopped in the last day, and what nobody answered: stopped at a pod, or no listener",
            _of_the_last(_DENIED_DAYS, database, f"WHERE kind <> 'told' OR disposition IN ({stopped})"),
        ),
        SavedQuery(
            "replay",
            f"Who called whom in the last {_REPLAYED_DAYS} days, and what came of it: what a change could cut",
            _of_the_last(_REPLAYED_DAYS, database, ""),
        ),
    )


def _of_the_last(days: int, database: str, condition: str) -> str:
    from sqlglot import transpile  # noqa: PLC0415 - only Athena needs it, and it is slow to import

    query = flow_log_query(Scope(), Dialect.ATHENA, "recent")
    readable = transpile(query, read=Dialect.ATHENA, write=Dialect.ATHENA, pretty=True)[0]
    since = f"CURRENT_TIMESTAMP - INTERVAL '{days}' DAY"  # Athena's clock is in UTC, as the folders are
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
{readable}
)
{condition}
ORDER BY lines DESC
"""  # noqa: S608 - names of our own
