"""Flow logs from S3: which objects are fetched, which records are returned, and one line for each problem."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.logs import flow_log_bucket
from flash_ticket.live.logs.flow_log_bucket import FlowLogBucket
from flash_ticket.traffic.records.record import Disposition, Reading, Record, Scope
from tests.support.clouds.flow_log_objects import (
    HIVE,
    file_name,
    hive_folder,
    parquet,
    plain_folder,
    rejected,
    seconds,
    text,
)
from tests.support.clouds.moto_account import MotoAccount
from tests.support.refusal import refusal

BUCKET = "flow-logs"


pytestmark = pytest.mark.usefixtures("spool")


def put(moto: MotoAccount, objects: dict[str, bytes]) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    for key, body in objects.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def hour(moment: str, source: str) -> dict[str, bytes]:
    """Return the one file of an hour when a source is refused."""
    return {hive_folder(moment) + file_name(moment): parquet([rejected(source, "10.0.0.9", 5432, moment)])}


def records_in(bucket: FlowLogBucket, since: str | None = None, until: str | None = None) -> list[Record]:
    begin, end = (seconds(moment) if moment else None for moment in (since, until))
    scope = Scope(begin, end)
    return sorted(bucket.records(scope, Reading()), key=lambda record: record.first)


def sources(records: list[Record]) -> list[str]:
    return [record.source.address for record in records]


def fetched(moto: MotoAccount, monkeypatch: pytest.MonkeyPatch) -> tuple[FlowLogBucket, list[tuple[str, str]]]:
    """Return the bucket, and a list that collects the calls to S3: the operation, and the prefix or key."""
    account, asked = moto.connect(), []
    ask = type(account).ask

    def noted(self: object, service: str, operation: str, **arguments: str) -> object:
        asked.append((operation, arguments.get("Prefix", arguments.get("Key", ""))))
        return ask(self, service, operation, **arguments)  # type: ignore[arg-type]  # the account itself

    monkeypatch.setattr(type(account), "ask", noted)
    return FlowLogBucket(account, BUCKET, ""), asked


THREE_DAYS = {
    **hour("2026-11-22T23:10", "10.0.0.1"),
    **hour("2026-11-23T04:10", "10.0.0.2"),
    **hour("2026-11-23T22:10", "10.0.0.3"),
    **hour("2026-11-24T03:10", "10.0.0.4"),
    **hour("2026-11-24T09:10", "10.0.0.5"),
}


def test_without_a_time_everything_is_read(moto: MotoAccount, spool: Path) -> None:
    put(moto, THREE_DAYS)
    records = records_in(FlowLogBucket(moto.connect(), BUCKET, ""))

    assert sources(records) == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]
    assert {(record.disposition, record.port, record.count) for record in records} == {(Disposition.STOPPED, 5432, 1)}
    assert list(spool.iterdir()) == []


def test_only_the_requested_hours_are_fetched(moto: MotoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    put(moto, THREE_DAYS)
    bucket, asked = fetched(moto, monkeypatch)

    records = records_in(bucket, since="2026-11-23T22:00", until="2026-11-24T04:00")

    assert sources(records) == ["10.0.0.3", "10.0.0.4"]
    got = [key for operation, key in asked if operation == "get_object"]
    assert sorted(got) == sorted(hour("2026-11-23T22:10", "") | hour("2026-11-24T03:10", ""))
    assert not [prefix for operation, prefix in asked if "day=22" in prefix], "a day before is not even listed"


@pytest.mark.parametrize("folder", [hive_folder, plain_folder])
@pytest.mark.parametrize(
    ("write", "ending"), [(parquet, ".log.parquet"), (text, ".log.gz")], ids=["Parquet", "gzip text"]
)
def test_every_layout_and_file_format_of_aws_is_read(
    moto: MotoAccount, folder: Callable[[str], str], write: Callable[[list[dict[str, str | int]]], bytes], ending: str
) -> None:
    moment = "2026-11-24T03:10"
    body = write([rejected("10.0.0.1", "10.0.0.9", 5432, moment)])
    put(moto, {f"shop/{folder(moment)}{file_name(moment, ending)}": body})

    for since in (None, "2026-11-24T03:00"):
        assert sources(records_in(FlowLogBucket(moto.connect(), BUCKET, "shop/"), since)) == ["10.0.0.1"]


def test_in_daily_folders_the_file_names_give_the_hour(moto: MotoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = {"2026-11-24T03:10": "10.0.0.1", "2026-11-24T23:10": "10.0.0.2"}
    put(
        moto,
        {
            plain_folder(moment) + file_name(moment): parquet([rejected(source, "10.0.0.9", 5432, moment)])
            for moment, source in moments.items()
        },
    )
    bucket, asked = fetched(moto, monkeypatch)

    assert sources(records_in(bucket, since="2026-11-24T22:00")) == ["10.0.0.2"]
    assert [operation for operation, _ in asked].count("get_object") == 1


@pytest.mark.parametrize(
    "prefix",
    ["", "AWSLogs", "AWSLogs/", HIVE, HIVE.rstrip("/"), hive_folder("2026-11-24T03:10"), *hour("2026-11-24T03:10", "")],
)
def test_any_folder_or_file_may_be_named(moto: MotoAccount, prefix: str) -> None:
    put(moto, hour("2026-11-24T03:10", "10.0.0.1"))

    assert sources(records_in(FlowLogBucket(moto.connect(), BUCKET, prefix))) == ["10.0.0.1"]


def test_a_folder_does_not_match_another_with_the_same_beginning(moto: MotoAccount) -> None:
    moment = "2026-11-24T03:10"
    ((key, body),) = hour(moment, "10.0.0.1").items()
    put(moto, {f"shop/{key}": body, f"shop-old/{key}": body})

    assert len(records_in(FlowLogBucket(moto.connect(), BUCKET, "shop"))) == 1


def test_other_objects_in_the_bucket_are_ignored(moto: MotoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    others = {
        "AWSLogs/111122223333/CloudTrail/ap-northeast-2/2026/11/24/trail.json.gz": b"x",
        "AWSLogs/111122223333/elasticloadbalancing/ap-northeast-2/2026/11/24/alb.log.gz": b"x",
        "athena/result.csv": b"x",
        "README": b"x",
        HIVE: b"",
    }
    put(moto, {**hour("2026-11-24T03:10", "10.0.0.1"), **others})
    bucket, asked = fetched(moto, monkeypatch)

    assert sources(records_in(bucket)) == ["10.0.0.1"]
    assert [operation for operation, _ in asked].count("get_object") == 1


def test_the_space_used_on_disk_is_bounded(moto: MotoAccount, monkeypatch: pytest.MonkeyPatch, spool: Path) -> None:
    """Each file is larger than a batch, so each is fetched, read and removed alone."""
    put(moto, THREE_DAYS)
    monkeypatch.setattr(flow_log_bucket, "BATCH_BYTES", 1)
    seen = set()

    records: Any = FlowLogBucket(moto.connect(), BUCKET, "").records(Scope(), Reading())
    for _ in range(5):
        next(records)
        seen.add(len([path for path in spool.rglob("*") if path.suffix == ".parquet"]))

    assert seen == {1}
    records.close()
    assert list(spool.iterdir()) == []


def test_every_page_of_the_listing_is_read(moto: MotoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    put(moto, THREE_DAYS)
    ask = AwsAccount.ask

    def by_twos(self: AwsAccount, service: str, operation: str, **arguments: object) -> object:
        few = {"MaxKeys": 2} if operation == "list_objects_v2" else {}
        return ask(self, service, operation, **arguments, **few)

    monkeypatch.setattr(AwsAccount, "ask", by_twos)

    assert len(records_in(FlowLogBucket(moto.connect(), BUCKET, ""))) == 5
    assert len(records_in(FlowLogBucket(moto.connect(), BUCKET, ""), since="2026-11-23T00:00")) == 4


def test_a_malformed_line_is_reported_with_its_object(moto: MotoAccount) -> None:
    moment = "2026-11-24T03:10"
    key = hive_folder(moment) + file_name(moment)
    good, bad = (rejected("10.0.0.1", "10.0.0.9", 5432, moment) for _ in range(2))
    bad["pkt-srcaddr"] = bad["srcaddr"] = "10.0.0.1.7"
    put(moto, {key: parquet([good, bad])})
    reading = Reading()

    list(FlowLogBucket(moto.connect(), BUCKET, "").records(Scope(), reading))

    assert (reading.recorded, reading.malformed) == (1, 1)
    assert reading.first_malformed.startswith(f"s3://{BUCKET}/{key}: row 2: ")


@pytest.mark.parametrize("damage", [lambda body: body[: len(body) // 2], lambda _: b"PAR1"], ids=["cut", "4 bytes"])
def test_a_damaged_file_is_reported_with_its_object(
    moto: MotoAccount, damage: Callable[[bytes], bytes], spool: Path
) -> None:
    ((key, body),) = hour("2026-11-24T03:10", "10.0.0.1").items()
    put(moto, {key: damage(body)})

    assert refusal(lambda: records_in(FlowLogBucket(moto.connect(), BUCKET, ""))).startswith(
        f"s3://{BUCKET}/{key}: cannot be read"
    )
    assert list(spool.iterdir()) == []
