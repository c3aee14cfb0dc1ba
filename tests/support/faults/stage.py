"""One environment of a lab where faults hit runs of the engine, and the steps of the runbook repair them."""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flash_ticket.firewall.change.adoption import unfinished_groups
from lab.recording.fault import How, Span
from lab.recording.journal import Journal, Write
from lab.recording.recording import recorded
from lab.recording.surveyor import Surveyor
from lab.running.engine import Engine, Result
from lab.running.lab import Checkpoints, Lab
from lab.running.program import copy_program
from tests.support.engine.apis import CHANGES, NAMESPACE, REPOSITORY, Apis, changed_matrix
from tests.support.engine.intermediate_states import Run, Transition
from tests.support.faults.point import KILLS, Course, Point
from tests.support.faults.standing import Standing, standing
from tests.support.faults.state_backup import restore
from tests.support.faults.typed import removing, typed

_VARIABLES = {
    "AWS_MAX_ATTEMPTS": "2",  # the AWS client retries for minutes by default
    **Checkpoints.EACH_STEP.variables,  # a killed engine leaves its state as outside the lab
}
_LIMIT_SECONDS = 180.0
_DEAF_SECONDS = 45.0
"""How long an engine without its API may wait. It would wait for minutes; it is killed then, as a person would do."""
_ROUNDS = 150
"""How often a run starts again if a fault hits each write; each round gets past at least one write."""
_EVERYTHING = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]

_ENDS: dict[Course, tuple[str | None, str | None]] = {
    Course.FIRST: (None, "shop"),
    Course.CHANGE: ("shop", "changed"),
    Course.BACK: ("changed", "shop"),
    Course.DESTROY: ("shop", None),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome of one point.

    Attributes:
        hit: The first write that the fault hit; empty if the run made fewer writes.
        writes: The number of writes that it hit.
        failed: Whether the run failed.
        gaps: Connections that were wrongly cut or open, in any state of fault and recovery.
        unlike: The differences in the firewall between the recovery and a run without a fault.
        orphans: Resources of the record that are left behind and in no state.
        trouble: Failed commands of the recovery, or a preview that finds changes.
    """

    hit: str
    writes: int
    failed: bool
    gaps: tuple[str, ...]
    unlike: tuple[str, ...]
    orphans: tuple[str, ...]
    trouble: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Round:
    """One run into a fault, and what failed in its repair before the next run."""

    journal: Journal
    result: Result
    trouble: tuple[str, ...]


@dataclass
class Stage:
    """A stack on the lab that repeats the courses again and again."""

    lab: Lab
    stack: str
    folder: Path
    writes: dict[Course, int] = field(default_factory=dict)
    rival: Result | None = None
    _at: str | None = None
    _sound: bool = True
    _usual: dict[str | None, Standing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = f"Pulumi.{self.stack}.yaml"
        # Retained resources would look like resources left behind.
        files = {settings: (REPOSITORY / settings).read_text().replace("onDestroy: retain", "onDestroy: delete")}
        self._programs = {
            "shop": copy_program(REPOSITORY, self.folder / "shop", files),
            "changed": copy_program(REPOSITORY, self.folder / "changed", {**files, **changed_matrix(*CHANGES)}),
        }
        surveyor = Surveyor.of(self.lab, self.stack)
        self._declared = {name: surveyor.declared(program) for name, program in self._programs.items()}
        self._apis = Apis(self.lab, self.stack)

    def rehearse(self, courses: Iterable[Course] = Course) -> None:
        """Run courses without a fault, and keep the number of their writes and what is deployed after each."""
        self._usual[None] = standing(self._apis)
        for course in courses:
            journal, result = self._run(course, None)
            result.checked()
            self.writes[course] = len(journal.writes)

    def destroy(self) -> None:
        """Destroy the stack, for the tests that follow on this lab."""
        self._engine(Course.DESTROY).destroy().checked()

    @property
    def is_sound(self) -> bool:
        """Whether the last recovery succeeded, so that the next point has the right start."""
        return self._sound

    def try_point(self, point: Point) -> Trial:
        """Run a course with a fault; if it fails, repair it and run it again. The stack is then at the course's end."""
        before, after = _ENDS[point.course]
        self._go_to(before)
        start = standing(self._apis)
        self.rival = None
        rounds = list(self._rounds(point))
        trouble = [each for round_ in rounds for each in round_.trouble]
        journals, again = [round_.journal for round_ in rounds], rounds[-1].result
        if again.code:
            trouble += self._mend(point.course)
            mending, again = self._run(point.course, None)
            journals.append(mending)
        if again.code:
            trouble.append(_words(again))
        else:
            preview = self._engine(point.course).preview("--refresh") if after else None
            trouble += [f"preview: {step.operation} {step.name}" for step in (preview.changes if preview else ())]
        for left in Surveyor.of(self.lab, self.stack).left_behind(NAMESPACE):
            for command in removing(left):
                typed(command, self._apis.aws)
        gaps = self._gaps(point.course, *journals)
        self._sound = again.code == 0
        if self.rival and (self.rival.code == 0 or "locked" not in self.rival.stderr + self.rival.stdout):
            trouble.append(f"the second engine does not report the lock: {_words(self.rival)}")
        found, usual = standing(self._apis), self._usual[after]
        beside = start.record - self._usual[before].record
        unlike = [f"+ {each}" for each in (found.firewall - usual.firewall).elements()]
        unlike += [f"- {each}" for each in (usual.firewall - found.firewall).elements()]
        trouble += [f"- {each}" for each in (usual.record - found.record).elements()]
        hit = [f"{write.api} {write.action}" for round_ in rounds for write in round_.journal.writes if write.fault]
        return Trial(
            next(iter(hit), ""),
            len(hit),
            any(round_.result.code for round_ in rounds),
            tuple(gaps),
            tuple(unlike),
            tuple((found.record - usual.record - beside).elements()),
            tuple(trouble),
        )

    def _go_to(self, wanted: str | None) -> None:
        courses = {ends: course for course, ends in _ENDS.items()}
        while self._at != wanted:
            # All courses lead to "shop" or away from it.
            course = courses.get((self._at, wanted)) or courses[self._at, "shop"]
            self._run(course, None)[1].checked()

    def _rounds(self, point: Point) -> Iterator[_Round]:
        """Run into a fault once, or repeat until it has hit every write and all are made; repair after kills."""
        for _ in range(_ROUNDS):
            journal, result = self._run(point.course, point)
            is_last = result.code == 0 or point.fault.span is not Span.EACH
            is_locked = not is_last and point.fault.how in KILLS
            yield _Round(journal, result, tuple(self._mend(point.course)) if is_locked else ())
            if is_last:
                return

    def _run(self, course: Course, point: Point | None) -> tuple[Journal, Result]:
        incidents = {How.RIVAL: self._start_rival}
        with recorded(self.lab, self.stack, NAMESPACE, point.fault if point else None, incidents) as recording:
            engine = self._engine(course, recording.variables)
            engine.make_stack()
            limit = _DEAF_SECONDS if point and point.fault.span is Span.ON else _LIMIT_SECONDS
            verb = (
                ("destroy", "--yes", "--skip-preview")
                if _ENDS[course][1] is None
                else ("up", "--yes", "--skip-preview")
            )
            try:
                result = engine.run(*verb, "--stack", self.stack, seconds=limit)
            except subprocess.TimeoutExpired:
                result = Result(verb, -1, "", f"not done after {limit} s", (), (), limit)
        if result.code == 0:
            self._at = _ENDS[course][1]
            self._usual.setdefault(self._at, standing(self._apis))
        return recording.journal, result

    def _mend(self, course: Course) -> Iterator[str]:
        """Do what the runbook says, the same after every fault; yield what fails."""
        engine = self._engine(course)
        restore(engine.state_file)
        engine.make_stack()
        engine.run("cancel", "--yes", "--stack", self.stack)
        refresh = engine.refresh("--clear-pending-creates")
        if refresh.code:
            yield _words(refresh)
        for _, group in unfinished_groups(Surveyor.of(self.lab, self.stack).standing(NAMESPACE)):
            self._apis.aws("ec2").revoke_security_group_egress(GroupId=group, IpPermissions=_EVERYTHING)

    def _start_rival(self) -> None:
        if self.rival is None:
            self.rival = self._engine(Course.FIRST).up()

    def _engine(self, course: Course, variables: dict[str, str] | None = None) -> Engine:
        before, after = _ENDS[course]
        return Engine(
            self.lab, self.stack, self._programs[after or before or "shop"], {**(variables or {}), **_VARIABLES}
        )

    def _gaps(self, course: Course, *journals: Journal) -> Iterator[str]:
        before, after = (self._declared[end] if end else None for end in _ENDS[course])
        writes: list[Write] = [write for journal in journals for write in journal.writes]
        for gap in Transition(before, after).gaps(Run(journals[0].before, writes)):
            yield f"{gap.write}: {gap.pair[0]} to {gap.pair[1]} {gap.ports}, {gap.claim} ({gap.pods})"


def _words(result: Result) -> str:
    errors = [line for line in result.diagnostics if line.startswith("error")]
    return f"pulumi {result.command[0]} exits with {result.code}: {(errors or [result.stderr])[0][:400]}"
