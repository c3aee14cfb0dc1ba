"""Interrupts of this process and of what it starts."""

import signal


def take_interrupts() -> None:
    """Take interrupts as in a terminal.

    A shell starts background jobs that ignore interrupts; what they start and interrupt would ignore them, too. The
    engine interrupts what runs a program, and would wait five seconds for it each time.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
