"""Lines of files: each with its number, for any length and compression, in little memory."""

import gzip
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flash_ticket.traffic.records import lines as lines_module
from flash_ticket.traffic.records.lines import GZIP_MAGIC, LONGEST_LINE, GivenLines, LineReader, TextFiles
from flash_ticket.traffic.records.record import Reading


def numbered(lines: LineReader) -> tuple[list[tuple[int, bytes]], Reading]:
    reading = Reading()
    batches = lines.batches(reading)
    return [
        (batch.first + index, line.removesuffix(b"\n")) for batch in batches for index, line in enumerate(batch.lines)
    ], reading


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=20)), st.booleans(), st.booleans())
def test_lines_end_at_line_feeds_and_too_long_ones_are_left_out(
    path: Path,
    lines: list[bytes],
    packed: bool,  # noqa: FBT001 - a parameter
    ended: bool,  # noqa: FBT001 - a parameter
) -> None:
    content = b"\n".join(lines) + b"\n" * ended
    assume(not content.startswith(b"\xef\xbb\xbf"))  # a byte order mark is not part of the first line
    assume(packed or not content.startswith(GZIP_MAGIC))  # that would be a damaged archive
    path.write_bytes(gzip.compress(content) if packed else content)
    expected = list(enumerate(content.removesuffix(b"\n").split(b"\n") if content else [], 1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "LONGEST_LINE", 8)
        found, reading = numbered(TextFiles((path,)))

    assert found == [(number, line) for number, line in expected if len(line) <= 8]
    assert reading.malformed == len(expected) - len(found)
    first = next((number for number, line in expected if len(line) > 8), None)
    assert reading.first_malformed == (f"{path}:{first}: longer than 8 bytes" if first else "")


def test_a_line_without_an_end_takes_little_memory(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"first\n")
        for _ in range(100):
            file.write(bytes(1 << 20))
        file.write(b"\nlast")

    tracemalloc.start()
    found, reading = numbered(TextFiles((path,)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found == [(1, b"first"), (3, b"last")]
    assert reading.first_malformed == f"{path}:2: longer than {LONGEST_LINE:,} bytes"
    assert peak < 8 * LONGEST_LINE


def test_the_lines_of_each_file_are_numbered_from_1_without_a_byte_order_mark(tmp_path: Path) -> None:
    paths = tuple(tmp_path / name for name in ("a", "b", "c"))
    for path, content in zip(paths, (b"\xef\xbb\xbfone\ntwo\n", b"", b"three\r\n"), strict=True):
        path.write_bytes(content)

    batches = list(TextFiles(paths).batches(Reading()))

    assert [(batch.place(0), batch.lines) for batch in batches] == [
        (f"{paths[0]}:1", [b"one\n", b"two\n"]),
        (f"{paths[2]}:1", [b"three\r\n"]),
    ]


def test_concatenated_gzip_parts_are_one_log(path: Path) -> None:
    path.write_bytes(gzip.compress(b"one\ntw") + gzip.compress(b"o\n"))

    assert numbered(TextFiles((path,)))[0] == [(1, b"one"), (2, b"two")]


def test_given_lines_are_numbered_consecutively() -> None:
    given = (b"%d" % number for number in range(1, 2502))

    found, _ = numbered(GivenLines("an API", given))

    assert found == [(number, b"%d" % number) for number in range(1, 2502)]


def test_a_file_that_is_still_written_does_not_block(path: Path) -> None:
    path.write_bytes(b"one\ntw")

    assert numbered(TextFiles((path,)))[0] == [(1, b"one"), (2, b"tw")]
