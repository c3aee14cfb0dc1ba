"""Opens policies for a while and closes them. The stack's settings file lists them, and an update applies the list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from flash_ticket.firewall.change import resource_names
from flash_ticket.firewall.change.history import DeclaredVersion
from flash_ticket.firewall.compile.suspended import refuse_rendered
from flash_ticket.firewall.declare.binding import settings_path
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.declare.settings_edit import with_suspensions
from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY, Suspension, Suspensions, parse_suspensions
from flash_ticket.firewall.declare.yaml_document import parse_document
from flash_ticket.firewall.project import read_settings
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack.pulumi_answers import resolved_settings
from flash_ticket.operate.declared_project import declared_project
from flash_ticket.operate.one_at_a_time import one_at_a_time
from flash_ticket.operate.pulumi import InterruptedUpdateError, Stack
from flash_ticket.operate.text_file import replace_text


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
        listed = parse_suspensions(read_settings(folder, stack, resolved_settings).get(SUSPENSIONS_KEY), name, at)
        return SuspendedPolicies(folder, stack, name, listed)

    @property
    def firewall(self) -> CompiledFirewall:
        """The firewall that runs, with symbolic places.

        Raises:
            InputError: Pulumi is not installed, nothing is deployed, the file suspends a policy that does not run, or
                Pulumi does not apply the pod layer.
        """
        found = self._runs.firewall(self.name, self.listed)
        refuse_rendered(found.environment, f"stack {self.name}", "", "suspend a policy")
        return found

    def unchanged(self) -> "SuspendedPolicies":
        """Return the suspensions as they are now, if the stack still runs the same declaration.

        Raises:
            InputError: The settings file is not readable, or somebody has deployed another declaration meanwhile.
        """
        now = SuspendedPolicies.of(self.folder, self.stack, self.listed.at)
        if not now._runs.same_as(self._runs):  # noqa: SLF001 - of the same class
            problem = "somebody has deployed another declaration since this command began"
            raise InputError(f"stack {self.name}", "", problem, "Run it again, and read what it opens")
        return now

    def suspend(self, new: Sequence[Suspension]) -> None:
        """Write new suspensions to the file and deploy their policies. Other changes in the files are not deployed.

        Raises:
            InputError: The file is not writable, or the update failed. The new suspensions are then not in the file. If
                somebody interrupted the update, they stay, because their policies may be open.
        """
        with one_at_a_time(self.folder):
            before, after = self._edit(lambda listed: listed.adding(*new))
            try:
                self._deploy({each.policy for each in new})
            except InterruptedUpdateError as error:
                raise self._interrupted(error, new) from None
            except BaseException as error:
                taken_back = self._take_back(new, before, after)
                if not isinstance(error, InputError):
                    raise
                raise InputError(
                    error.source,
                    "",
                    f"{error.problem}; {taken_back}",
                    f"{error.remedy}; pulumi up --refresh closes what it may have opened",
                ) from None

    def resume(self, ended: Sequence[Suspension]) -> None:
        """Remove suspensions from the file, and deploy their policies.

        Raises:
            InputError: The file is not writable, or the update failed. A failed update leaves the suspensions removed.
        """
        policies = {each.policy for each in ended}
        with one_at_a_time(self.folder):
            self._edit(lambda listed: listed.without(*policies))
            try:
                self._deploy(policies)
            except InputError as error:
                again = "pulumi up --refresh" if isinstance(error, InterruptedUpdateError) else "pulumi up"
                cancel = f"pulumi cancel --yes --stack {self.stack}, then " if _is_killed(error) else ""
                close = f"run {cancel}{again}: the suspension is removed, and every update closes the policy"
                remedy = f"{error.remedy}, and {close}"
                raise InputError(error.source, "", error.problem, remedy) from None

    @property
    def _path(self) -> Path:
        return settings_path(self.folder, self.name).resolve()

    @cached_property
    def _runs(self) -> DeclaredVersion:
        return Stack(self.folder, self.stack).versions()[-1]

    def _edit(self, change: Callable[[Suspensions], Suspensions]) -> tuple[str, str]:
        """Change what the file lists at this moment; return its text before and after.

        An editor takes no lock. So the file is read again right before it is replaced.
        """
        while True:
            before = _text_of(self._path)
            settings = parse_document(before, self._path.name)
            listed = parse_suspensions(settings["config"].get(SUSPENSIONS_KEY), self.name, self.listed.at)
            wanted = change(listed)
            after = with_suspensions(before, wanted, self._path.name) if wanted != listed else before
            parse_document(after, self._path.name)
            if _text_of(self._path) == before:
                replace_text(self._path, after)
                return before, after

    def _take_back(self, new: Sequence[Suspension], before: str, after: str) -> str:
        """Take the new suspensions out of the file again, put back what they replaced, and return what was done."""
        settings = parse_document(before, self._path.name)
        replaced = {
            each.policy: each
            for each in parse_suspensions(settings["config"].get(SUSPENSIONS_KEY), self.name, self.listed.at).listed
        }

        def without_new(listed: Suspensions) -> Suspensions:
            own = [each.policy for each in new if each in listed.listed]  # another entry is somebody else's
            return listed.without(*own).adding(*(replaced[each] for each in own if each in replaced))

        try:
            if _text_of(self._path) == after:
                replace_text(self._path, before)
                return f"{self._path.name} is as it was before"
            self._edit(without_new)
        except (InputError, KeyError, TypeError, AttributeError):  # somebody is in the middle of an edit
            names = ", ".join(each.policy for each in new)
            return f"somebody has changed {self._path.name} meanwhile: remove the suspension of {names} from it"
        return f"its suspension is out of {self._path.name} again, and what others changed there stays"

    def _interrupted(self, error: InterruptedUpdateError, new: Sequence[Suspension]) -> InputError:
        (first, *others) = new
        policy = "--all" if others else first.policy
        remedy = f"flash-firewall resume {policy} --stack {self.stack} closes what may be open"
        if error.killed:
            remedy += f", and pulumi up --refresh --stack {self.stack} closes what the engine could not record"
        names = ", ".join(each.policy for each in new)
        problem = f"it was interrupted, and {names} may be open; {self._path.name} still says so"
        return InputError(error.source, "", problem, error.after_cancel(remedy, self.stack))

    def _deploy(self, policies: set[str]) -> None:
        changed = policies | {each.policy for each in self.listed.over}
        runs = self._runs.firewall(self.name)
        if runs.environment.cluster.pod_layer is PodLayerOwner.RENDERED:
            return  # somebody wrote the suspension by hand, and it opened nothing
        below = [(resource_names.POLICIES, policy.name) for policy in runs.pods.policies if policy.name in changed]
        below += [(resource_names.ALERTS, resource_names.RULE)] if runs.watch.rule else []
        with declared_project(self.folder, self.name, self._runs) as project:
            Stack(project, self.stack).up(*(resource_names.joined(resource_names.FIREWALL, *parts) for parts in below))


def _is_killed(error: InputError) -> bool:
    return isinstance(error, InterruptedUpdateError) and error.killed


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode()  # reading it as text would change its line ends
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path.name, "", f"the file cannot be read ({error})", "Make it a readable UTF-8 file") from None
