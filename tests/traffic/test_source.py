"""The content of a file shows its kind of log, and a file that cannot be read is one clear error."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.flow_logs.files import FlowLogFiles, FlowLogForm
from flash_ticket.traffic.records.hubble import HubbleReader
from flash_ticket.traffic.records.lines import LineLog, TextFiles
from flash_ticket.traffic.records.policy_agent import PolicyAgentReader
from flash_ticket.traffic.records.record import Log, Reading, Record, Scope
from flash_ticket.traffic.source import UnknownFiles, Use, logs_in

FIELDS = (
    "version interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport protocol start end action log-status"
)
ROW = "5 eni-0123456789abcdef0 10.0.0.5 10.0.0.9 10.0.0.5 10.0.0.9 40001 3100 6 1795483900 1795483960 REJECT OK"
FLOW_LOG = f"{FIELDS}\n{ROW}\n".encode()
HUBBLE = b"""{"flow":{"time":"2026-11-24T01:32:14Z","verdict":"DROPPED",\
"IP":{"source":"10.0.0.5","destination":"10.0.0.9"},"l4":{"TCP":{"source_port":40001,"destination_port":3100}}},"node_name":"n"}\n"""
AGENT = b"""{"level":"info","ts":"2026-11-24T01:32:14.234Z","msg":"Flow Info: Src IP: 10.0.0.5 Src Port: 40001 \
Dest IP: 10.0.0.9 Dest Port: 3100 Proto TCP Verdict DENY Direction egress, Tier DEFAULT"}\n"""
AUDIT = b"Node: n;SIP: 10.0.0.5;SPORT: 40001;DIP: 10.0.0.9;DPORT: 3100;PROTOCOL: TCP;PolicyVerdict: DENY"
STRAY = b"Permission Check Successful"

Write = Callable[[str, bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return written


def parquet(tmp_path: Path) -> bytes:
    """Return a file in the form that AWS delivers: underscores in names, numbers as numbers."""
    values = zip(FIELDS.split(), ROW.split(), strict=True)
    columns = (f"{value if value.isdigit() else repr(value)} AS {key.replace('-', '_')}" for key, value in values)
    path = tmp_path / ".parquet"
    quoted = ", ".join(columns).replace("AS end", 'AS "end"')
    duckdb.execute(f"COPY (SELECT {quoted}) TO '{path}' (FORMAT parquet)")
    content = path.read_bytes()
    path.unlink()
    return content


def read(logs: tuple[Log, ...]) -> tuple[list[Record], Reading]:
    reading = Reading()
    return [record for log in logs for record in log.records(Scope(), reading)], reading


def error_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(logs_in(path))
    return str(caught.value)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(FLOW_LOG, FlowLogFiles, id="flow log"),
        pytest.param(b"end start dstport srcport new-field\n", FlowLogFiles, id="a header in another order"),
        pytest.param(HUBBLE, HubbleReader, id="Hubble"),
        pytest.param(b"\xef\xbb\xbf" + HUBBLE, HubbleReader, id="with a byte order mark"),
        pytest.param(b"2026-11-24T01:32:14Z stdout F " + HUBBLE, HubbleReader, id="Hubble through CRI"),
        pytest.param(json.dumps({"log": HUBBLE.decode()}).encode(), HubbleReader, id="Hubble through Docker"),
        pytest.param(b'{"lost_events":{"num_events_lost":"1"}}\n', HubbleReader, id="only lost events"),
        pytest.param(b'{"level":"info","msg":"Starting"}\n' * 9 + HUBBLE, HubbleReader, id="after the agent of Cilium"),
        pytest.param(HUBBLE[200:] + b"\n" + HUBBLE, HubbleReader, id="Hubble that begins within a line"),
        pytest.param(AGENT, PolicyAgentReader, id="policy agent"),
        pytest.param(b'{"level":"info","ts":1,"msg":"Starting"}\n', PolicyAgentReader, id="policy agent at its start"),
        pytest.param(b"1795483934234 " + AUDIT, PolicyAgentReader, id="audit lines"),
        pytest.param(
            json.dumps({"events": [{"timestamp": 1, "message": AUDIT.decode()}]}, indent=4).encode(),
            PolicyAgentReader,
            id="audit lines as the AWS CLI prints them",
        ),
    ],
)
def test_the_kind_of_a_file_follows_from_its_content_and_not_its_name(
    write: Write,
    content: bytes,
    kind: type,
    packed: bool,  # noqa: FBT001 - a parameter
) -> None:
    path = write("a.parquet", gzip.compress(content) if packed else content)

    (log,) = logs_in(path)

    assert (log.reader if isinstance(log, LineLog) else type(log)) is kind
    assert log.name == str(path)


def test_a_folder_gives_one_log_for_each_kind(write: Write, tmp_path: Path) -> None:
    hive = "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=r/year=2026/month=11/day=24/hour=01"
    parquets = tuple(write(f"{hive}/{name}", parquet(tmp_path)) for name in ("a", "b"))
    plain = "AWSLogs/111122223333/vpcflowlogs/r/2026/11/24/c.log.gz"
    texts = (write(plain, gzip.compress(FLOW_LOG)), write("d.txt", FLOW_LOG))
    exports = tuple(write(name, HUBBLE) for name in ("hubble/1.log", "hubble/2.log"))
    agents = (write("nodes/a/network-policy-agent.log", AGENT),)
    write(".git/config", HUBBLE)
    write("hubble/empty.log", b"")

    logs = logs_in(tmp_path)

    assert logs == (
        FlowLogFiles(str(tmp_path), parquets, FlowLogForm.PARQUET),
        FlowLogFiles(str(tmp_path), texts, FlowLogForm.TEXT),
        LineLog(str(tmp_path), TextFiles(exports), HubbleReader),
        LineLog(str(tmp_path), TextFiles(agents), PolicyAgentReader),
    )
    records, reading = read(logs)
    assert (reading.recorded, reading.malformed) == (7, 0)
    assert {(record.source.address, record.port) for record in records} == {("10.0.0.5", 3100)}


def test_a_file_with_several_links_is_read_once(write: Write, tmp_path: Path) -> None:
    path = write("a.log", HUBBLE)
    (tmp_path / "b.log").symlink_to(path)
    os.link(path, tmp_path / "c.log")
    write("sub/x.log", AGENT)
    (tmp_path / "other").symlink_to(tmp_path / "sub")

    assert read(logs_in(tmp_path))[1].recorded == 2


def test_a_symbolic_link_to_a_parent_is_an_error(write: Write, tmp_path: Path) -> None:
    write("a.log", HUBBLE)
    (tmp_path / "loop").symlink_to(tmp_path)

    assert error_of(tmp_path) == (
        f"{tmp_path}/loop: this symbolic link leads back to {tmp_path.resolve()}. Remove the link."
    )


def test_an_unknown_file_next_to_logs_is_counted_and_stops_nothing(write: Write, tmp_path: Path) -> None:
    write("hubble.log", HUBBLE)
    stray = write("aws-logs-write-test", STRAY)

    logs = logs_in(tmp_path)
    records, reading = read(logs)

    assert logs[1:] == (UnknownFiles(str(tmp_path), (stray,)),)
    assert (len(records), reading.recorded, reading.malformed) == (1, 1, 1)
    assert reading.first_malformed == f"{stray}: is not a known kind of log"


@pytest.mark.parametrize(
    "content",
    [STRAY, b"\0" * 9, b"\xff" * 9, b"[" * 70_000, b"a: 1\nb: 2\n", b'{"Records":[]}', b"PK\x03\x04zip", b"\n\n"],
)
def test_a_file_of_an_unknown_kind_is_an_error_that_names_the_known_kinds(write: Write, content: bytes) -> None:
    path = write("hubble.log", content)

    expected = f"{path}: is not a known kind of log. The known kinds are flow logs in Parquet"
    assert error_of(path).startswith(expected)
    assert error_of(path.parent).startswith(expected)


def test_flow_log_records_without_a_header_are_an_error_with_a_remedy(write: Write) -> None:
    path = write("flow.log", f"{ROW}\n".encode())

    assert error_of(path) == (
        f"{path}: line 1: is a flow log record, and no line before it names the fields. Write a first line with the "
        "names of the fields in order, as in `version account-id interface-id ...`."
    )


@pytest.mark.parametrize(
    "content",
    [json.dumps({"events": [{"timestamp": 1, "message": ROW}]}, indent=4), f"2026-11-24T01:32:14.000Z {ROW}\n"],
    ids=["as JSON", "with a time before it"],
)
def test_a_flow_log_saved_from_cloudwatch_is_an_error_with_a_remedy(write: Write, content: str) -> None:
    path = write("flow.json", content.encode())

    assert error_of(path) == (
        f"{path}: contains flow log records saved from CloudWatch Logs, which do not name the fields. "
        "Name the log group itself, as cloudwatch:LOG_GROUP."
    )


def test_the_text_output_of_hubble_is_an_error_with_a_remedy(write: Write) -> None:
    seen = b"Nov 24 01:32:14.234: shop/api-1:40001 (ID:24009) <> shop/pay-1:3100 (ID:24010) Policy denied DROPPED (TCP)"
    path = write("hubble.txt", seen)

    assert error_of(path) == (
        f"{path}: is the text output of `hubble observe`. Save it with `hubble observe --output json`."
    )


def test_text_in_utf_16_is_an_error_with_a_remedy(write: Write) -> None:
    path = write("hubble.log", HUBBLE.decode().encode("utf-16"))

    assert error_of(path) == f"{path}: is text in UTF-16. Save it as UTF-8, as with `iconv -f UTF-16 -t UTF-8`."


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_truncated_gzip_file_is_an_error(write: Write, lines: int) -> None:
    packed = gzip.compress(b"".join(HUBBLE.replace(b"40001", b"%d" % (32768 + each % 9999)) for each in range(lines)))
    path = write("hubble.log.gz", packed[:-20])

    assert error_of(path).startswith(f"{path}: is compressed with gzip, and is truncated or damaged: ")


def test_a_damaged_gzip_file_is_an_error(write: Write) -> None:
    packed = bytearray(gzip.compress(HUBBLE * 10))
    packed[len(packed) // 2] ^= 0xFF

    path = write("hubble.log.gz", bytes(packed))

    assert error_of(path).startswith(f"{path}: ")


def test_parquet_compressed_with_gzip_is_an_error_with_a_remedy(write: Write, tmp_path: Path) -> None:
    path = write("a.parquet.gz", gzip.compress(parquet(tmp_path)))

    assert (
        error_of(path) == f"{path}: is Parquet compressed with gzip. Decompress it: Parquet compresses its own columns."
    )


def test_a_missing_empty_or_unreadable_file_is_an_error(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert error_of(tmp_path).startswith(f"{tmp_path}: is empty. Name a file or folder with flow logs")
    assert error_of(tmp_path / "none").startswith(f"{tmp_path}/none: cannot be read: No such file or directory.")
    path = write("a.log", b"")
    assert error_of(path).startswith(f"{path}: is empty. Name a file or folder with flow logs")
    assert error_of(tmp_path).startswith(f"{tmp_path}: is empty.")
    monkeypatch.setattr(Path, "open", _forbidden)
    os.truncate(path, 1)
    assert error_of(path) == f"{path}: cannot be read: Permission denied. Make it readable or move it away."


def _forbidden(path: Path, mode: str) -> None:
    raise PermissionError(13, "Permission denied", str(path), mode)


def test_a_pipe_in_a_folder_is_an_error_and_does_not_block(write: Write, tmp_path: Path) -> None:
    write("a.log", HUBBLE)
    os.mkfifo(tmp_path / "b.log")

    assert error_of(tmp_path) == (
        f"{tmp_path}/b.log: is not a regular file. Pipe its content to standard input, and name -."
    )


def test_an_empty_source_that_is_followed_waits_for_its_first_lines(write: Write, tmp_path: Path) -> None:
    path = write("a.log", b"")
    (log,) = logs_in(path, Use.AGAIN)
    (folder,) = logs_in(tmp_path, Use.AGAIN)

    assert (log.name, folder.name) == (str(path), str(tmp_path))
    assert read((log, folder)) == ([], Reading())
    write("a.log", AGENT)
    _, reading = read((log,))
    assert reading.recorded == read(logs_in(path))[1].recorded > 0
    write("a.log", b"a note\n")
    with pytest.raises(InputError, match="is not a known kind of log"):
        read((log,))
