"""Looking again and again until Ctrl-C."""

import gc
import sys
import time
from collections.abc import Callable

from flash_ticket.firewall.terms.input_error import InputError


def follow(look: Callable[[], None], pause: float) -> None:
    """Look, pause, and look again, until the user interrupts it. A look that fails later than the first is said.

    Args:
        look: Tells what is new.
        pause: Seconds between the end of a look and the next one.

    Raises:
        InputError: The first look failed.
    """
    gc.enable()  # this goes on for days: what a verb keeps to its end may not heap up here
    try:
        look()
        while True:
            sys.stdout.flush()
            time.sleep(pause)
            try:
                look()
            except InputError as error:
                sys.stderr.write(f"note: {error} Looking again in {pause:g} s.\n")
    except KeyboardInterrupt:
        return
