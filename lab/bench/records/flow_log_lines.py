"""Made-up flow logs of a shop, as S3 holds them: many lines, written as fast as they can be read."""

import time
from enum import StrEnum
from pathlib import Path
from typing import Final

import duckdb

_FIRST_HOUR: Final = 1_790_000_000 // 3600

# Each connection of a minute makes four lines: call and reply, at the interfaces of caller and callee. Six services of
# 40 pods call each other and a cache. Every sixth connection asks DNS; a group refuses one in 50.
_LINES: Final = """
    WITH numbered AS (
        SELECT number, number // 4 AS connection, number % 4 >= 2 AS at_called, number % 2 = 1 AS reply
        FROM range({first}, {last}) numbers(number)
    ),
    dealt AS (
        SELECT *, hash(connection) AS chance, chance % 240 AS caller, chance // 240 % 6 AS service,
            service * 40 + chance // 1440 % 40 AS called, chance // 57600 % 50 = 0 AS refused, service = 0 AS dns
        FROM numbered
    ),
    named AS (
        SELECT *, 32768 + chance // 97 % 28000 AS caller_port,
            [53, 4000, 3100, 5672, 6379, 5432][service::INTEGER + 1] AS called_port,
            concat('10.0.', caller // 60, '.', caller % 60 + 10) AS caller_address,
            concat('10.1.', called // 60, '.', called % 60 + 10) AS called_address,
            CASE WHEN at_called THEN called ELSE caller END AS place
        FROM dealt
    )
    SELECT 7::INTEGER AS "version", '111122223333' AS "account{0}id", 'vpc-0a1b2c3d4e5f60718' AS "vpc{0}id",
        concat('subnet-0a1b2c3d4e5f607', place % 6) AS "subnet{0}id",
        concat('eni-0a1b2c3d4e5f60', place % 90 + 10) AS "interface{0}id", '-' AS "instance{0}id",
        concat('10.', CASE WHEN reply THEN 1 ELSE 0 END, '.0.', place % 90 + 10) AS srcaddr,
        concat('10.', CASE WHEN reply THEN 0 ELSE 1 END, '.0.', place % 90 + 10) AS dstaddr,
        CASE WHEN reply THEN called_address ELSE caller_address END AS "pkt{0}srcaddr",
        CASE WHEN reply THEN caller_address ELSE called_address END AS "pkt{0}dstaddr",
        (CASE WHEN reply THEN called_port ELSE caller_port END)::INTEGER AS srcport,
        (CASE WHEN reply THEN caller_port ELSE called_port END)::INTEGER AS dstport,
        (CASE WHEN dns THEN 17 ELSE 6 END)::INTEGER AS "protocol",
        (CASE WHEN dns THEN 0 WHEN refused THEN 2 WHEN chance % 7 = 0 THEN 0 WHEN reply THEN 19 ELSE 3 END)::INTEGER
            AS "tcp{0}flags",
        '-' AS "pkt{0}src{0}aws{0}service", '-' AS "pkt{0}dst{0}aws{0}service",
        CASE WHEN at_called = reply THEN 'egress' ELSE 'ingress' END AS "flow{0}direction",
        {path} AS "traffic{0}path",
        (chance % 40 + 1)::BIGINT AS packets, (chance % 40000 + 60)::BIGINT AS bytes,
        ({start} + chance // 11 % 3540)::BIGINT AS "start",
        ({start} + chance // 11 % 3540 + 1 + chance % 58)::BIGINT AS "end",
        CASE WHEN refused AND at_called AND NOT dns THEN 'REJECT' ELSE 'ACCEPT' END AS "action",
        '-' AS "reject{0}reason",
        'OK' AS "log{0}status"
    FROM named
    WHERE NOT (refused AND reply AND NOT dns)
"""


class Written(StrEnum):
    """The format of made-up files; the values are their suffixes."""

    PARQUET = "parquet"
    TEXT = "log"


def write(folder: Path, lines: int, written: Written, per_hour: int = 1_000_000) -> tuple[Path, ...]:
    """Write about this many lines, one file for each hour in hive-compatible folders; return the files.

    One line in a hundred is missing: a refused call gets no reply.
    """
    columns = {"0": "_" if written is Written.PARQUET else "-"}
    options = "FORMAT parquet" if written is Written.PARQUET else "FORMAT csv, DELIMITER ' ', HEADER, QUOTE ''"
    paths = []
    with duckdb.connect() as database:
        for number, first in enumerate(range(0, lines, per_hour)):
            hour = _FIRST_HOUR + number
            path = folder / _hour_folder(hour) / f"flow-log.{written}"
            path.parent.mkdir(parents=True)
            query = _LINES.replace("{0}", columns["0"]).format(
                first=first,
                last=min(first + per_hour, lines),
                start=hour * 3600,
                path="1::INTEGER"
                if written is Written.PARQUET
                else "CASE WHEN at_called = reply THEN '1' ELSE '-' END",
            )
            database.execute(f"COPY ({query}) TO '{path}' ({options})")
            paths.append(path)
    return tuple(paths)


def _hour_folder(hour: int) -> str:
    of_flow_logs = "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=ap-northeast-2"
    return time.strftime(f"{of_flow_logs}/year=%Y/month=%m/day=%d/hour=%H", time.gmtime(hour * 3600))
