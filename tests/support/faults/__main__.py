"""The long sweep: ``make test-faults`` tries every fault at every write, or as many as time allows.

It continues where the last sweep ended: each outcome is a line of a file, and it skips the points in the file. These
variables limit it: ``FAULTS=kill,gone`` the kinds of fault, ``SPANS=once,on,each`` which other writes they hit,
``EVERY=5`` the writes (every fifth), ``SECONDS_LEFT=3600`` the time, ``STACK=prod`` the environment (default dev),
``LABS=1`` the number of labs side by side (default 2), ``OUTCOMES`` the file.
"""

import json
import os
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lab.running.lab import Lab
from tests.support.faults.outcome import lost, table
from tests.support.faults.point import Point, chosen_kinds, chosen_spans, points
from tests.support.faults.stage import Stage


@dataclass
class Sweep:
    """The points to try, and their outcomes.

    Attributes:
        stack: The environment.
        outcomes: The file, with a line of JSON for each point.
        seconds: How long the sweep starts new points.
        every: Only every n-th write.
    """

    stack: str
    outcomes: Path
    seconds: float
    every: int
    _todo: list[Point] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _start: float = field(default_factory=time.monotonic)

    def work(self) -> None:
        """Try points on one lab after the other; abandon a lab whose stack did not recover."""
        while self._is_time:
            with Lab.start() as lab, tempfile.TemporaryDirectory(dir=lab.folder) as folder:
                stage = Stage(lab, self.stack, Path(folder))
                stage.rehearse()
                self._fill(stage)
                while stage.is_sound and self._is_time and (point := self._next()):
                    trial = stage.try_point(point)
                    self._keep({"point": str(point), "how": point.fault.how.name, **asdict(trial)})
            if not self._todo:
                return

    def read(self) -> list[dict[str, object]]:
        """Return the outcomes so far."""
        return [json.loads(line) for line in self.outcomes.read_text().splitlines()] if self.outcomes.exists() else []

    @property
    def _is_time(self) -> bool:
        return time.monotonic() - self._start < self.seconds

    def _fill(self, stage: Stage) -> None:
        with self._lock:
            if self._todo is None:
                known = {trial["point"] for trial in self.read()}
                every = points(stage.writes, chosen_kinds(), self.every, chosen_spans())
                self._todo = [point for point in every if str(point) not in known]
                writes = ", ".join(f"{course} {number}" for course, number in stage.writes.items())
                _say(f"writes: {writes}; points: {len(every)}, tried before: {len(every) - len(self._todo)}")

    def _next(self) -> Point | None:
        with self._lock:
            return self._todo.pop(0) if self._todo else None

    def _keep(self, trial: dict[str, object]) -> None:
        with self._lock, self.outcomes.open("a") as outcomes:
            outcomes.write(json.dumps(trial) + "\n")
            _say(f"{len(self._todo or ())} left; {trial['point']}: {lost(trial) or 'converged'} ({trial['hit']})")


def main() -> int:
    """Sweep, print the outcome, and return 1 if a point was lost."""
    stack = os.environ.get("STACK", "dev")
    sweep = Sweep(
        stack,
        Path(os.environ.get("OUTCOMES", f".faults/{stack}.jsonl")),
        float(os.environ.get("SECONDS_LEFT", "inf")),
        int(os.environ.get("EVERY", "1")),
    )
    sweep.outcomes.parent.mkdir(parents=True, exist_ok=True)
    workers = [threading.Thread(target=sweep.work) for _ in range(int(os.environ.get("LABS", "2")))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = sweep.read()
    sys.stdout.write(table(found))
    return 1 if any(map(lost, found)) or not found else 0


def _say(what: str) -> None:
    sys.stderr.write(what + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
