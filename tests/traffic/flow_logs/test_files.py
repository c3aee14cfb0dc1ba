"""Files of flow logs in practice: with old and new fields, compressed, truncated, or of the wrong kind."""

import gzip
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.flow_logs import files
from flash_ticket.traffic.flow_logs.files import FlowLogFiles, FlowLogForm
from flash_ticket.traffic.records.record import Disposition, Reading, Scope
from tests.support.naive.naive_flow_log import NAMES, Line
from tests.support.traffic.flow_log_writing import read, write_parquet, write_text

VERSION_2 = (
    "interface_id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "start",
    "end",
    "action",
    "log_status",
)
Writer = Callable[[Path, list[Line], tuple[str, ...]], Path]
CALL = Line(tcp_flags=2)
HEADER = "version interface-id srcaddr dstaddr srcport dstport protocol start end action log-status"
SOUND = "2 eni-1 10.0.0.1 10.0.0.2 40000 80 6 100 160 ACCEPT OK"


def refusal(paths: list[Path], form: FlowLogForm) -> InputError:
    with pytest.raises(InputError) as caught:
        read(paths, form)
    return caught.value


def reading_of(path: Path, *texts: str) -> Reading:
    path.write_text("\n".join((HEADER, *texts)), encoding="latin-1")
    return read([path], FlowLogForm.TEXT)[0]


@pytest.mark.parametrize(("form", "write"), [(FlowLogForm.PARQUET, write_parquet), (FlowLogForm.TEXT, write_text)])
def test_older_files_with_fewer_fields_are_read_with_newer_ones(
    tmp_path: Path, form: FlowLogForm, write: Writer
) -> None:
    old = write(tmp_path / "old", [Line()], VERSION_2)
    new = write(tmp_path / "new", [Line(pkt_dstaddr="10.0.9.2"), CALL], NAMES)

    reading, records = read([old, new], form)

    assert reading.recorded == 3
    assert sorted(str(key[2]) for key in records) == ["10.0.0.2", "10.0.9.2"]


def test_a_file_may_be_compressed_with_any_name_and_any_line_end(tmp_path: Path) -> None:
    plain = tmp_path / "plain.log"
    plain.write_bytes(f"{HEADER}\r\n{SOUND}\r\n\r\n{SOUND}".encode())
    packed = tmp_path / "packed.log"
    packed.write_bytes(gzip.compress(f"{HEADER} vpc-id\n{SOUND} vpc-1\n".encode()))

    assert read([plain, packed], FlowLogForm.TEXT)[0] == Reading(recorded=3)


@pytest.mark.parametrize("name", ["a[1].parquet", "what?*.parquet", "it's.parquet", "ä ö.parquet"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = write_parquet(tmp_path / name, [CALL, Line(srcport=None)])
    reading, _ = read([path], FlowLogForm.PARQUET)

    assert reading.recorded == 1
    assert reading.first_malformed == f"{path}: row 2: srcport is not a number from 0 to 65535"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (SOUND.replace(" 80 ", " 70000 "), "dstport is not a number from 0 to 65535"),
        (SOUND.replace(" 80 ", " http "), "dstport is not a number from 0 to 65535"),
        (SOUND.replace(" 80 ", " 8e1 "), "dstport is not a number from 0 to 65535"),
        (SOUND.replace(" 80 ", " - "), "dstport is not a number from 0 to 65535"),
        (SOUND.replace(" 6 ", " tcp "), "protocol is not a number from 0 to 255"),
        (SOUND.replace(" 100 ", " 100.5 "), "start is not a time in seconds since 1970"),
        (SOUND.replace(" 160 ", " 1790000000000 "), "end is not a time in seconds since 1970"),
        (SOUND.replace(" 160 ", " 99 "), "end is before start"),
        (SOUND.replace("10.0.0.1", "10.0.0.300"), "the source is not an address"),
        (SOUND.replace("10.0.0.2", "\x1b[31m"), "the destination is not an address"),
        (SOUND.replace("10.0.0.1", "-"), "it has no source address"),
        (SOUND.replace("ACCEPT", "DENY"), "action is neither ACCEPT nor REJECT"),
        (SOUND.replace("OK", "Ok"), "log-status is none of OK, NODATA and SKIPDATA"),
        (f"{SOUND} 1", "it has 12 fields instead of 11"),
        (SOUND.removesuffix(" OK"), "it has 10 fields instead of 11"),
        ("ÿþ\x00", "it has 1 fields instead of 11"),
        ("x" * (1 << 21), "it is longer than 1,048,576 bytes"),
        (HEADER, "protocol is not a number from 0 to 255"),
    ],
)
def test_a_malformed_line_is_counted_and_shown_with_its_place(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "flow.log"

    reading = reading_of(path, SOUND, "", line, SOUND, line)

    assert reading == Reading(recorded=2, malformed=2, first_malformed=f"{path}:4: {problem}")


def test_the_first_malformed_line_of_the_first_file_is_shown(tmp_path: Path) -> None:
    good, bad, worse = (tmp_path / name for name in ("1.log", "2.log", "3.log"))
    for path, texts in ((good, [SOUND]), (bad, [SOUND, "short"]), (worse, ["a b"])):
        reading_of(path, *texts)

    assert read([good, bad, worse], FlowLogForm.TEXT)[0].first_malformed == f"{bad}:3: it has 1 fields instead of 11"


def test_intervals_without_traffic_and_lost_records_are_counted_separately(tmp_path: Path) -> None:
    silent = "2 eni-1 - - - - - 100 160 - NODATA"

    reading = reading_of(tmp_path / "flow.log", silent, SOUND, silent, silent.replace("NODATA", "SKIPDATA"))

    assert reading == Reading(recorded=1, no_data=2, skip_data=1)


@pytest.mark.parametrize("field", ["srcaddr", "dstaddr", "srcport", "dstport", "protocol", "start", "end", "action"])
def test_a_file_without_a_needed_field_is_an_error(tmp_path: Path, field: str) -> None:
    columns = [name for name in NAMES if name != field]
    good = write_text(tmp_path / "good.log", [CALL])
    text = write_text(tmp_path / "bad.log", [CALL], columns)
    parquet = write_parquet(tmp_path / "bad.parquet", [CALL], columns)

    assert str(refusal([good, text], FlowLogForm.TEXT)).startswith(f"{text}: {field}: the first line does not name")
    assert str(refusal([parquet], FlowLogForm.PARQUET)).startswith(f"{parquet}: {field}: the file has no such column")


def test_a_column_of_another_type_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "wrong.parquet"
    columns = {name: pa.array(["1"]) for name in NAMES}
    pq.write_table(pa.table(columns), path)

    error = str(refusal([write_parquet(tmp_path / "good.parquet", [CALL]), path], FlowLogForm.PARQUET))

    assert error.startswith(
        f"{path}: srcport: the column has the type BYTE_ARRAY; in a flow log it contains whole numbers"
    )


def cut_short(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-40])
    return path


def packed(path: Path, lines: int = 5000) -> Path:
    path.write_bytes(gzip.compress("".join(f"{each}\n" for each in (HEADER, *[SOUND] * lines)).encode()))
    return path


def test_a_truncated_file_alone_is_an_error(tmp_path: Path) -> None:
    bad = cut_short(write_parquet(tmp_path / "bad.parquet", [CALL] * 100))
    worse = cut_short(packed(tmp_path / "bad.log.gz"))

    assert str(refusal([bad], FlowLogForm.PARQUET)).startswith(f"{bad}: cannot be read as parquet: ")
    assert str(refusal([worse], FlowLogForm.TEXT)).startswith(f"{worse}: ")


@pytest.mark.parametrize("bytes_left", [4, 12, 600, -1, -9])
def test_a_truncated_file_counts_as_a_malformed_line_and_hides_no_other(tmp_path: Path, bytes_left: int) -> None:
    good, bad = (write_parquet(tmp_path / name, [CALL] * 100) for name in ("good.parquet", "bad.parquet"))
    bad.write_bytes(bad.read_bytes()[:bytes_left])

    reading, records = read([bad, good], FlowLogForm.PARQUET)

    assert (reading.recorded, reading.malformed) == (100, 1)
    assert sum(count for count, _, _ in records.values()) == 100
    assert reading.first_malformed.startswith(f"{bad}: cannot be read as parquet: ")
    assert reading.notes == [
        "1 file ends too early or is damaged. None of its lines is counted, and it counts as one malformed line."
    ]


@pytest.mark.parametrize("torn", [0.1, 0.5, 0.99])
def test_truncated_gzip_counts_as_a_malformed_line_and_hides_no_other(tmp_path: Path, torn: float) -> None:
    good, *bad = (packed(tmp_path / name) for name in ("good.log.gz", "a.log.gz", "b.log.gz"))
    for each in bad:
        content = each.read_bytes()
        each.write_bytes(content[: int(len(content) * torn)])

    reading, _ = read([*bad, good], FlowLogForm.TEXT)

    assert (reading.recorded, reading.malformed) == (5000, 2)
    assert reading.first_malformed.startswith(f"{bad[0]}: ")
    assert reading.notes[0].startswith("2 files end too early or are damaged. None of their lines is counted")


def test_a_line_that_is_too_long_in_a_torn_file_is_not_counted(tmp_path: Path) -> None:
    good, bad = packed(tmp_path / "good.log.gz"), tmp_path / "bad.log.gz"
    content = "".join(
        f"{each}\n" for each in (HEADER, "x" * (2 << 20), *[f"{SOUND[:-3]}{each}" for each in range(50_000)])
    )
    bad.write_bytes(gzip.compress(content.encode())[:-200])

    reading, _ = read([bad, good], FlowLogForm.TEXT)

    assert (reading.recorded, reading.malformed) == (5000, 1)


def test_a_parquet_file_with_a_damaged_page_is_not_counted_in_part(tmp_path: Path) -> None:
    good, bad = (write_parquet(tmp_path / name, [CALL] * 20_000) for name in ("good.parquet", "bad.parquet"))
    content = bytearray(bad.read_bytes())
    for place in range(40, min(len(content) // 2, 4000)):
        content[place] ^= 0x5A
    bad.write_bytes(content)

    reading, _ = read([good, bad], FlowLogForm.PARQUET)

    assert (reading.recorded, reading.malformed) == (20_000, 1)


def test_a_line_that_is_cut_at_the_end_of_a_file_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "flows.log"
    path.write_text(f"{HEADER}\n{SOUND}\n{SOUND[:-4]}", encoding="ascii")

    reading, _ = read([path], FlowLogForm.TEXT)

    assert (reading.recorded, reading.malformed) == (1, 1)
    assert reading.first_malformed.startswith(f"{path}:3: ")


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file has its fields in another order: a header of the one and lines of the other would be nonsense."""
    path, other = write_text(tmp_path / "flows.log", [CALL] * 3), tmp_path / "other"
    write_text(other, [CALL] * 5, tuple(reversed(NAMES)))
    make_table = files._table  # noqa: SLF001 - between the first look at a file and its reading

    def replacing(*arguments: Any, **further: Any) -> str:  # noqa: ANN401 - the real function's
        table: str = make_table(*arguments, **further)
        if other.exists():
            other.replace(path)
        return table

    monkeypatch.setattr(files, "_table", replacing)

    reading, _ = read([path], FlowLogForm.TEXT)

    assert (reading.recorded, reading.malformed, reading.notes) == (5, 0, [])


def test_a_file_that_never_stays_as_it_is_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "flows.parquet", [CALL])
    make_table = files._table  # noqa: SLF001 - as above

    def touching(*arguments: Any, **further: Any) -> str:  # noqa: ANN401 - the real function's
        os.utime(path, ns=(0, time.monotonic_ns()))
        table: str = make_table(*arguments, **further)
        return table

    monkeypatch.setattr(files, "_table", touching)

    assert str(refusal([path], FlowLogForm.PARQUET)) == (
        f"{path}: it changes again and again while it is read. Wait until nobody writes there, and run it again."
    )


@pytest.mark.parametrize("form", FlowLogForm)
def test_a_missing_file_is_an_error(tmp_path: Path, form: FlowLogForm) -> None:
    assert refusal([tmp_path / "gone"], form).source == str(tmp_path / "gone")


@pytest.mark.parametrize("content", [b"", b"\n", b"hello world\n1 2\n", bytes(range(256)) * 50])
def test_a_file_that_is_not_a_flow_log_is_an_error_in_both_formats(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)

    for form in FlowLogForm:
        assert refusal([path], form).source == str(path)


def test_folders_that_ended_before_the_period_are_not_opened(tmp_path: Path) -> None:
    region = tmp_path / "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=eu-west-1"
    old = region / "year=1970/month=01/day=01/hour=00/flow.parquet"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"not even Parquet")
    new = write_parquet(
        region / "year=1970/month=01/day=01/hour=09/flow.parquet", [replace(CALL, start=36000, end=36060)]
    )

    assert read([old, new], FlowLogForm.PARQUET, Scope(since=36000))[0].recorded == 1
    assert read([old, new], FlowLogForm.PARQUET)[0].first_malformed.startswith(f"{old}: ")


def test_no_temporary_files_remain_after_a_partial_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    path = write_parquet(tmp_path / "flow.parquet", [replace(CALL, dstport=port) for port in range(1, 100)])
    records = FlowLogFiles("flow", (path,), FlowLogForm.PARQUET).records(Scope(), Reading())

    assert next(records).disposition is Disposition.UNANSWERED
    del records

    assert not list(temporary.iterdir())


def test_readings_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    files = [
        write_parquet(tmp_path / str(first), [replace(CALL, dstport=port) for port in range(first, first + 20)])
        for first in (1, 101)
    ]
    one, other = (FlowLogFiles("flow", (file,), FlowLogForm.PARQUET).records(Scope(), Reading()) for file in files)

    assert {next(one).port} | {each.port for each in other} | {each.port for each in one} == {
        *range(1, 21),
        *range(101, 121),
    }
    assert read(files, FlowLogForm.PARQUET)[0].recorded == 40
