"""What a file or a folder holds: the logs to be read from it, each of one kind."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from flash_ticket.firewall.terms.folder import files_below, unreadable
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.log_kind import LogKind, kind_of
from flash_ticket.traffic.records.hubble import HubbleLog
from flash_ticket.traffic.records.lines import TextFiles
from flash_ticket.traffic.records.policy_agent import PolicyAgentLog
from flash_ticket.traffic.records.reading import Reading
from flash_ticket.traffic.records.record import Log, Record, Scope

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
