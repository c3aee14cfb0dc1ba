"""The exit status of the command: 0 holds, 1 violated or different, 2 bad input, 70 a fault of the command itself.

Each mistake in the input is a line on stderr.
"""

import os
import sys
import traceback
from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import ParamSpec

import typer

from flash_ticket.firewall.terms.input_error import InputError, escaped, escaped_lines

Arguments = ParamSpec("Arguments")


class ExitStatus(IntEnum):
    """What the exit status means to a script."""

    HOLDS = 0
    VIOLATED = 1
    BAD_INPUT = 2
    UNFORESEEN = 70
    """A fault of the command (EX_SOFTWARE of sysexits.h)."""
    INTERRUPTED = 130
    """What a shell reports after Ctrl-C: 128 and the number of SIGINT."""
    NOT_READ = 141
    """What a shell reports if the reader of a pipe ends early: 128 and the number of SIGPIPE."""


TRACE_VARIABLE = "FLASH_FIREWALL_TRACE"
"""With this variable in the environment, a fault of the command shows where in the program it happened."""


def ends_in_status(verb: Callable[Arguments, ExitStatus]) -> Callable[Arguments, None]:
    """End the process with the status that a verb returns, and report each mistake in one line on stderr."""

    @wraps(verb)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        _open_streams()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # names may hold characters that a terminal lacks
        try:
            status = verb(*args, **kwargs)
            sys.stdout.flush()
        except InputError as error:
            sys.stderr.write("".join(f"error: {each}\n" for each in error.each))
            status = ExitStatus.BAD_INPUT
        except BrokenPipeError:  # the reader stopped early, as head does
            _discard_output()
            status = ExitStatus.NOT_READ
        except OSError as error:
            sys.stderr.write(f"error: {_unwritten(error)}\n")
            _discard_output()
            status = ExitStatus.BAD_INPUT
        except KeyboardInterrupt:
            sys.stderr.write("interrupted\n")
            status = ExitStatus.INTERRUPTED
        except Exception as error:  # noqa: BLE001 - exit 1 would mean that the proof does not hold
            sys.stderr.write(f"error: {unforeseen(error)}\n")
            status = ExitStatus.UNFORESEEN
        raise typer.Exit(status)

    return run


def _open_streams() -> None:
    """Give a process without standard streams something to write to.

    Raises:
        Exit: Nobody can read the answer, because standard output is closed.
    """
    if sys.stderr is None:  # Python starts so if the shell has closed it: 2>&-
        sys.stderr = StringIO()
    if sys.stdout is None:
        sys.stderr.write("error: standard output is closed. Open it, such as with >/dev/null.\n")
        raise typer.Exit(ExitStatus.BAD_INPUT)


def _discard_output() -> None:
    """Let the last flush of standard output succeed, which would fail like the write before it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unwritten(error: OSError) -> str:
    """Return the line for an error of the operating system: reading fails as InputError, so this is the output."""
    problem = (error.strerror or str(error)).rstrip(".")
    if error.filename is not None:
        return escaped(f"{os.fsdecode(error.filename)}: {problem}. Make it usable, or name another.")
    return escaped(f"the answer cannot be written: {problem}. Make room, or write elsewhere.")


def unforeseen(error: Exception) -> str:
    """Return the line for a fault of the command: what happened, where, and how to report it."""
    frames = traceback.extract_tb(error.__traceback__)
    if os.environ.get(TRACE_VARIABLE):
        sys.stderr.write(escaped_lines("".join(traceback.format_exception(error)).splitlines()))
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    said = " ".join(str(error).split())[:_MOST_SAID]
    return escaped(
        f"unforeseen: {type(error).__name__}{where}: {said}. This is a fault of flash-firewall, not of your input: "
        f"report it with this line and with what {TRACE_VARIABLE}=1 adds to it."
    )


_MOST_SAID = 200
