"""Deploy declarations one after another on one stack of the lab, and record every write of each deployment."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.matrix import Labels
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from lab.recording.recording import Caller, Recording, recorded
from lab.recording.surveyor import Surveyor
from lab.running.engine import Engine, Result
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.engine.apis import NAMESPACE, REPOSITORY
from tests.support.engine.intermediate_states import Gap, Run, Transition
from tests.support.engine.judgement import judged

Content = dict[str, Any]
Change = Callable[[Content, Content], None]
"""Changes the content of traffic.yaml, and the stack's binding."""


def committed(_traffic: Content, _binding: Content) -> None:
    """Leave both as committed."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deployment of a chain.

    Attributes:
        result: The engine's result.
        run: The writes of the run.
        transition: The declarations before and after.
    """

    result: Result
    run: Run
    transition: Transition

    @property
    def gaps(self) -> list[Gap]:
        """The gaps on the way."""
        return judged(self.transition, self.run)

    @property
    def warnings(self) -> list[str]:
        """The steps that the preview marks as interrupting."""
        prefix = "warning: Interrupting step: "
        return [each.removeprefix(prefix) for each in self.result.diagnostics if each.startswith(prefix)]


@dataclass
class Chain:
    """A stack on which one declaration after another is deployed.

    Attributes:
        everywhere: Makes another change of each change, such as the same one in another VPC.
        environment: The environment of AWS, if it is not that of the stack's name.
        caller: Who deploys, if not an administrator.
    """

    lab: Lab
    stack: str
    folder: Path
    everywhere: Callable[[Change], Change] = lambda change: change
    environment: str = ""
    declared: CompiledFirewall | None = None
    programs: list[Path] = field(default_factory=list)
    caller: Caller | None = None

    def deploy(self, change: Change, labels: Mapping[str, Labels] | None = None) -> Deployed:
        """Deploy the committed declaration with a change to it.

        Args:
            change: The change of the committed files.
            labels: The labels of running pods by service, if they differ from the declaration before.
        """
        return self.deploy_program(self.write(change), labels)

    def write(self, change: Change) -> Path:
        """Write a program with the committed declaration and a change to it."""
        program = copy_program(REPOSITORY, self.folder / str(len(self.programs)), self._files(self.everywhere(change)))
        self.programs.append(program)
        return program

    def engine(self, program: Path) -> Engine:
        """Return the stack, with one of its programs."""
        return Engine(self.lab, self.stack, program)

    def deploy_program(self, program: Path, labels: Mapping[str, Labels] | None = None) -> Deployed:
        """Deploy a program."""
        deployed = self.deploy_part(program, (), labels)
        self.declared = deployed.transition.after
        return deployed

    def deploy_part(
        self, program: Path, targets: Sequence[str], labels: Mapping[str, Labels] | None = None
    ) -> Deployed:
        """Deploy some resources of a program only; the declaration before stays the one of the stack."""
        after = Surveyor.of(self.lab, self.stack, self.environment).declared(program)
        transition = Transition(self.declared, after, labels or {})
        chosen = [word for target in targets for word in ("--target", target)]
        with self._recorded() as recording:
            result = Engine(self.lab, self.stack, program, recording.variables).up(*chosen).checked()
            return Deployed(result, Run(recording.journal.before, recording.journal.writes), transition)

    def destroy(self) -> Deployed:
        """Remove all that is deployed."""
        transition = Transition(self.declared, None)
        with self._recorded() as recording:
            result = Engine(self.lab, self.stack, self.programs[-1], recording.variables).destroy().checked()
            return Deployed(result, Run(recording.journal.before, recording.journal.writes), transition)

    def _recorded(self) -> AbstractContextManager[Recording]:
        return recorded(self.lab, self.stack, NAMESPACE, environment=self.environment, caller=self.caller)

    def _files(self, change: Change) -> dict[str, str]:
        settings_file = stack_file(self.stack)
        traffic: Content = yaml.safe_load((REPOSITORY / MATRIX_FILE).read_text())
        settings: Content = yaml.safe_load((REPOSITORY / settings_file).read_text())
        change(traffic, settings["config"][BINDING_KEY])
        return {MATRIX_FILE: _written(traffic), settings_file: _written(settings)}


@contextmanager
def chain(
    lab: Lab, stack: str, folder: Path, everywhere: Callable[[Change], Change], environment: str
) -> Iterator[Chain]:
    """Keep a stack for a chain of deployments, and destroy it at the end."""
    made = Chain(lab, stack, folder, everywhere, environment)
    yield made
    Engine(lab, stack, made.programs[-1]).destroy().checked()


def _written(content: Content) -> str:
    """Return content as YAML without aliases: our files have none."""
    return yaml.safe_dump(json.loads(json.dumps(content)))
