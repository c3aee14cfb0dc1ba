"""Before a change that is hard to undo, somebody must agree: at the terminal or with an option."""

import io

import pytest

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.operate.consent import require_consent


class Terminal(io.StringIO):
    """A terminal where somebody types."""

    def isatty(self) -> bool:
        """Return that this is a terminal."""
        return True


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(text))


@pytest.mark.parametrize("answer", ["y\n", "yes\n", " Y \n"])
def test_yes_at_the_terminal_continues(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, answer)

    require_consent("Open everything?", given=False)


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yess\n", "what?\n"])
def test_anything_else_changes_nothing(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, answer)

    with pytest.raises(InputError, match="nothing has been changed"):
        require_consent("Open everything?", given=False)


def test_the_question_goes_to_stderr_so_that_stdout_can_be_piped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "y\n")
    require_consent("Open everything?", given=False)

    assert capsys.readouterr() == ("", "Open everything? [y/N] ")


def test_the_option_skips_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())

    require_consent("Open everything?", given=True)
