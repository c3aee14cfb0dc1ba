"""Asking again where AWS says that it was asked too fast."""

from collections.abc import Callable
from time import sleep
from typing import Final, TypeVar

from flash_ticket.live.aws_refusal import RefusedError

WAITS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before each further attempt: a minute in all."""

Answer = TypeVar("Answer")


def patiently(question: Callable[[], Answer]) -> Answer:
    """Return the answer, asked for again and again, each time a little later, while AWS throttles.

    Raises:
        InputError: AWS refuses for another reason, or still throttles after the last wait.
    """
    for seconds in WAITS:
        try:
            return question()
        except RefusedError as refused:
            if not refused.asks_for_patience:
                raise
        sleep(seconds)
    return question()
