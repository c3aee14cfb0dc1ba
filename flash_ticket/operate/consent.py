"""Asking before something that is not easily undone; a script answers with an option."""

import sys

from flash_ticket.firewall.terms.input_error import InputError, escaped


def require_consent(question: str, *, given: bool) -> None:
    """Return if the person at the terminal says yes, or the option ``--yes`` has said it.

    Raises:
        InputError: They say something else, or there is no terminal to ask at.
    """
    if given:
        return
    if not sys.stdin.isatty():
        raise InputError("--yes", "", "there is no terminal to ask at", "Add --yes where a script has decided")
    sys.stderr.write(f"{escaped(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise InputError("--yes", "", "nothing has been changed", "Answer y to go on")
