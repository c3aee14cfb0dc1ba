"""The exit status of the command: 0 holds, 1 violated or different, 2 bad input.

Each mistake in the input is a line on stderr.
"""

import gc
import os
import sys
from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from io import TextIOWrapper
from typing import ParamSpec

import typer

from flash_ticket.firewall.terms.input_error import InputError

Arguments = ParamSpec("Arguments")


class ExitStatus(IntEnum):
    """What the exit status means to a script."""

    HOLDS = 0
    VIOLATED = 1
    BAD_INPUT = 2


def ends_in_status(verb: Callable[Arguments, ExitStatus]) -> Callable[Arguments, None]:
    """End the process with the status that a verb returns, and report each mistake in one line on stderr."""

    @wraps(verb)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # names may hold characters that a terminal lacks
        gc.disable()  # a verb keeps all that it reads; searching that for garbage doubles its time
        try:
            status = verb(*args, **kwargs)
            sys.stdout.flush()
        except InputError as error:
            sys.stderr.write("".join(f"error: {each}\n" for each in error.each))
            status = ExitStatus.BAD_INPUT
        except BrokenPipeError:  # the reader stopped early, as head does; Typer ends quietly
            raise
        except OSError as error:  # reading fails as InputError; this is the output, such as on a full disk
            sys.stderr.write(f"error: the answer cannot be written: {error.strerror}. Make room, or write elsewhere.\n")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the last flush does not fail too
            status = ExitStatus.BAD_INPUT
        finally:
            gc.enable()
        raise typer.Exit(status)

    return run
