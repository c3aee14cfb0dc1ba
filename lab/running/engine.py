"""The Pulumi CLI, as tests and the demo call it."""

import json
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from lab.aws_api.beyond_moto.vault import SECRETS_PROVIDER
from lab.running import child
from lab.running.lab import Lab

_MINUTES = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a preview or an update.

    Attributes:
        operation: The engine's word: ``same``, ``create``, ``update``, ``delete``, ``replace``, ``create-replacement``,
            ``delete-replaced``, ``read``, ``refresh``...
        urn: The resource.
        changed: The properties that differ, in the engine's words.
    """

    operation: str
    urn: str
    changed: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """The resource's type token, without those of its parents."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.split("::", 3)[3]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a command of the CLI.

    Attributes:
        command: The arguments after ``pulumi``.
        code: The exit code.
        stdout: Its output, without colours.
        stderr: Its errors.
        steps: The steps in the order of their start, without those of the stack itself and of the providers.
        diagnostics: The reports of the engine, the program and the providers, each as ``severity: message``.
        seconds: How long it took.
    """

    command: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    steps: tuple[Step, ...]
    diagnostics: tuple[str, ...]
    seconds: float

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.operation not in ("same", "read", "refresh"))

    def having(self, operation: str) -> tuple[str, ...]:
        """Return the names of the resources with a step of this operation, in order."""
        return tuple(step.name for step in self.steps if step.operation == operation)

    def checked(self) -> "Result":
        """Return this result if the command succeeded.

        Raises:
            EngineError: It failed; the error holds its output.
        """
        if self.code != 0:
            raise EngineError(f"pulumi {' '.join(self.command)} exits with {self.code}:\n{self.stdout}\n{self.stderr}")
        return self


class EngineError(Exception):
    """A command of the engine failed and should not."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A stack of a program on the lab.

    The lab keeps the stack's state under the project's name. The first operation creates it.

    Attributes:
        lab: The lab to run on.
        stack: ``dev`` or ``prod``: the environment of the lab and the name of the stack.
        program: A folder with a ``Pulumi.yaml``. The engine may write into it: use a copy, see
            `lab.running.program.copy_program`.
        variables: Environment variables that differ from the lab's; another backend must be a ``file://``. If they set
            `lab.running.child.MARK` to a folder, `lab.running.child.end_marked` of that folder ends all that runs.
    """

    lab: Lab
    stack: str
    program: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def preview(self, *arguments: str) -> Result:
        """Run ``pulumi preview``."""
        return self._operate("preview", *arguments)

    def up(self, *arguments: str) -> Result:
        """Run ``pulumi up`` without a preview."""
        return self._operate("up", "--yes", "--skip-preview", *arguments)

    def refresh(self, *arguments: str) -> Result:
        """Run ``pulumi refresh`` without a preview."""
        return self._operate("refresh", "--yes", "--skip-preview", *arguments)

    def destroy(self, *arguments: str) -> Result:
        """Run ``pulumi destroy`` without a preview."""
        return self._operate("destroy", "--yes", "--skip-preview", *arguments)

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets in plain text."""
        result = self.run("stack", "output", "--json", "--show-secrets", "--stack", self.stack).checked()
        return dict(json.loads(result.stdout))

    def export(self) -> dict[str, Any]:
        """Return the stack's state as ``pulumi stack export`` writes it."""
        return dict(json.loads(self.run("stack", "export", "--stack", self.stack).checked().stdout))

    def run(self, *arguments: str, seconds: float = 20 * _MINUTES) -> Result:
        """Run the CLI with any arguments in the program's folder.

        When it returns, all that the command started has ended, even if the engine was killed.

        Raises:
            subprocess.TimeoutExpired: It took longer than ``seconds``, and was killed.
        """
        mark = f"{self.variables.get(child.MARK, self.lab.folder)}/{uuid.uuid4()}"
        # --event-log is one of the options for developers of the engine.
        own_variables = {"NO_COLOR": "1", "PULUMI_DEBUG_COMMANDS": "true", child.MARK: mark}
        with tempfile.TemporaryDirectory(dir=self.lab.folder) as own:
            log = Path(own) / "events.json"
            logged = ["--event-log", str(log)] if arguments[0] in ("preview", "up", "refresh", "destroy") else []
            command = [
                str(self.lab.toolchain.path("pulumi")),
                *arguments,
                *logged,
                "--non-interactive",
                "--color=never",
            ]
            start = time.monotonic()
            try:
                process = subprocess.run(  # noqa: S603 - the pulumi of the lab's toolchain
                    command,
                    cwd=self.program,
                    env={**self.lab.env(self.stack), **self.variables, **own_variables},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=seconds,
                    start_new_session=True,
                    check=False,
                )
            finally:
                child.end_marked(mark)
            events = [json.loads(line) for line in _lines(log)] if log.exists() else []
        return Result(
            arguments,
            process.returncode,
            process.stdout,
            process.stderr,
            tuple(_steps(events)),
            tuple(_diagnostics(events)),
            time.monotonic() - start,
        )

    @property
    def state_file(self) -> Path:
        """The path of the stack's state."""
        backend = {**self.lab.variables(self.stack), **self.variables}["PULUMI_BACKEND_URL"]
        project = str(yaml.safe_load((self.program / "Pulumi.yaml").read_text())["name"])
        return Path(urlsplit(backend).path) / ".pulumi" / "stacks" / project / f"{self.stack}.json"

    def _operate(self, *arguments: str) -> Result:
        self.make_stack()
        return self.run(*arguments, "--stack", self.stack)

    def make_stack(self) -> None:
        """Create the stack if it does not exist."""
        if not self.state_file.exists():
            self.run("stack", "init", self.stack, f"--secrets-provider={SECRETS_PROVIDER}").checked()


def _lines(log: Path) -> list[str]:
    """Return the whole lines of a log: a killed engine ends in the middle of one."""
    return log.read_text().rpartition("\n")[0].splitlines()


def _steps(events: list[dict[str, Any]]) -> Iterator[Step]:
    for event in events:
        metadata = event.get("resourcePreEvent", {}).get("metadata")
        if metadata and not metadata["type"].startswith("pulumi:"):
            yield Step(metadata["op"], metadata["urn"], tuple(metadata.get("diffs") or ()))


def _diagnostics(events: list[dict[str, Any]]) -> Iterator[str]:
    for event in events:
        diagnostic = event.get("diagnosticEvent")
        if diagnostic and not diagnostic.get("ephemeral") and diagnostic["severity"] != "debug":
            yield f"{diagnostic['severity']}: {diagnostic['message'].strip()}"
