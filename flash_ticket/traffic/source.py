"""The logs in a file or a folder, each of one kind, which is recognized by its content."""

import gzip
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from stat import S_ISREG

from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
from flash_ticket.firewall.terms.folder import files_below, unreadable
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.records.hubble import HubbleReader
from flash_ticket.traffic.records.lines import GZIP_MAGIC, FollowedFiles, LineLog, LineReader, TextFiles, unpacked
from flash_ticket.traffic.records.policy_agent import PolicyAgentReader
from flash_ticket.traffic.records.record import Log, Reading, Record, Scope
from flash_ticket.traffic.records.rotation import Identity, identity, is_between_rotations, without_copies

FORMS = "a file or folder of logs, - for standard input, s3://BUCKET/PREFIX or cloudwatch:LOG_GROUP"
"""What a user may name as a source of recorded traffic, wherever it is."""

HEAD_BYTES = 1 << 16
"""How much of a file is read to recognize its kind."""

KINDS = (
    "flow logs in Parquet or in text whose first line names the fields, Hubble's export in JSON, "
    "and the log of the AWS network policy agent"
)
"""The kinds of logs, in words."""


class LogKind(Enum):
    """A kind of log that has a reader."""

    FLOW_LOG_PARQUET = auto()
    FLOW_LOG_TEXT = auto()
    HUBBLE = auto()
    POLICY_AGENT = auto()


_PARQUET_MAGIC = b"PAR1"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

_FIELD = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_MOST_FIELDS = 100
_BARE_FLOW_LOG = re.compile(rb"[\w.-]{1,40} [^{\"]{0,1000}\beni-")
_FLOW_LOG_LINE = re.compile(rb"\beni-[0-9a-f]{8,17}\b.{0,1000}\b(?:ACCEPT|REJECT|NODATA|SKIPDATA)\b")
# The quotes are escaped if Docker stores the line inside its own JSON.
_HUBBLE = re.compile(
    rb'\\?"(?:flow|lost_events|node_status|agent_event|debug_event)\\?": ?\{|\\?"verdict\\?": ?(?:\\?"|\d)'
)
_POLICY_EVENT = re.compile(rb"Flow Info:|\bSIP: [^;\n]{1,64};SPORT: ")
_HUBBLE_FOR_PEOPLE = re.compile(
    rb" (?:->|<-|<>) .{1,1000} (?:FORWARDED|DROPPED|DENIED|ALLOWED|REDIRECTED|TRACED|AUDITED)\b"
)
_AGENT_MESSAGE = re.compile(rb'\\?"level\\?": ?\\?".{0,4096}\\?"msg\\?": ?\\?"')


def kind_of(path: Path) -> LogKind | None:
    """Return the kind of a file; None if it is none of these kinds.

    Raises:
        InputError: The file cannot be read, or it is a log that has to be saved in another form.
    """
    head = b""
    try:
        with path.open("rb") as file:
            packed = file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
            lines = unpacked(file)
            head = lines.readline(HEAD_BYTES)
            head += lines.read(HEAD_BYTES - len(head))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        if head.endswith(b"\n") and _is_header(head):
            return LogKind.FLOW_LOG_TEXT  # its reader counts a torn file
        problem = f"is compressed with gzip, and is truncated or damaged: {error}"
        raise InputError(str(path), "", problem, "Download the file again") from None
    except OSError as error:
        raise unreadable(path, error) from None
    if head.startswith(_PARQUET_MAGIC):
        if packed:
            raise InputError(
                str(path), "", "is Parquet compressed with gzip", "Decompress it: Parquet compresses its own columns"
            )
        return LogKind.FLOW_LOG_PARQUET
    if head.startswith(_UTF_16):
        raise InputError(str(path), "", "is text in UTF-16", "Save it as UTF-8, as with `iconv -f UTF-16 -t UTF-8`")
    return _kind_of_text(head.removeprefix(_BYTE_ORDER_MARK), path)


def _kind_of_text(head: bytes, path: Path) -> LogKind | None:
    if _is_header(head.partition(b"\n")[0]):
        return LogKind.FLOW_LOG_TEXT
    hubble, event = _HUBBLE.search(head), _POLICY_EVENT.search(head)
    # One of them may appear inside the other: the first one is the outer one.
    if hubble and event:
        return LogKind.HUBBLE if hubble.start() < event.start() else LogKind.POLICY_AGENT
    if hubble:
        return LogKind.HUBBLE
    if event:
        return LogKind.POLICY_AGENT
    if _FLOW_LOG_LINE.search(head):
        raise _flow_log_without_fields(head, str(path))
    if _HUBBLE_FOR_PEOPLE.search(head):
        problem = "is the text output of `hubble observe`"
        raise InputError(str(path), "", problem, "Save it with `hubble observe --output json`")
    # This check is the last one, because Cilium's agent writes such messages too, between flows.
    return LogKind.POLICY_AGENT if _AGENT_MESSAGE.search(head) else None


def _flow_log_without_fields(head: bytes, source: str) -> InputError:
    if _BARE_FLOW_LOG.match(head):
        remedy = "Write a first line with the names of the fields in order, as in `version account-id interface-id ...`"
        return InputError(source, "line 1", "is a flow log record, and no line before it names the fields", remedy)
    problem = "contains flow log records saved from CloudWatch Logs, which do not name the fields"
    return InputError(source, "", problem, "Name the log group itself, as cloudwatch:LOG_GROUP")


def _is_header(line: bytes) -> bool:
    """Return whether a line names fields of a flow log, including fields that AWS may add."""
    try:
        fields = line.decode("ascii").split()
    except UnicodeDecodeError:
        return False
    known = sum(field.replace("_", "-") in RECORD_FIELDS for field in fields)
    return known > 1 and len(fields) <= _MOST_FIELDS and all(map(_FIELD.fullmatch, fields))


@dataclass(frozen=True, slots=True)
class UnknownFiles:
    """Files that are not logs, beside logs: a note, or the file that AWS writes to test a bucket.

    They do not stop the reading, but each one counts as a malformed line, so that nobody mistakes the result for
    complete.
    """

    name: str
    paths: tuple[Path, ...]

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield nothing, and count each file as malformed."""
        del scope
        for path in self.paths:
            reading.refuse(str(path), "is not a known kind of log")
        yield from ()


class Use(Enum):
    """How often a source is read."""

    ONCE = auto()
    AGAIN = auto()
    """It is followed: an empty source waits for its first lines."""


@dataclass(frozen=True, slots=True)
class AwaitedFiles:
    """A file or folder without a line so far, such as a log that an agent has just begun."""

    path: Path

    @property
    def name(self) -> str:
        """Return the path."""
        return str(self.path)

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield the records of what is there by now; nothing while the source is empty.

        Raises:
            InputError: What is there is no log, or it cannot be read.
        """
        for log in logs_in(self.path, Use.AGAIN):
            if not isinstance(log, AwaitedFiles):
                yield from log.records(scope, reading)


def logs_in(path: Path, use: Use = Use.ONCE) -> tuple[Log, ...]:
    """Return the logs in a file, or in a folder and all folders below it, one for each kind.

    A file with several links is read once. An empty file is ignored, and so is the compressed copy of a file beside it.

    Raises:
        InputError: There is no file, no file is a log, or a file cannot be read.
    """
    if use is Use.AGAIN and is_between_rotations(path):
        return (AwaitedFiles(path),)
    files = _by_kind(path)
    unknown = tuple(file for file, _ in files.pop(None, ()))
    if not files and not unknown and use is Use.AGAIN:
        return (AwaitedFiles(path),)
    if not files:
        raise _nothing(path, unknown)
    logs = tuple(_log(kind, str(path), files[kind], use) for kind in LogKind if kind in files)
    return (*logs, UnknownFiles(str(path), unknown)) if unknown else logs


_Found = list[tuple[Path, Identity]]
_MOST_LISTINGS = 5


def _by_kind(path: Path) -> dict[LogKind | None, _Found]:
    """Return the files by kind; if a file is rotated meanwhile, the folder is listed again.

    Raises:
        InputError: A file cannot be read.
    """
    for _ in range(_MOST_LISTINGS - 1):
        try:
            return _listed_by_kind(path)
        except InputError as error:
            if not path.is_dir() or Path(error.source).exists():
                raise
        except _RotatedError:
            continue
    return _listed_by_kind(path, is_last=True)


class _RotatedError(Exception):
    """Another file is where a file was."""


def _listed_by_kind(path: Path, *, is_last: bool = False) -> dict[LogKind | None, _Found]:
    files: dict[LogKind | None, _Found] = defaultdict(list)
    for file, found in _distinct(without_copies(files_below(path)) if path.is_dir() else [path]):
        kind = kind_of(file)
        if not is_last and not _is_still(file, found):
            raise _RotatedError
        files[kind].append((file, found))
    return files


def _is_still(path: Path, found: Identity) -> bool:
    try:
        return identity(path.stat()) == found
    except OSError:
        return False


def _distinct(paths: Iterable[Path]) -> Iterator[tuple[Path, Identity]]:
    """Yield the files that are not empty, each once, with their identities."""
    seen = set()
    for path in paths:
        try:
            found = path.stat()
        except OSError as error:
            raise unreadable(path, error) from None
        if not S_ISREG(found.st_mode):
            raise InputError(str(path), "", "is not a regular file", "Pipe its content to standard input, and name -")
        if found.st_size and identity(found) not in seen:
            seen.add(identity(found))
            yield path, identity(found)


def _nothing(path: Path, unknown: tuple[Path, ...]) -> InputError:
    if unknown:
        return InputError(str(unknown[0]), "", "is not a known kind of log", f"The known kinds are {KINDS}")
    return InputError(str(path), "", "is empty", f"Name a file or folder with {KINDS}")


def _log(kind: LogKind, name: str, found: _Found, use: Use) -> Log:
    paths = tuple(path for path, _ in found)
    match kind:
        case LogKind.HUBBLE:
            return LineLog(name, _text(found, use), HubbleReader)
        case LogKind.POLICY_AGENT:
            return LineLog(name, _text(found, use), PolicyAgentReader)
        case LogKind.FLOW_LOG_PARQUET | LogKind.FLOW_LOG_TEXT:
            return _flow_logs(kind, name, paths)


def _text(found: _Found, use: Use) -> LineReader:
    paths = tuple(path for path, _ in found)
    return FollowedFiles(paths) if use is Use.AGAIN else TextFiles(paths, tuple(stood for _, stood in found))


def _flow_logs(kind: LogKind, name: str, paths: tuple[Path, ...]) -> Log:
    from flash_ticket.traffic.flow_logs.files import FlowLogFiles, FlowLogForm  # noqa: PLC0415 - it loads DuckDB

    return FlowLogFiles(name, paths, FlowLogForm.PARQUET if kind is LogKind.FLOW_LOG_PARQUET else FlowLogForm.TEXT)
