"""How the command ends: 0 holds, 1 violated or different, 2 bad input, said in one line."""

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
    """What the exit status tells a script."""

    HOLDS = 0
    VIOLATED = 1
    BAD_INPUT = 2


def ends_in_status(verb: Callable[Arguments, ExitStatus]) -> Callable[Arguments, None]:
    """Make a verb end the process with the status that it returns, and say bad input in one line on stderr."""

    @wraps(verb)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a terminal may know fewer characters than names do
        gc.disable()  # what a verb reads it keeps to the end; searching that for garbage doubles its time
        try:
            status = verb(*args, **kwargs)
            sys.stdout.flush()
        except InputError as error:
            sys.stderr.write(f"error: {error}\n")
            status = ExitStatus.BAD_INPUT
        except BrokenPipeError:  # the reader has enough, such as head; the command line's library ends quietly
            raise
        except OSError as error:  # what is read fails as InputError: this is the answer's way out, such as a full disk
            sys.stderr.write(f"error: the answer cannot be written: {error.strerror}. Make room, or write elsewhere.\n")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the rest shall not fail again at the end
            status = ExitStatus.BAD_INPUT
        finally:
            gc.enable()
        raise typer.Exit(status)

    return run
