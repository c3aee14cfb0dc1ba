"""A stack of the Pulumi CLI, and its engine as a process that an interrupt ends properly.

Of Pulumi's automation API this uses only the search for the command. The `Stack` of the API also changes the stack that
the user has selected, and runs the engine three more times after each update; its command gives no access to the
process.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TextIO

from flash_ticket.firewall.change.history import (
    VERSIONS_OUTPUT,
    StackUpdate,
    Versions,
    parse_versions,
    require_versions,
    updates_of,
)
from flash_ticket.firewall.terms.input_error import InputError

_Hearer = Callable[[str], object]
"""A function that receives each line from the engine."""


class InterruptedUpdateError(InputError):
    """An update that did not reach its end, because somebody interrupted it. What it began may be deployed.

    Attributes:
        killed: Whether the engine was killed before it could record what it has deployed.
    """

    killed: bool = False

    def after_cancel(self, remedy: str, stack: str) -> str:
        """Return a remedy behind what a killed engine needs first: it leaves the stack locked."""
        return f"Run pulumi cancel --yes --stack {stack}; then {remedy}" if self.killed else remedy


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack of the program in a folder.

    Attributes:
        folder: The folder of Pulumi.yaml.
        name: Pulumi's name of the stack: ``dev`` or ``organization/project/dev``.
    """

    folder: Path
    name: str

    def preview(self) -> None:
        """Run ``pulumi preview`` to its end and show its output.

        Raises:
            InputError: Pulumi is not installed, or the preview failed.
        """
        self._show("preview")

    def up(self, *resources: str) -> None:
        """Run ``pulumi up`` to its end, without a question, and show its output.

        Args:
            resources: The ends of the names of the resources to change. Without any, it changes all resources.

        Raises:
            InterruptedUpdateError: Somebody interrupted it, and the engine ended before it was done.
            InputError: Pulumi is not installed, or the update failed.
        """
        targets = [part for each in resources for part in ("--target", f"**{each}")]
        self._show("up", "--yes", "--skip-preview", *targets)

    def versions(self) -> Versions:
        """Return the versions that the stack has declared.

        Raises:
            InputError: Pulumi is not installed, the stack does not exist, or the stack has no record of a version.
        """
        outputs = self._ask("stack", "output", "--json", "--show-secrets")
        return require_versions(parse_versions(outputs.get(VERSIONS_OUTPUT)), self.name)

    def updates(self) -> tuple[StackUpdate, ...]:
        """Return the updates of the stack, newest first.

        Raises:
            InputError: Pulumi is not installed, or the stack does not exist.
        """
        return updates_of(self._ask("stack", "history", "--json", "--full-dates", "--page-size", "100"))

    def _show(self, verb: str, *arguments: str) -> None:
        colors = ["--color", "always"] if sys.stdout.isatty() and "NO_COLOR" not in os.environ else []
        ended = self._run([verb, *arguments, *colors], _writer(sys.stdout), _writer(sys.stderr))
        if ended.succeeded:
            return
        failed = (f"pulumi {verb}", "", "it failed", "Fix what it says above")
        if not ended.interrupts:
            raise InputError(*failed)
        interrupted = InterruptedUpdateError(*failed)
        interrupted.killed = ended.killed
        raise interrupted

    def _ask(self, *arguments: str) -> Any:  # noqa: ANN401 - parsed JSON has any shape
        answer: list[str] = []
        problem: list[str] = []
        ended = self._run([*arguments], answer.append, problem.append)
        if ended.interrupts:
            raise KeyboardInterrupt
        if ended.succeeded:
            return json.loads("\n".join(answer))
        said = " ".join(" ".join(problem).split()).removeprefix("error: ").rstrip(".")
        command = f"pulumi {' '.join(arguments[:2])}"
        raise InputError(command, self.name, said, "Fix it, such as with pulumi login")

    def _run(self, arguments: list[str], on_output: _Hearer, on_error: _Hearer) -> "_Engine":
        """Run a command to its end, and return how it ended."""
        # The import takes a second, and only the commands that run Pulumi need it.
        from pulumi.automation import InvalidVersionError, PulumiCommand  # noqa: PLC0415 - see above

        try:
            command = [PulumiCommand().command, "--non-interactive", *arguments, "--stack", self.name]
            engine = _Engine()
            with _handled(engine.interrupt):
                engine.run(command, self.folder, on_output, on_error)
        except FileNotFoundError:
            raise InputError("pulumi", "", "it is not installed", "Install the Pulumi CLI") from None
        except (OSError, subprocess.SubprocessError, InvalidVersionError) as error:
            raise InputError("pulumi", "", str(error).rstrip("."), "Install the Pulumi CLI again") from None
        return engine


_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SECONDS_TO_END = 5.0
"""How long an engine may take to end its own processes, once somebody has asked a second time."""

_TURN_SECONDS = 1.0
_WAITS = "interrupted: waiting for the engine, which ends what it has begun and records it. Ctrl-C again kills it.\n"
_KILLS = "killing the engine.\n"


@dataclass(slots=True)
class _Engine:
    """A running engine, in a process group of its own: a Ctrl-C at the terminal reaches only this program.

    The first interrupt asks the engine to end what it has begun, as Ctrl-C does in Pulumi. The second one kills it. If
    this program ends without a word, such as with its terminal, the engine goes on to its end.

    Attributes:
        process: The engine; None before its start.
        interrupts: How often somebody interrupted.
        asked: How many of the interrupts the engine knows of.
        done: Set when the engine has ended.
    """

    process: subprocess.Popen[str] | None = None
    interrupts: int = 0
    asked: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def run(self, command: list[str], folder: Path, on_output: _Hearer, on_error: _Hearer) -> None:
        """Run the engine to its end, interrupted or not, and pass on each line."""
        self.process = process = subprocess.Popen(  # noqa: S603 - Pulumi, with arguments that are not a shell's
            command,
            cwd=folder,
            env={**os.environ, "PULUMI_AUTOMATION_API": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            process_group=0,
        )
        if self.interrupts > self.asked:  # one came while it started
            self._ask(process)
        hearers = ((process.stdout, on_output), (process.stderr, on_error))
        readers = [threading.Thread(target=_hear, args=each, daemon=True) for each in hearers]
        for reader in readers:
            reader.start()
        self._wait(process)
        self.done.set()
        for reader in readers:
            reader.join(_SECONDS_TO_END)  # a process that the engine has left behind may hold its output open

    @staticmethod
    def _wait(process: subprocess.Popen[str]) -> None:
        """Wait for the end of the engine, in short turns.

        Python runs a handler between two instructions. An interrupt that comes right before a wait without an end would
        only be heard after it.
        """
        while process.returncode is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_TURN_SECONDS)

    @property
    def succeeded(self) -> bool:
        return self.process is not None and self.process.returncode == 0

    @property
    def killed(self) -> bool:
        return self.interrupts > 1 or (self.process is not None and (self.process.returncode or 0) < 0)

    def interrupt(self, _number: int, _frame: object) -> None:
        """Ask the engine to end; at the second time, kill it."""
        self.interrupts += 1
        with suppress(OSError):
            os.write(2, (_KILLS if self.killed else _WAITS).encode())
        if self.process is not None:
            self._ask(self.process)

    def _ask(self, process: subprocess.Popen[str]) -> None:
        self.asked = self.interrupts
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)  # at the second one, Pulumi ends its providers and itself
        if self.killed:
            threading.Thread(target=self._kill_if_it_lives, args=(process,), daemon=True).start()

    def _kill_if_it_lives(self, process: subprocess.Popen[str]) -> None:
        if not self.done.wait(_SECONDS_TO_END):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _hear(stream: IO[str] | None, hearer: _Hearer) -> None:
    if stream is None:
        return
    with stream:
        for line in iter(stream.readline, ""):
            hearer(line.rstrip())


def _writer(stream: TextIO) -> _Hearer:
    def write(line: str) -> None:
        with suppress(OSError, UnicodeError):  # the engine finishes its work, even if nobody can read the output
            stream.write(f"{line}\n")
            stream.flush()

    return write


@contextmanager
def _handled(handler: Callable[[int, object], object]) -> Iterator[None]:
    """Give each interrupt to a handler until the block ends."""
    asked = [each for each in _INTERRUPTS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]  # nohup
    before = {each: signal.signal(each, handler) for each in asked}
    try:
        yield
    finally:
        for each, earlier in before.items():
            signal.signal(each, earlier)
