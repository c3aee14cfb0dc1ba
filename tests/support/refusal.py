"""The one error of a question that is refused."""

from collections.abc import Callable

import pytest

from flash_ticket.firewall.terms.input_error import InputError


def refusal(question: Callable[[], object]) -> str:
    """Return the error as the user sees it."""
    with pytest.raises(InputError) as refused:
        question()
    return str(refused.value)
