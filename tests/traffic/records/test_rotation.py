"""Logs that are rotated before, while and after something reads them: no line is missed, or a note says so."""

import gzip
from pathlib import Path

import pytest

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.records.lines import FollowedFiles, LineReader, TextFiles
from flash_ticket.traffic.records.record import Reading
from flash_ticket.traffic.records.rotation import earlier_files, identity, without_copies

FIRST, SECOND = "events-2026-11-24T03-01-00.000.log", "events-2026-11-24T03-02-00.000.log"


def texts(lines: LineReader, reading: Reading | None = None) -> list[str]:
    batches = lines.batches(reading or Reading())
    return [line.decode().rstrip("\n") for batch in batches for line in batch.lines]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "events.log"
    path.write_text("one\ntwo\n", encoding="utf-8")
    return path


def found(*paths: Path) -> TextFiles:
    return TextFiles(paths, tuple(identity(path.stat()) for path in paths))


def rotate(log: Path, name: str = FIRST, content: str = "three\n") -> None:
    log.rename(log.with_name(name))
    log.write_text(content, encoding="utf-8")


def compress(path: Path) -> None:
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def test_a_log_that_stays_is_read_without_a_note(log: Path) -> None:
    reading = Reading()

    assert texts(found(log), reading) == ["one", "two"]
    assert reading.notes == []


def test_a_file_that_is_rotated_before_it_is_opened_is_read_where_it_is_now(log: Path) -> None:
    reading, files = Reading(), found(log)
    rotate(log)

    assert texts(files, reading) == ["one", "two"]
    (note,) = reading.notes
    assert note.startswith(f"{log} was rotated while it was read, and what came after that is not part of this.")


def test_a_file_that_is_rotated_while_it_is_read_is_read_to_its_end(log: Path) -> None:
    reading = Reading()
    batches = found(log).batches(reading)
    first = next(batches)
    rotate(log)

    assert first.lines == [b"one\n", b"two\n"]
    assert list(batches) == []
    assert [note.partition(",")[0] for note in reading.notes] == [f"{log} was rotated while it was read"]


def test_a_rotated_file_that_is_compressed_meanwhile_is_read_too(tmp_path: Path) -> None:
    path, reading = tmp_path / FIRST, Reading()
    path.write_text("one\n", encoding="utf-8")
    files = found(path)
    compress(path)

    assert texts(files, reading) == ["one"]


def test_a_file_that_is_rotated_away_is_noted_and_the_rest_is_read(log: Path) -> None:
    rotate(log)
    reading, files = Reading(), found(log.with_name(FIRST), log)
    log.with_name(FIRST).unlink()

    assert texts(files, reading) == ["three"]
    (note,) = reading.notes
    assert "was rotated away before it could be read, and what it contained is missing here" in note


def test_a_file_that_is_cut_while_it_is_read_is_noted(log: Path) -> None:
    reading = Reading()
    batches = found(log).batches(reading)
    next(batches)
    log.write_text("", encoding="utf-8")

    assert list(batches) == []
    assert [note.partition(",")[0] for note in reading.notes] == [f"{log} was cut while it was read"]


def test_each_look_of_a_follower_reads_every_line_of_a_rotated_log_once(log: Path) -> None:
    files = FollowedFiles((log,))
    assert texts(files) == ["one", "two"]

    rotate(log)
    assert texts(files) == ["one", "two", "three"]
    rotate(log, SECOND, "four\n")
    assert texts(files) == ["one", "two", "three", "four"]
    compress(log.with_name(FIRST))
    assert texts(files) == ["one", "two", "three", "four"]
    log.with_name(f"{FIRST}.gz").unlink()
    assert texts(files) == ["three", "four"]


def test_a_follower_of_a_folder_reads_a_file_once_under_its_new_name(log: Path) -> None:
    rotate(log)
    files = FollowedFiles((log.with_name(FIRST), log))
    rotate(log, SECOND, "four\n")

    assert texts(files) == ["one", "two", "three", "four"]


def test_a_follower_looks_while_the_next_file_has_not_begun(log: Path) -> None:
    files = FollowedFiles((log,))
    log.rename(log.with_name(FIRST))

    assert texts(files) == ["one", "two"]
    log.with_name(FIRST).unlink()
    with pytest.raises(InputError, match="cannot be read: No such file"):
        texts(files)


def test_only_files_of_the_same_log_are_its_earlier_files(log: Path) -> None:
    for name in (SECOND, FIRST, f"{FIRST}.gz", "events-old.log", f"other-{FIRST}", "events.log.1", f"{SECOND}.gz.tmp"):
        log.with_name(name).write_text("", encoding="utf-8")

    assert [path.name for path in earlier_files(log)] == [FIRST, SECOND]


def test_a_compressed_copy_beside_its_file_is_left_out(tmp_path: Path) -> None:
    names = ("a.log", "a.log.gz", "b.log.gz", "c.log", "c.log.gz.tmp")

    assert [path.name for path in without_copies(tmp_path / name for name in names)] == ["a.log", "b.log.gz", "c.log"]
