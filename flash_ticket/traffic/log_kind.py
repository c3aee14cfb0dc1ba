"""What kind of log a file is, by how it begins: never by its name."""

import gzip
import re
import zlib
from enum import Enum, auto
from pathlib import Path

from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
from flash_ticket.firewall.terms.folder import unreadable
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.records.lines import GZIP_MAGIC, unpacked

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
