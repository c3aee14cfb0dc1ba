"""Hostile keys of a bucket, which anybody with write access can choose: no file is written elsewhere, all are read."""

import io
from pathlib import Path

import pytest

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.logs.flow_log_bucket import FlowLogBucket
from flash_ticket.live.progress import Progress
from flash_ticket.traffic.flow_logs.layout import Window
from flash_ticket.traffic.records.record import Reading, Scope
from tests.support.clouds.flow_log_objects import HIVE, parquet, rejected, text
from tests.support.clouds.moto_account import MotoAccount
from tests.support.hostile.harmless import ATTACKS, refusal

BUCKET = "flow-logs"
NOON = "2026-11-24T12:00:00"
LINES = [rejected("10.0.0.1", "10.0.0.9", 5432, NOON)]

KEYS = (
    *(f"{'../' * count}escaped{count}.parquet" for count in range(1, 7)),
    "/etc/absolute.parquet",
    "a/../../b.log.gz",
    "..parquet/.parquet",
    HIVE + "year=2026/month=11/day=24/hour=12/../../x.parquet",
    # Unlike S3, moto's server accepts no line breaks, and HTTP no lone surrogates.
    *(
        f"{name}/{text}.parquet"
        for name, text in ATTACKS.items()
        if len(text) < 200 and "\n" not in text and text != "\ud83d"
    ),
)

DATES = ("year=0000/month=00", "year=9999/month=12", "year=2026/month=99", "year=2026/month=02/day=31")


class Terminal(io.StringIO):
    """A terminal that keeps its output."""

    def isatty(self) -> bool:
        """Return that it is a terminal."""
        return True


def put(moto: MotoAccount, key: str, body: bytes) -> None:
    moto.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


@pytest.fixture
def bucket(moto: MotoAccount) -> FlowLogBucket:
    moto.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    return FlowLogBucket(moto.connect(), BUCKET, "", Progress(Terminal()))


def test_no_key_writes_outside_the_folder_of_copies(
    moto: MotoAccount, bucket: FlowLogBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    for key in KEYS:
        put(moto, key, text(LINES) if key.endswith(".gz") else parquet(LINES))

    records = list(bucket.records(Scope(), Reading()))

    assert sum(record.count for record in records) == len(KEYS)
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []
    assert not any(folder.iterdir())
    assert not any((tmp_path.parents[up] / f"escaped{count}.parquet").exists() for up in range(3) for count in range(7))
    assert isinstance(bucket.progress.stream, Terminal)
    assert bucket.progress.stream.getvalue().replace("\r\x1b[K", "").isprintable()


@pytest.mark.parametrize("key", KEYS)
def test_a_problem_with_an_object_is_one_line(moto: MotoAccount, bucket: FlowLogBucket, key: str) -> None:
    put(moto, key, b"\x1b[31mno log")

    with pytest.raises(InputError) as refused:
        list(bucket.records(Scope(), Reading()))

    assert refusal(refused.value).startswith("s3://flow-logs/")


@pytest.mark.parametrize("date", DATES)
@pytest.mark.parametrize("end", ["/", "/x.parquet"])
def test_a_folder_with_an_invalid_date_is_searched(date: str, end: str) -> None:
    assert Window(0.0, 1.0).may_hold(f"{HIVE}{date}{end}")
