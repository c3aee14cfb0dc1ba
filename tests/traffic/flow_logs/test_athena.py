"""The table that Athena reads finds every record where AWS puts it, under names that are a stack's alone."""

import re
from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Origin
from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS, s3_location
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.traffic.flow_logs.athena import (
    HOUR_COLUMNS,
    RECORD_COLUMNS,
    TABLE,
    s3_url,
    stack_name,
    table_name,
    table_parameters,
)
from flash_ticket.traffic.flow_logs.query import NUMBER_FIELDS, TEXT_FIELDS, column
from tests.support.declared.owners import PROD, owner_of

SEOUL = Origin("aws", "ap-northeast-2", "111122223333")
FOLDER = s3_url(s3_location("arn:aws:s3:::records", SEOUL))

# Kubernetes: DNS label. Pulumi: letters, digits, -, _ and . (pkg/backend, stack names), 100 characters at most.
NAMESPACES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
STACKS = st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True)
CLUSTERS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", fullmatch=True)


def projected(moment: datetime) -> str:
    """Return the folder of an hour as Athena computes it from the table's properties."""
    parameters = table_parameters(FOLDER)
    template = parameters["storage.location.template"]
    for each in HOUR_COLUMNS:
        width = 4 if each.name == "year" else int(parameters[f"projection.{each.name}.digits"])
        template = template.replace(f"${{{each.name}}}", f"{getattr(moment, each.name):0{width}}")
    return template


def test_every_recorded_field_is_a_column_with_its_parquet_name() -> None:
    assert [each.name for each in RECORD_COLUMNS] == [field.replace("-", "_") for field in RECORD_FIELDS]


def test_columns_have_the_types_that_aws_writes() -> None:
    """VPC User Guide, "Flow log files": INT_32, INT_64, and STRING for the rest."""
    by_type = {kind: {each.name for each in RECORD_COLUMNS if each.type == kind} for kind in ("int", "bigint")}

    assert by_type["int"] == {"version", "srcport", "dstport", "protocol", "tcp_flags", "traffic_path"}
    assert by_type["bigint"] == {"packets", "bytes", "start", "end"}
    assert {each.type for each in RECORD_COLUMNS} == {"int", "bigint", "string"}


def test_the_query_finds_every_column_that_it_names() -> None:
    columns = {each.name for each in (*RECORD_COLUMNS, *HOUR_COLUMNS)}

    assert {column(field) for field in (*TEXT_FIELDS, *NUMBER_FIELDS)} | {"year", "month", "day", "hour"} <= columns
    assert len(columns) == len(RECORD_COLUMNS) + len(HOUR_COLUMNS)


@given(st.datetimes(datetime(2026, 1, 1), datetime(9999, 12, 31, 23), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds must be naive
def test_the_folder_of_each_hour_is_the_one_of_flow_logs(moment: datetime) -> None:
    """VPC User Guide, "Flow log files": hive-compatible, per hour."""
    hive = moment.strftime("year=%Y/month=%m/day=%d/hour=%H/")

    assert projected(moment) == (
        f"s3://records/AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=ap-northeast-2/{hive}"
    )


def test_every_hour_of_every_year_to_come_is_projected() -> None:
    parameters = table_parameters(FOLDER)

    assert parameters["projection.enabled"] == "true"
    assert (parameters["projection.year.type"], parameters["projection.year.format"]) == ("date", "yyyy")
    assert parameters["projection.year.range"].endswith(",NOW")
    # Without them, Athena accepts only dates with the precision of days or months.
    assert (parameters["projection.year.interval"], parameters["projection.year.interval.unit"]) == ("1", "YEARS")
    ranges = {name: parameters[f"projection.{name}.range"] for name in ("month", "day", "hour")}
    assert ranges == {"month": "1,12", "day": "1,31", "hour": "0,23"}


def test_there_are_no_properties_for_missing_columns() -> None:
    named = {key.split(".")[1] for key in table_parameters(FOLDER) if key.count(".") > 1 and key.startswith("proj")}

    assert named == {each.name for each in HOUR_COLUMNS}


def test_the_name_of_a_stack_is_readable() -> None:
    assert stack_name(PROD) == "flash_ticket__prod"
    assert table_name(stack_name(PROD)) == f'"flash_ticket__prod"."{TABLE}"'


def plain(namespace: str, stack: str) -> Owner:
    """Return the owner of a stack whose cluster is named after it."""
    return owner_of(stack, namespace, f"{namespace}-{stack}")


@given(NAMESPACES, STACKS)
def test_any_stack_gives_a_name_that_glue_and_athena_accept(namespace: str, stack: str) -> None:
    assert re.fullmatch(r"[a-z0-9_]{1,128}", stack_name(plain(namespace, stack)))


@given(st.tuples(NAMESPACES, STACKS, CLUSTERS), st.tuples(NAMESPACES, STACKS, CLUSTERS))
def test_two_stacks_never_share_a_table(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assume(one != other)

    names = {
        stack_name(owner)
        for namespace, stack, cluster in (one, other)
        for owner in (owner_of(stack, namespace, cluster), plain(namespace, stack))
    }
    assert len(names) == 2 + len({one[:2], other[:2]})


@given(st.text("ab-", min_size=1, max_size=4), st.text("abA-_.", min_size=1, max_size=4), st.data())
def test_similar_stacks_have_different_names(namespace: str, stack: str, data: st.DataObject) -> None:
    """``a-b`` with ``c`` is not ``a`` with ``b-c``, and Prod is not prod."""
    whole = f"{namespace}-{stack}"
    at = data.draw(st.integers(1, len(whole) - 1))
    other = (whole[:at], whole[at + 1 :])
    others = [each for each in (other, (namespace, stack.lower())) if each != (namespace, stack)]

    assert stack_name(plain(namespace, stack)) not in [stack_name(plain(*each)) for each in others]
