"""What a file or a folder holds: the logs to be read from it, each of one kind."""

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
from flash_ticket.traffic.records.hubble import HubbleLog
from flash_ticket.traffic.records.lines import GZIP_MAGIC, TextFiles, unpacked
from flash_ticket.traffic.records.policy_agent import PolicyAgentLog
from flash_ticket.traffic.records.record import Log, Reading, Record, Scope

HEAD_BYTES = 1 << 16
"""How much of a file is looked at."""


class LogKind(Enum):
    """A log that there is a reader for."""

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
# The quotes are escaped where Docker keeps the line within JSON of its own.
_HUBBLE = re.compile(
    rb'\\?"(?:flow|lost_events|node_status|agent_event|debug_event)\\?": ?\{|\\?"verdict\\?": ?(?:\\?"|\d)'
)
_POLICY_EVENT = re.compile(rb"Flow Info:|\bSIP: [^;\n]{1,64};SPORT: ")
_HUBBLE_FOR_PEOPLE = re.compile(
    rb" (?:->|<-|<>) .{1,1000} (?:FORWARDED|DROPPED|DENIED|ALLOWED|REDIRECTED|TRACED|AUDITED)\b"
)
_AGENT_MESSAGE = re.compile(rb'\\?"level\\?": ?\\?".{0,4096}\\?"msg\\?": ?\\?"')


def kind_of(path: Path) -> LogKind | None:
    """Return the kind of a file, None where it is none of these.

    Raises:
        InputError: It cannot be read; or it is a log that has to be saved in another way to be understood.
    """
    try:
        with path.open("rb") as file:
            packed = file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
            head = unpacked(file).read(HEAD_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        problem = f"is packed with gzip and cut short or damaged: {error}"
        raise InputError(str(path), "", problem, "Fetch the file again") from None
    except OSError as error:
        raise unreadable(path, error) from None
    if head.startswith(_PARQUET_MAGIC):
        if packed:
            raise InputError(str(path), "", "is Parquet packed with gzip", "Unpack it: Parquet packs its own columns")
        return LogKind.FLOW_LOG_PARQUET
    if head.startswith(_UTF_16):
        raise InputError(str(path), "", "is text in UTF-16", "Save it as UTF-8, as with `iconv -f UTF-16 -t UTF-8`")
    return _kind_of_text(head.removeprefix(_BYTE_ORDER_MARK), path)


def _kind_of_text(head: bytes, path: Path) -> LogKind | None:
    if _is_header(head.partition(b"\n")[0]):
        return LogKind.FLOW_LOG_TEXT
    hubble, event = _HUBBLE.search(head), _POLICY_EVENT.search(head)
    # One may stand within the other's words: the first to come is what carries it.
    if hubble and event:
        return LogKind.HUBBLE if hubble.start() < event.start() else LogKind.POLICY_AGENT
    if hubble:
        return LogKind.HUBBLE
    if event:
        return LogKind.POLICY_AGENT
    if _FLOW_LOG_LINE.search(head):
        raise _flow_log_without_fields(head, str(path))
    if _HUBBLE_FOR_PEOPLE.search(head):
        problem = "is what `hubble observe` prints for people to read"
        raise InputError(str(path), "", problem, "Save it with `hubble observe --output json`")
    # Last, as Cilium's agent writes such messages too, among which flows stand.
    return LogKind.POLICY_AGENT if _AGENT_MESSAGE.search(head) else None


def _flow_log_without_fields(head: bytes, source: str) -> InputError:
    if _BARE_FLOW_LOG.match(head):
        remedy = (
            "Write the names of the fields before them, in their order, as in `version account-id interface-id ...`"
        )
        return InputError(source, "line 1", "names no fields, and lines of a flow log follow", remedy)
    problem = "holds lines of a flow log within answers of CloudWatch Logs, which name no fields"
    return InputError(source, "", problem, "Name the log group itself, as cloudwatch:LOG_GROUP")


def _is_header(line: bytes) -> bool:
    """Tell whether a line names fields of a flow log, also ones that AWS has added since."""
    try:
        fields = line.decode("ascii").split()
    except UnicodeDecodeError:
        return False
    known = sum(field.replace("_", "-") in RECORD_FIELDS for field in fields)
    return known > 1 and len(fields) <= _MOST_FIELDS and all(map(_FIELD.fullmatch, fields))


_KINDS = (
    "flow logs in Parquet or in text whose first line names the fields, Hubble's export in JSON, "
    "and the log of the AWS network policy agent"
)


@dataclass(frozen=True, slots=True)
class UnknownFiles:
    """Files beside logs that are none themselves, such as a note, or what AWS leaves when it tries a bucket.

    They stop nothing, as a malformed line stops nothing, but they are not passed over either: each is counted as one
    malformed line, so that nobody takes for complete what may not be.
    """

    name: str
    paths: tuple[Path, ...]

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield nothing, and count each file."""
        del scope
        for path in self.paths:
            reading.refuse(str(path), "is a log of no known kind")
        yield from ()


def logs_in(path: Path) -> tuple[Log, ...]:
    """Return the logs that a file or a folder with all folders below holds, one for each kind, told by content.

    A file that several links lead to is read once, and an empty one tells nothing.

    Raises:
        InputError: Nothing is there, nothing that is there is a log, or one cannot be read.
    """
    files: dict[LogKind | None, list[Path]] = defaultdict(list)
    for file in _distinct(files_below(path) if path.is_dir() else [path]):
        files[kind_of(file)].append(file)
    unknown = tuple(files.pop(None, ()))
    if not files:
        raise _nothing(path, unknown)
    logs = tuple(_log(kind, str(path), tuple(files[kind])) for kind in LogKind if kind in files)
    return (*logs, UnknownFiles(str(path), unknown)) if unknown else logs


def _distinct(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield those that hold something, each file once."""
    seen = set()
    for path in paths:
        try:
            found = path.stat()
        except OSError as error:
            raise unreadable(path, error) from None
        if not S_ISREG(found.st_mode):
            raise InputError(str(path), "", "is no regular file", "Give what it holds on standard input, and name -")
        identity = (found.st_dev, found.st_ino)
        if found.st_size and identity not in seen:
            seen.add(identity)
            yield path


def _nothing(path: Path, unknown: tuple[Path, ...]) -> InputError:
    if unknown:
        return InputError(str(unknown[0]), "", "is a log of no known kind", f"Known are {_KINDS}")
    return InputError(str(path), "", "holds nothing" if path.is_dir() else "is empty", f"Name what holds {_KINDS}")


def _log(kind: LogKind, name: str, paths: tuple[Path, ...]) -> Log:
    match kind:
        case LogKind.HUBBLE:
            return HubbleLog(name, TextFiles(paths))
        case LogKind.POLICY_AGENT:
            return PolicyAgentLog(name, TextFiles(paths))
        case LogKind.FLOW_LOG_PARQUET | LogKind.FLOW_LOG_TEXT:
            return _flow_logs(kind, name, paths)


def _flow_logs(kind: LogKind, name: str, paths: tuple[Path, ...]) -> Log:
    from flash_ticket.traffic.flow_logs.files import FlowLogFiles, FlowLogForm  # noqa: PLC0415 - it loads DuckDB

    return FlowLogFiles(name, paths, FlowLogForm.PARQUET if kind is LogKind.FLOW_LOG_PARQUET else FlowLogForm.TEXT)
