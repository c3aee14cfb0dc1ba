"""Rollback: the present program deploys an earlier declaration."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flash_ticket.firewall.change.history import DeclaredVersion, Versions, declared_at, require_region, version_of
from flash_ticket.firewall.compile.suspended import refuse_rendered
from flash_ticket.firewall.declare.binding import stack_file
from flash_ticket.firewall.declare.choices import Protection
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE, declared_files
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack.git import commits_of, files_at
from flash_ticket.live.stack.settings import OtherStacks, StackConfiguration, read_stack_file
from flash_ticket.operate.consent import require_consent
from flash_ticket.operate.declared_project import declared_project
from flash_ticket.operate.one_at_a_time import one_at_a_time
from flash_ticket.operate.pulumi import InterruptedUpdateError, Stack
from flash_ticket.report.rollback import files_text, going_back_text, unreadable_files_text

_COMMITS = 100
"""How many commits to search for the version that is deployed again."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """A stack that may go back to an earlier version.

    Attributes:
        stack: The stack, in the project's folder.
        settings: The content of its settings file.
        versions: The versions that it has declared.
    """

    stack: Stack
    settings: StackConfiguration
    versions: Versions

    @staticmethod
    def of(folder: Path, stack: str) -> "Rollback":
        """Return a stack that may go back to an earlier version.

        Raises:
            InputError: Its settings or records are not readable, or nobody has deployed it yet.
        """
        settings, found = read_stack_file(folder, stack, OtherStacks.MADE_UP), Stack(folder, stack)
        return Rollback(found, settings, found.versions())

    @property
    def name(self) -> str:
        """The last part of the stack's name."""
        return self.settings.stack

    def go(self, number: int, *, agreed: bool) -> Iterator[str]:
        """Deploy a version again, and yield the texts to show before and after.

        If the user must agree, this shows a preview first.

        Args:
            number: The number of the version.
            agreed: Whether to deploy without a question.

        Raises:
            InputError: The version does not exist, its proof does not hold, the user does not agree, or the preview or
                the update fails.
        """
        version, runs = version_of(self.versions, number, self.name), self.versions[-1]
        if version.same_as(runs):
            yield f"Version {runs.number}, which runs, declares the same: nothing to do.\n"
            return
        require_region(version, self.settings.region, self.name)
        now = runs.firewall(self.name, self.settings.suspensions)
        then = version.firewall(self.name, self.settings.suspensions)
        for each in (now, then):
            refuse_rendered(each.environment, f"stack {self.name}", "", "roll both layers back together")
        self._refuse_lost(now, then, number)
        yield going_back_text(now, then, version)
        if not then.proof().holds:
            raise InputError(
                "--to", "", f"the proof of version {number} does not hold", "Name another: the proof above says why"
            )
        if not agreed:
            with self._earlier(version) as earlier:
                earlier.preview()  # only a preview against the deployed resources shows what the update interrupts
        require_consent(f"Deploy version {number} again?", given=agreed)
        with one_at_a_time(self.stack.folder):
            if not agreed:
                self._require_unchanged(runs)
            # What others have suspended meanwhile stays open: the settings are read again.
            with self._earlier(version) as earlier:
                try:
                    earlier.up()
                except InterruptedUpdateError as error:
                    raise self._interrupted(error, number) from None
        yield self._files_text(version)

    @contextmanager
    def _earlier(self, version: DeclaredVersion) -> Iterator[Stack]:
        """Provide the stack of a project that declares an earlier version, with the settings of this moment."""
        with declared_project(self.stack.folder, self.name, version) as project:
            yield Stack(project, self.stack.name)

    def _refuse_lost(self, now: CompiledFirewall, then: CompiledFirewall, number: int) -> None:
        """Refuse a version without what the stack protects: the engine would stop in the middle of the update."""
        lost = sorted(_protected(now) - _protected(then))
        if now.environment.protection is Protection.PROTECTED and lost:
            raise InputError(
                "--to",
                "",
                f"version {number} lacks what protect: true in the binding keeps: {', '.join(lost)}",
                f"Remove protect from {stack_file(self.name)}, run pulumi up --stack {self.stack.name}, then roll back",
            )

    def _require_unchanged(self, shown: DeclaredVersion) -> None:
        if not self.stack.versions()[-1].same_as(shown):
            problem = "somebody has deployed another declaration since this command began"
            raise InputError(f"stack {self.name}", "", problem, "Run it again, and read what it changes")

    def _interrupted(self, error: InterruptedUpdateError, number: int) -> InputError:
        name = self.stack.name
        problem = f"it was interrupted, and a part of version {number} may be deployed"
        remedy = (
            f"flash-firewall rollback --to {number} --stack {name} goes on, and pulumi up --refresh --stack {name} "
            "deploys what the files declare"
        )
        return InputError(error.source, "", problem, error.after_cancel(remedy, name))

    @property
    def _names(self) -> tuple[str, str]:
        return MATRIX_FILE, stack_file(self.name)

    def _files_text(self, version: DeclaredVersion) -> str:
        commit = self._commit_of(version)
        try:
            files = _declared(self.stack.folder, self.name)
        except InputError as error:
            return unreadable_files_text(error, self._names, commit)
        return files_text(version, files, self._names, commit)

    def _commit_of(self, version: DeclaredVersion) -> str | None:
        names = declared_files(self.stack.folder, self.name)
        for commit in commits_of(self.stack.folder, names, _COMMITS):
            try:
                with files_at(self.stack.folder, commit, names) as folder:
                    if _declared(folder, self.name).same_as(version):
                        return commit
            except InputError:
                continue
        return None


def _protected(firewall: CompiledFirewall) -> set[str]:
    """Return the names of the policies, the groups and the flow log of a firewall."""
    policies, groups, log = firewall.pods.policies, firewall.vpc.groups, firewall.environment.own_flow_log
    recorded = {f"the flow log in {log.destination.value}"} if log else set()
    return {*(policy.name for policy in policies), *(f"the group of {group.label}" for group in groups), *recorded}


def _declared(folder: Path, stack: str) -> DeclaredVersion:
    settings = read_stack_file(folder, stack, OtherStacks.MADE_UP)
    return declared_at(settings.suspensions.at, read_matrix(folder / MATRIX_FILE), settings.written, settings.region)
