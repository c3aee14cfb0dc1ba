"""Files that end in the middle, because their writer crashed or still writes, and files that change while being read.

A torn file never hides what the other files say, and never passes unnoticed: it counts as one malformed line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.flow_logs.skew import Skew
from flash_ticket.traffic.records.record import Reading

_State = tuple[int, int, int, int]
"""The device, number, size and time of a file."""


class TornFileError(InputError):
    """A file whose content ends too early, or is damaged. What it holds is unknown."""


@dataclass(slots=True)
class FileFaults:
    """What is wrong with the files of one log, apart from their lines.

    Attributes:
        name: The name of the log.
        torn: The error of each torn file.
        sound: How many other files were read.
        skew: Lines whose times do not fit those of their files.
    """

    name: str
    torn: list[InputError] = field(default_factory=list)
    sound: int = 0
    skew: Skew = field(default_factory=Skew)

    def tell(self, reading: Reading) -> None:
        """Count each torn file as a malformed line, and note what the faults mean.

        Raises:
            InputError: No other file could be read.
        """
        self.skew.tell(reading)
        if not self.torn:
            return
        if not self.sound:
            raise self.torn[0]
        for each in self.torn:
            reading.refuse(each.source, each.problem)
        one = len(self.torn) == 1
        reading.note(
            f"{'1 file ends' if one else f'{len(self.torn):,} files end'} too early or "
            f"{'is' if one else 'are'} damaged. None of {'its' if one else 'their'} lines is counted, and "
            f"{'it counts' if one else 'each counts'} as one malformed line."
        )


class Growth(Enum):
    """Whether a file may become longer while it is read."""

    ALLOWED = "allowed"
    """Text: lines that come later are read next time."""

    FORBIDDEN = "forbidden"
    """Parquet: its end says where everything is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Files as they were at one moment."""

    _states: dict[Path, _State | None]
    _growth: Growth

    @classmethod
    def of(cls, paths: Iterable[Path], growth: Growth) -> "Standing":
        """Return how files are now."""
        return cls({path: _state(path) for path in paths}, growth)

    def changed(self) -> Sequence[Path]:
        """Return the files that are not as they were, so that one reading may have seen parts of two contents."""
        return [path for path, before in self._states.items() if not self._is_same(before, _state(path))]

    def _is_same(self, before: tuple[int, int, int, int] | None, after: tuple[int, int, int, int] | None) -> bool:
        if before == after or before is None or after is None:
            return before == after
        return self._growth is Growth.ALLOWED and before[:2] == after[:2] and before[2] < after[2]


def _state(path: Path) -> _State | None:
    """Return the state of a file; None if it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
