"""A bucket whose writer crashes, that fills while it is read, or with a wrong clock: counted, never wrong totals."""

from collections.abc import Callable
from typing import Any

import pytest

from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.logs.flow_log_bucket import FlowLogBucket
from flash_ticket.traffic.records.record import Reading, Scope
from tests.support.clouds.flow_log_objects import file_name, hive_folder, parquet, rejected, seconds, text
from tests.support.clouds.moto_account import MotoAccount

BUCKET = "flow-logs"
SOUND, TORN = "2026-11-24T03:10", "2026-11-24T03:15"

pytestmark = pytest.mark.usefixtures("spool")


def lines(moment: str, count: int) -> list[dict[str, str | int]]:
    return [rejected(f"10.0.0.{number + 1}", "10.0.0.9", 5432, moment) for number in range(count)]


def key(moment: str, ending: str = ".log.parquet") -> str:
    return hive_folder(moment) + file_name(moment, ending)


@pytest.fixture
def bucket(moto: MotoAccount) -> FlowLogBucket:
    moto.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    put(moto, SOUND, parquet(lines(SOUND, 7)))
    return FlowLogBucket(moto.connect(), BUCKET, "")


def put(moto: MotoAccount, moment: str, body: bytes, ending: str = ".log.parquet") -> None:
    moto.client("s3").put_object(Bucket=BUCKET, Key=key(moment, ending), Body=body)


def totals(bucket: FlowLogBucket, since: str | None = None) -> tuple[int, Reading]:
    """Return how many lines the records stand for, and the counts."""
    reading = Reading()
    scope = Scope(seconds(since) if since else None)
    return sum(each.count for each in bucket.records(scope, reading)), reading


@pytest.mark.parametrize(
    ("write", "ending"), [(parquet, ".log.parquet"), (text, ".log.gz")], ids=["Parquet", "gzip text"]
)
@pytest.mark.parametrize("part", [0.3, 0.8])
def test_a_torn_file_is_a_malformed_line_and_the_others_are_read(
    moto: MotoAccount,
    bucket: FlowLogBucket,
    write: Callable[[list[dict[str, str | int]]], bytes],
    ending: str,
    part: float,
) -> None:
    body = write(lines(TORN, 100))
    put(moto, TORN, body[: int(len(body) * part)], ending)

    count, reading = totals(bucket)

    assert (count, reading.recorded, reading.malformed) == (7, 7, 1)
    assert reading.first_malformed.startswith(f"s3://{BUCKET}/{key(TORN, ending)}: ")
    assert reading.notes == [
        "1 file ends too early or is damaged. None of its lines is counted, and it counts as one malformed line."
    ]


def interfere(monkeypatch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Change the bucket once, after it was listed and before the first object is read."""
    ask, changes = AwsAccount.ask, [change]

    def interfered(self: AwsAccount, service: str, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's
        if operation == "get_object" and changes:
            changes.pop()()
        return ask(self, service, operation, **arguments)

    monkeypatch.setattr(AwsAccount, "ask", interfered)


def test_a_file_that_appears_after_the_listing_is_read_next_time(
    moto: MotoAccount, bucket: FlowLogBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    interfere(monkeypatch, lambda: put(moto, TORN, parquet(lines(TORN, 5))))

    first, second = (totals(bucket) for _ in range(2))

    assert [(count, reading.malformed) for count, reading in (first, second)] == [(7, 0), (12, 0)]


def test_a_file_that_is_replaced_after_the_listing_is_read_as_it_is_now(
    moto: MotoAccount, bucket: FlowLogBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    interfere(monkeypatch, lambda: put(moto, SOUND, parquet(lines(SOUND, 90))))

    count, reading = totals(bucket)

    assert (count, reading.recorded, reading.malformed) == (90, 90, 0)


def test_lines_that_are_ahead_of_the_time_of_their_file_are_counted_in_a_note(
    moto: MotoAccount, bucket: FlowLogBucket
) -> None:
    put(moto, TORN, parquet(lines("2026-11-24T07:00", 3)))

    count, reading = totals(bucket, since="2026-11-24T03:00")

    assert (count, reading.recorded, reading.malformed) == (10, 10, 0)
    (note,) = reading.notes
    assert note.startswith("3 lines end up to 3.7 hours after the time in the name of the file (1 file): ")
