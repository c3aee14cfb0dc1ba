"""Asks the user before a change that is hard to undo. A script agrees with an option."""

import sys

from flash_ticket.firewall.terms.input_error import InputError, escaped


def require_consent(question: str, *, given: bool) -> None:
    """Return if the user at the terminal says yes, or if the option ``--yes`` is set.

    Raises:
        InputError: The user gives another answer, or there is no terminal.
    """
    if given:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise InputError("--yes", "", "there is no terminal, so nobody can be asked", "Add --yes in a script")
    sys.stderr.write(f"{escaped(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise InputError("--yes", "", "nothing has been changed", "Answer y to go on")
