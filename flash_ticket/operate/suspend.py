"""Opens policies for a while and closes them. The stack's settings file lists them, and an update applies the list."""

import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from flash_ticket.firewall.change import resource_names
from flash_ticket.firewall.change.history import DeclaredVersion
from flash_ticket.firewall.declare.binding import stack_file
from flash_ticket.firewall.declare.settings_edit import with_suspensions
from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY, Suspensions, parse_suspensions
from flash_ticket.firewall.declare.yaml_document import parse_document
from flash_ticket.firewall.project import read_settings
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.operate.declared_project import declared_project
from flash_ticket.operate.pulumi import Stack


@dataclass(frozen=True)
class SuspendedPolicies:
    """The suspensions of one stack. They apply to the declaration that it runs, even if the files have changed since.

    Attributes:
        folder: The folder of Pulumi.yaml and of the settings file.
        stack: Pulumi's name of the stack.
        name: The last part of that name.
        listed: The suspensions in the settings file.
    """

    folder: Path
    stack: str
    name: str
    listed: Suspensions

    @staticmethod
    def of(folder: Path, stack: str, at: datetime) -> "SuspendedPolicies":
        """Return the suspensions of a stack at a moment.

        Raises:
            InputError: The settings file is not readable.
        """
        name = stack.rpartition("/")[2]
        listed = parse_suspensions(read_settings(folder, name).get(SUSPENSIONS_KEY), name, at)
        return SuspendedPolicies(folder, stack, name, listed)

    @property
    def firewall(self) -> CompiledFirewall:
        """The firewall that runs, with symbolic places.

        Raises:
            InputError: Pulumi is not installed, nothing is deployed, or the file suspends a policy that does not run.
        """
        return self._runs.firewall(self.name, self.listed)

    def suspend(self, wanted: Suspensions) -> None:
        """Write the suspensions to the file and deploy their policies. Other changes in the files are not deployed.

        Raises:
            InputError: The file is not writable, or the update failed. The file is then the same as before.
        """
        before = self._written
        self._write(before, wanted)
        try:
            self._deploy(wanted)
        except BaseException as error:
            _replace(self._path, before)
            if not isinstance(error, InputError):
                raise
            raise InputError(
                error.source,
                "",
                f"{error.problem}; {self._path.name} is as it was before",
                f"{error.remedy}; pulumi up --refresh closes what it may have opened",
            ) from None

    def resume(self, wanted: Suspensions) -> None:
        """Remove the suspensions that are not in ``wanted`` from the file, and deploy their policies.

        Raises:
            InputError: The file is not writable, or the update failed. A failed update leaves the suspensions removed.
        """
        self._write(self._written, wanted)
        try:
            self._deploy(wanted)
        except InputError as error:
            remedy = f"{error.remedy}, and run pulumi up: the suspension is struck, and every update closes it"
            raise InputError(error.source, "", error.problem, remedy) from None

    @property
    def _path(self) -> Path:
        return (self.folder / stack_file(self.name)).resolve()

    @property
    def _written(self) -> str:
        return self._path.read_bytes().decode()  # reading it as text would change its line ends

    @cached_property
    def _runs(self) -> DeclaredVersion:
        return Stack(self.folder, self.stack).versions()[-1]

    def _write(self, before: str, wanted: Suspensions) -> None:
        after = with_suspensions(before, wanted, self._path.name)
        parse_document(after, self._path.name)
        _replace(self._path, after)

    def _deploy(self, wanted: Suspensions) -> None:
        changed = {each.policy for each in (*self.listed.over, *set(self.listed.listed) ^ set(wanted.listed))}
        runs = self._runs.firewall(self.name)
        below = [(resource_names.POLICIES, policy.name) for policy in runs.pods.policies if policy.name in changed]
        below += [(resource_names.ALERTS, resource_names.RULE)] if runs.watch.rule else []
        with declared_project(self.folder, self.name, self._runs) as project:
            Stack(project, self.stack).up(*(resource_names.joined(resource_names.FIREWALL, *parts) for parts in below))


def _replace(path: Path, text: str) -> None:
    """Replace the text of a file completely, or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_bytes(text.encode())
        shutil.copymode(path, fresh)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise InputError(
            path.name, "", f"it cannot be written: {error.strerror}", "Make room, or the file writable"
        ) from None
