"""The query for VPC flow logs, in the SQL of DuckDB and Athena: callers, called ends, ports and outcomes.

It runs where the lines are: it filters them, turns replies around and counts them, and returns only groups.
Sources: Amazon VPC User Guide, "Flow log records" (fields) and "Flow log record examples" (tcp-flags).
"""

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from flash_ticket.traffic.records.record import Scope

PARTITION_MARGIN: Final = 3600
"""How many seconds after the hour of its folder a line may end.

A line covers at most ten minutes and is written at their end; the rest is for differences between clocks.
"""


class Dialect(StrEnum):
    """A dialect of SQL; the values are sqlglot's names. Athena's engine is Trino."""

    DUCKDB = "duckdb"
    ATHENA = "athena"


TEXT_FIELDS: Final = (
    *("interface-id", "srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"),
    *("flow-direction", "action", "reject-reason", "log-status"),
)
"""The text fields that are read; ``-`` and NULL both mean that there is no value."""

NUMBER_FIELDS: Final = ("srcport", "dstport", "protocol", "tcp-flags", "start", "end")
"""The number fields that are read."""

NEEDED_FIELDS: Final = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "start", "end", "action")
"""The fields that every record needs; other fields are unknown if they are missing."""

ROW: Final = (
    *("kind", "disposition", "source", "destination", "protocol", "port"),
    *("direction", "reason", "interface", "lines", "first_start", "last_end"),
)
"""The columns of the answer, in order."""

# TCP, UDP and SCTP: lines of other protocols have no ports.
_HAS_PORTS: Final = "protocol IN (6, 17, 132)"

LAST_SECOND: Final = 253402300799  # of the year 9999; a time in milliseconds is much later

_VALID: Final = (
    ("it has no source address", "sender IS NOT NULL"),
    ("it has no destination address", "receiver IS NOT NULL"),
    ("protocol is not a number from 0 to 255", "protocol BETWEEN 0 AND 255"),
    *(
        (
            f"{port} is not a number from 0 to 65535",
            f"({port} BETWEEN 0 AND 65535 OR ({port} IS NULL AND NOT {_HAS_PORTS}))",
        )
        for port in ("srcport", "dstport")
    ),
    *(
        (f"{field} is not a time in seconds since 1970", f'"{field}" BETWEEN 0 AND {LAST_SECOND}')
        for field in ("start", "end")
    ),
    ("end is before start", '"end" >= "start"'),
    ("action is neither ACCEPT nor REJECT", "action IN ('ACCEPT', 'REJECT')"),
    ("tcp-flags is not a number from 0 to 255", "(tcp_flags IS NULL OR tcp_flags BETWEEN 0 AND 255)"),
    (
        "flow-direction is neither ingress nor egress",
        "(flow_direction IS NULL OR flow_direction IN ('ingress', 'egress', '-'))",
    ),
    ("log-status is none of OK, NODATA and SKIPDATA", "(log_status IS NULL OR log_status IN ('OK', '-'))"),
)
"""Each problem of a line, with the condition that is true if the line does not have it; ``-`` stands for no value."""

# True for most lines, and only for valid ones. Each number is compared by itself: DuckDB leaves out what the statistics
# of Parquet files answer.
_IS_USUAL: Final = f"""srcport BETWEEN 0 AND 65535 AND dstport BETWEEN 0 AND 65535
    AND protocol BETWEEN 0 AND 255 AND tcp_flags BETWEEN 0 AND 255
    AND "start" >= 0 AND "end" <= {LAST_SECOND} AND "start" <= "end"
    AND action IN ('ACCEPT', 'REJECT') AND log_status = 'OK' AND flow_direction IN ('ingress', 'egress')
    AND sender IS NOT NULL AND receiver IS NOT NULL"""

_IS_VALID: Final = f"COALESCE({' AND '.join(condition for _, condition in _VALID)}, FALSE)"

# A rejected reply comes from the called end: egress of its interface means that it was recorded at the destination.
_END_SEEN: Final = f"""CASE WHEN is_reply AND {_HAS_PORTS}
    THEN CASE WHEN flow_direction = 'ingress' THEN 'egress' WHEN flow_direction = 'egress' THEN 'ingress' END
    ELSE flow_direction END"""

# What rejected lines say besides their ends, in one text: grouping by three columns takes longer than cutting later.
# No line of a text file contains the character between. What is not there is last in every order.
_BREAK: Final = "CHR(10)"
_ABSENT: Final = "'~'"
_SAID: Final = (_END_SEEN, "interface_id", "reject_reason")
_REFUSAL: Final = f" || {_BREAK} || ".join(
    ("'REJECT'", *(f"COALESCE(NULLIF({each}, '-'), {_ABSENT})" for each in _SAID))
)

# No valid line has one of the two statuses without traffic.
_WITHOUT_TRAFFIC: Final = """WHEN log_status = 'NODATA' THEN 'no data'
    WHEN log_status = 'SKIPDATA' THEN 'skip data' ELSE 'malformed'"""

_EXCEPTION: Final = f"""CASE WHEN is_usual THEN CASE WHEN action = 'REJECT' THEN {_REFUSAL} END
    ELSE CASE WHEN {_IS_VALID} THEN CASE WHEN action = 'REJECT' THEN {_REFUSAL} END {_WITHOUT_TRAFFIC} END END"""
"""Why a line is not accepted traffic; NULL if it is."""

_IS_TRAFFIC: Final = "(exception IS NULL OR exception LIKE 'REJECT%')"

_LINE_KEYS: Final = "sender, receiver, protocol, called_port, is_reply, exception"
"""The columns of lines that are counted together at first: as few and as plain as can be."""

_KEYS: Final = "source, destination, number, port, exception"


def column(field: str) -> str:
    """Return the name of a field in Parquet and Athena: ``pkt_srcaddr``."""
    return field.replace("-", "_")


def flow_log_query(scope: Scope, dialect: Dialect, table: str) -> str:
    """Return the query whose answer `flash_ticket.traffic.flow_logs.rows.records_of` reads.

    Lines are grouped by everything that distinguishes records. For accepted lines, the interface and its direction are
    left out: the two interfaces of a connection record the same traffic.

    Args:
        scope: The wanted lines, the known ports and the moments at which lines are split.
        dialect: The dialect of the query.
        table: A table expression with a column for each field of `TEXT_FIELDS` and `NUMBER_FIELDS`; Athena's also has
            the partition columns ``year``, ``month``, ``day`` and ``hour``, as zero-padded text.
    """
    filters = _within(scope)
    if dialect is Dialect.ATHENA and scope.since is not None:
        filters = [*filters, _partitions_since(scope.since)]
    moments = _moments(scope)
    text = f"""
        WITH {_lines(table, filters, placed=False)},
        checked AS (
            SELECT *, {_IS_USUAL} AS is_usual, {_is_reply(scope)} AS is_reply{_listed(moments.of_line)}
            FROM lines
        ),
        keyed AS (
            SELECT sender, receiver, protocol, CASE WHEN is_reply THEN srcport ELSE dstport END AS called_port,
                is_reply, {_EXCEPTION} AS exception, tcp_flags, "start", "end"{_listed(moments.keyed)}
            FROM checked
        ),
        counted AS (
            SELECT {_LINE_KEYS}{_listed(moments.names)}, COUNT(*) AS lines,
                MIN("start") AS first_start, MAX("end") AS last_end,
                MIN(tcp_flags) AS least_flags, MAX(tcp_flags) AS most_flags, COUNT(tcp_flags) AS with_flags
            FROM keyed
            GROUP BY {_LINE_KEYS}{_listed(moments.names)}
        ),
        traced AS (
            SELECT *, {_IS_TRAFFIC} AS is_traffic, {_IS_TRAFFIC} AND {_HAS_PORTS} AND is_reply AS is_answer
            FROM counted
        ),
        turned AS (
            SELECT exception, is_answer, lines, first_start, last_end{_listed(moments.turned)},
                CASE WHEN is_answer THEN receiver WHEN is_traffic THEN sender END AS source,
                CASE WHEN is_answer THEN sender WHEN is_traffic THEN receiver END AS destination,
                CASE WHEN is_traffic THEN protocol END AS number,
                CASE WHEN is_traffic THEN CASE WHEN {_HAS_PORTS} THEN called_port ELSE 0 END END AS port,
                least_flags <> 2 OR most_flags <> 2 AS goes_on,
                COALESCE(least_flags = 2 AND most_flags = 2 AND with_flags = lines, FALSE) AS opens
            FROM traced
        ),
        grouped AS (
            SELECT {_KEYS}{_listed(moments.names)}, CAST(SUM(lines) AS BIGINT) AS lines,
                MIN(first_start) AS first_start, MAX(last_end) AS last_end,
                BOOL_OR(is_answer OR (number = 6 AND goes_on)) AS shows_answer, BOOL_AND(opens) AS only_opens
            FROM turned
            GROUP BY {_KEYS}{_listed(moments.names)}
        ),
        compared AS ({_compared(moments, dialect)}),
        judged AS (SELECT *, {_disposition(moments)} AS disposition FROM compared),
        explained AS (
            SELECT *, CASE WHEN disposition = 'stopped' THEN COALESCE(exception, first_refusal) END AS refusal
            FROM judged
        )
        SELECT CASE WHEN source IS NULL THEN exception ELSE 'traffic' END AS kind,
            disposition, source, destination, number AS protocol, port,
            {_part(2)} AS direction, {_part(4)} AS reason, {_part(3)} AS interface,
            lines, first_start, last_end
        FROM explained
    """  # noqa: S608 - names and numbers of our own
    return _rendered(text, dialect)


def malformed_query(scope: Scope, table: str, addresses: Sequence[str]) -> str:
    """Return the query, in DuckDB's SQL, for the first malformed line of a table.

    Args:
        scope: As for `flow_log_query`.
        table: As for `flow_log_query`, with the further columns ``file``, ``row`` and ``line``.
        addresses: Texts that are not valid addresses.

    Returns:
        A query whose answer is one row (file, row, line, problem), or none.
    """
    words = " ".join(f"WHEN ({condition}) IS NOT TRUE THEN {literal(problem)}" for problem, condition in _VALID)
    listed = ", ".join(map(literal, addresses)) or "NULL"
    return f"""
        WITH {_lines(table, _within(scope), placed=True)},
        checked AS (SELECT *, {_IS_VALID} AS is_valid FROM lines)
        SELECT file, "row", line,
            CASE {words} WHEN sender IN ({listed}) THEN 'the source is not an address'
                ELSE 'the destination is not an address' END AS problem
        FROM checked
        WHERE (CASE WHEN is_valid THEN 'traffic' {_WITHOUT_TRAFFIC} END) = 'malformed'
            OR (is_valid AND (sender IN ({listed}) OR receiver IN ({listed})))
        ORDER BY file, "row" LIMIT 1
    """  # noqa: S608 - texts of a log are quoted


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _lines(table: str, filters: Sequence[str], *, placed: bool) -> str:
    """Return the common table of the lines within the scope: each with its two ends.

    Only pkt-* contain the address of a pod: srcaddr and dstaddr are the first address of the pod's interface.
    """
    kept = ("interface-id", "flow-direction", "action", "reject-reason", "log-status", *NUMBER_FIELDS)
    columns = ", ".join(f'"{column(field)}"' for field in kept)
    places = ', file, "row", line' if placed else ""
    where = f"WHERE {' AND '.join(filters)}" if filters else ""
    return f"""lines AS (
        SELECT {columns}{places}, {_end("srcaddr")} AS sender, {_end("dstaddr")} AS receiver
        FROM {table} {where})"""  # noqa: S608 - names and numbers of our own


def _end(field: str) -> str:
    packet = column(f"pkt-{field}")
    return f"CASE WHEN {packet} <> '-' THEN {packet} WHEN {field} <> '-' THEN {field} END"


def _within(scope: Scope) -> list[str]:
    """Return the conditions on time; a line without a time is malformed, and never out of scope."""
    filters = []
    if scope.since is not None:
        filters.append(f'("end" >= {math.ceil(scope.since)} OR "end" IS NULL)')
    if scope.until is not None:
        filters.append(f'("start" < {math.ceil(scope.until)} OR "start" IS NULL)')
    return filters


def _partitions_since(since: float) -> str:
    """Return the condition that leaves out the folders of hours that ended before."""
    values = time.strftime("%Y %m %d %H", time.gmtime(max(0, since - PARTITION_MARGIN))).split()
    names = ('"year"', '"month"', '"day"', '"hour"')
    condition = f"{names[-1]} >= {literal(values[-1])}"
    for name, value in reversed([*zip(names, values, strict=True)][:-1]):
        condition = f"({name} > {literal(value)} OR ({name} = {literal(value)} AND {condition}))"
    # Among these conditions, only this one has a form that partition projection certainly supports.
    return f"{names[0]} >= {literal(values[0])} AND {condition}"


def _is_reply(scope: Scope) -> str:
    """Return whether a line with ports is a reply: by SYN and ACK, or its ports (`traffic.records.record.is_reply`).

    AWS records ACK only together with SYN, and ORs the flags of an interval: 19 is a SYN-ACK with a FIN.
    """
    known = ""
    if scope.listening:
        source, destination = (_is_known(scope, end) for end in ("srcport", "dstport"))
        known = f"WHEN {destination} AND NOT {source} THEN FALSE WHEN {source} AND NOT {destination} THEN TRUE"
    return f"""CASE WHEN protocol = 6 AND tcp_flags & 2 = 2 THEN tcp_flags & 16 = 16
        {known} ELSE srcport > 0 AND srcport < dstport END"""


def _is_known(scope: Scope, port: str) -> str:
    """Return the condition that a port is one of those that are known to be called."""
    ports: dict[int, list[str]] = defaultdict(list)
    for protocol, number in sorted(scope.listening):
        ports[protocol].append(str(number))
    by_protocol = (f"(protocol = {each} AND {port} IN ({', '.join(found)}))" for each, found in ports.items())
    return f"({' OR '.join(by_protocol)})"


def _moment(scope: Scope) -> str:
    """Return the next moment after a line's start, by binary search; ``LAST_SECOND + 1`` if there is none."""
    moments = sorted({math.ceil(moment) for moment in scope.moments})

    def search(low: int, high: int) -> str:
        if low == high:
            return str(moments[low]) if low < len(moments) else str(LAST_SECOND + 1)
        middle = (low + high) // 2
        return f'CASE WHEN "start" < {moments[middle]} THEN {search(low, middle)} ELSE {search(middle + 1, high)} END'

    return search(0, len(moments))


@dataclass(frozen=True, slots=True)
class _Moments:
    """What splits lines at moments, as expressions of SQL; all empty if there is no moment to split at.

    Attributes:
        of_line: Each line's next moment.
        keyed: The moment and the crossing of it.
        turned: The same, for lines of traffic.
        names: The columns that distinguish groups.
        alike: The column that distinguishes ends and port before and after a moment.
        crossing: The condition that a group crosses a moment.
    """

    of_line: tuple[str, ...] = ()
    keyed: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    crossing: str = ""


def _moments(scope: Scope) -> _Moments:
    if not scope.moments:
        return _Moments()
    names = ("moment", "crossing_start", "crossing_end")
    return _Moments(
        of_line=(f"{_moment(scope)} AS moment",),
        keyed=(
            "moment",
            'CASE WHEN "end" >= moment THEN "start" END AS crossing_start',
            'CASE WHEN "end" >= moment THEN "end" END AS crossing_end',
        ),
        turned=tuple(f"CASE WHEN is_traffic THEN {name} END AS {name}" for name in names),
        names=names,
        alike=("moment",),
        crossing="OR crossing_start IS NOT NULL",
    )


def _listed(expressions: Sequence[str]) -> str:
    """Return expressions as the rest of a list that has others before them."""
    return "".join(f", {each}" for each in expressions)


def _part(number: int) -> str:
    """Return a part of the refusal; NULL if there is none, or it says nothing."""
    return f"NULLIF(SPLIT_PART(refusal, {_BREAK}, {number}), {_ABSENT})"


# A caller without an answer sends only SYN: no FIN, no RST, no data.
_SHOWS_ANSWER: Final = "exception IS NULL AND (shows_answer OR number NOT IN (6, 17, 132))"


def _disposition(moments: _Moments) -> str:
    """Return the disposition of a group.

    What one interface let out and another refused was stopped, and both lines belong to it.
    """
    return f"""CASE WHEN source IS NULL THEN NULL
        WHEN exception IS NOT NULL THEN 'stopped'
        WHEN answered {moments.crossing} THEN 'passed'
        WHEN first_refusal IS NOT NULL THEN 'stopped'
        WHEN number = 6 AND only_opens THEN 'unanswered'
        ELSE 'passed' END"""


def _compared(moments: _Moments, dialect: Dialect) -> str:
    """Return the query for all groups, each with what the others with the same ends, port and moment say.

    Athena would read all lines again for a second mention of the groups, so there it is one pass with windows. For
    DuckDB the groups stand in memory, and only those that were rejected are compared.
    """
    alike = f"source, destination, number, port{_listed(moments.alike)}"
    if dialect is Dialect.ATHENA or moments.alike:
        over = f"OVER (PARTITION BY {alike})"
        return f"""SELECT *, BOOL_OR({_SHOWS_ANSWER}) {over} AS answered, MIN(exception) {over} AS first_refusal
            FROM grouped"""  # noqa: S608 - names of our own
    return f"""SELECT grouped.*, {_SHOWS_ANSWER} AS answered, first_refusal
        FROM grouped LEFT JOIN (
            SELECT {alike}, MIN(exception) AS first_refusal FROM grouped WHERE exception IS NOT NULL GROUP BY {alike}
        ) USING ({alike})"""  # noqa: S608 - names of our own


def _rendered(text: str, dialect: Dialect) -> str:
    if dialect is Dialect.DUCKDB:
        return text
    from sqlglot import transpile  # noqa: PLC0415 - only Athena needs it, and it is slow to import

    return transpile(text, read=Dialect.DUCKDB, write=dialect)[0]
