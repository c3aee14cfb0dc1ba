"""Each problem with flow logs in S3 is one line with the object or bucket, the cause and the remedy."""

import io
import os
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import WAITS
from flash_ticket.live.logs.flow_log_bucket import FlowLogBucket
from flash_ticket.live.progress import Progress
from flash_ticket.traffic.records.record import Reading, Scope
from tests.support.clouds.flow_log_objects import file_name, hive_folder, parquet, rejected
from tests.support.clouds.moto_account import MotoAccount

pytestmark = pytest.mark.usefixtures("spool")

MOMENT = "2026-11-24T03:10"
KEY = hive_folder(MOMENT) + file_name(MOMENT)
URI = f"s3://flow-logs/{KEY}"


@pytest.fixture
def bucket(moto: MotoAccount) -> MotoAccount:
    """A bucket with one file."""
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="flow-logs", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    s3.put_object(Bucket="flow-logs", Key=KEY, Body=parquet([rejected("10.0.0.1", "10.0.0.9", 5432, MOMENT)]))
    return moto


def read(moto: MotoAccount, name: str = "flow-logs", prefix: str = "", scope: Scope | None = None) -> int:
    return len(list(FlowLogBucket(moto.connect(), name, prefix).records(scope or Scope(), Reading())))


def refusal(moto: MotoAccount, name: str = "flow-logs", prefix: str = "", scope: Scope | None = None) -> str:
    with pytest.raises(InputError) as refused:
        read(moto, name, prefix, scope)
    return str(refused.value)


def interfere(monkeypatch: pytest.MonkeyPatch, operation: str, answer: Any) -> None:  # noqa: ANN401 - a function of any kind
    """Replace an operation by a function that gets the real one."""
    ask = AwsAccount.ask

    def changed(self: AwsAccount, service: str, asked: str, **arguments: object) -> object:
        def real() -> Any:  # noqa: ANN401 - the SDK's
            return ask(self, service, asked, **arguments)

        return answer(real) if asked == operation else real()

    monkeypatch.setattr(AwsAccount, "ask", changed)


def client_error(account: AwsAccount, operation: str, code: str, message: str) -> None:
    """Make the SDK's client refuse an operation in AWS's words."""
    account.ask("s3", "list_buckets")

    def refuse(**_: object) -> object:
        raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

    setattr(account._clients["s3"], operation, refuse)  # noqa: SLF001 - the client itself stands in for AWS


def test_the_two_documented_rights_are_sufficient(bucket: MotoAccount) -> None:
    with bucket.allowing("s3:ListBucket", "s3:GetObject"):
        assert read(bucket) == 1


def test_a_missing_right_to_list_the_bucket_is_reported(bucket: MotoAccount) -> None:
    with bucket.allowing("s3:GetObject"):
        line = refusal(bucket, prefix="AWSLogs")

    assert line.startswith("s3://flow-logs/AWSLogs: it may not be read (AccessDenied: ")
    assert line.endswith("Allow s3:ListBucket on arn:aws:s3:::flow-logs to this identity.")


def test_a_missing_right_to_read_objects_is_reported(bucket: MotoAccount) -> None:
    with bucket.allowing("s3:ListBucket"):
        line = refusal(bucket)

    assert line.startswith(f"{URI}: it may not be read (AccessDenied: ")
    assert line.endswith("Allow s3:GetObject on arn:aws:s3:::flow-logs/* to this identity.")


def test_a_missing_bucket_is_reported(moto: MotoAccount) -> None:
    assert refusal(moto, "flow-log") == "s3://flow-log/: there is no such bucket. Correct its name."


@pytest.mark.parametrize("prefix", ["shop/", "AWSLogs/111122223333/", "README"])
def test_a_folder_without_flow_logs_is_reported(bucket: MotoAccount, prefix: str) -> None:
    bucket.client("s3").put_object(Bucket="flow-logs", Key="README", Body=b"x")

    assert refusal(bucket, prefix=prefix) == (
        f"s3://flow-logs/{prefix}: it holds no flow log files. Name the folder above AWSLogs, or another time; files "
        "come about ten minutes after the traffic."
    )


def test_a_time_without_flow_logs_is_reported(bucket: MotoAccount) -> None:
    line = refusal(bucket, scope=Scope(since=4_000_000_000))

    assert line.startswith("s3://flow-logs/: it holds no flow log files of the time that is asked for. ")


def test_credentials_that_aws_refuses_are_reported(bucket: MotoAccount) -> None:
    with bucket.allowing("s3:*"):
        bucket.monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN000000000")
        line = refusal(bucket)

    assert re.match(r"s3://flow-logs/: credentials: AWS refuses them: .*\. Sign in again \(aws sso login\)\.$", line)


@pytest.mark.parametrize("operation", ["list_objects_v2", "get_object"])
@pytest.mark.parametrize("code", ["ExpiredToken", "TokenRefreshRequired"])
def test_expired_credentials_are_reported(bucket: MotoAccount, operation: str, code: str) -> None:
    account = bucket.connect()
    client_error(account, operation, code, "The provided token has expired.")

    with pytest.raises(InputError) as refused:
        list(FlowLogBucket(account, "flow-logs", "").records(Scope(), Reading()))

    where = "s3://flow-logs/" if operation == "list_objects_v2" else URI
    assert str(refused.value) == (
        f"{where}: credentials: AWS refuses them: The provided token has expired. Sign in again (aws sso login)."
    )


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [
        (
            "AccessDenied",
            "x may not kms:Decrypt",
            "its key may not be used (AccessDenied: x may not kms:Decrypt). Allow kms:Decrypt on the bucket's key to",
        ),
        (
            "KMS.DisabledException",
            "arn:aws:kms:r:1:key/k is disabled.",
            "s3:GetObject: KMS.DisabledException: arn:aws:kms:r:1:key/k is disabled. Try again, or fix what it says.",
        ),
        (
            "InvalidObjectState",
            "The operation is not valid for the object's storage class",
            "it is archived. Restore it, or ask for a later time (--since).",
        ),
    ],
)
def test_an_object_that_cannot_be_opened_is_reported(bucket: MotoAccount, code: str, message: str, line: str) -> None:
    account = bucket.connect()
    client_error(account, "get_object", code, message)

    with pytest.raises(InputError) as refused:
        list(FlowLogBucket(account, "flow-logs", "").records(Scope(), Reading()))

    assert str(refused.value).startswith(f"{URI}: {line}")


def test_an_object_deleted_after_the_listing_is_reported(bucket: MotoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(real: Any) -> object:  # noqa: ANN401 - the real operation
        bucket.client("s3").delete_object(Bucket="flow-logs", Key=KEY)
        found: object = real()
        return found

    interfere(monkeypatch, "get_object", gone)

    assert refusal(bucket) == (
        f"{URI}: it was deleted while the others were read. Run it again, or ask for a time that the bucket still "
        "keeps (--since)."
    )


def test_a_truncated_object_is_reported(bucket: MotoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    interfere(monkeypatch, "get_object", lambda _: {"Body": StreamingBody(io.BytesIO(b"PAR1"), 5_000)})

    assert refusal(bucket) == f"{URI}: it ended before its last byte. Run it again."


def test_a_full_disk_is_reported(bucket: MotoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            raise OSError(28, os.strerror(28))

    interfere(monkeypatch, "get_object", lambda _: {"Body": StreamingBody(Full(), 5)})

    line = refusal(bucket)

    assert line.startswith(f"{URI}: it cannot be kept in /")
    assert line.endswith("No space left on device. Make room, or set TMPDIR to a folder with room.")


def test_throttled_calls_to_s3_are_retried(bucket: MotoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse twice, then answer; record the waits without waiting."""
    account, waits = bucket.connect(), list[float]()
    account.ask("s3", "list_buckets")
    client, left = account._clients["s3"], [1, 2]  # noqa: SLF001 - the client itself stands in for AWS
    real = client.list_objects_v2

    def slow_down(**arguments: object) -> object:
        if left:
            left.pop()
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "Reduce your request rate."}}, "ListObjectsV2")
        return real(**arguments)

    client.list_objects_v2 = slow_down
    monkeypatch.setattr("flash_ticket.live.aws_refusal.sleep", waits.append)

    assert len(list(FlowLogBucket(account, "flow-logs", "").records(Scope(), Reading()))) == 1
    assert waits == list(WAITS[:2])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_progress_line_and_then_clears_it(bucket: MotoAccount) -> None:
    terminal = Terminal()
    list(FlowLogBucket(bucket.connect(), "flow-logs", "", Progress(terminal)).records(Scope(), Reading()))

    assert terminal.getvalue().startswith("\r\033[Klisting s3://flow-logs/")
    assert terminal.getvalue().endswith("\r\033[K")


def test_an_object_name_cannot_write_control_characters_to_the_terminal() -> None:
    terminal = Terminal()
    Progress(terminal).say("s3://flow-logs/\033[2J\nnow")

    assert terminal.getvalue() == "\r\033[Ks3://flow-logs/\\x1b[2J\\nnow"


def test_without_a_terminal_there_is_no_progress_line(bucket: MotoAccount) -> None:
    stream = io.StringIO()
    list(FlowLogBucket(bucket.connect(), "flow-logs", "", Progress(stream)).records(Scope(), Reading()))

    assert not stream.getvalue()
