"""The one error for input that a person can mend."""

from dataclasses import dataclass

from flash_ticket.firewall.terms.escape import escaped


# Not frozen: Python itself sets an exception's traceback where it passes a context manager.
@dataclass(slots=True, eq=False)
class InputError(Exception):
    """Bad input, told as where it stands, what is wrong and what to do.

    Attributes:
        source: The file (or account, or cluster) that holds the mistake, as the user names it.
        key: The path within the source, dotted: ``flows[2].to``. Empty when the whole source is meant.
        problem: What is wrong, with the offending value.
        remedy: What to write instead, in the imperative.
    """

    source: str
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """Return one line: ``source: key: problem. remedy.``; what would break or hide the line is escaped."""
        where = f"{self.source}: {self.key}" if self.key else self.source
        return escaped(f"{where}: {self.problem}. {self.remedy}.")


_YAML_WORDS = {None: "null", True: "true", False: "false"}
_SHOWN_LENGTH = 60


def shown(value: object) -> str:
    """Return a user's value for an error's words: short, and as it was written where that is known."""
    if value is None or isinstance(value, bool):
        return _YAML_WORDS[value]
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits
        text = "a value too long to show"
    half = _SHOWN_LENGTH // 2 - 2
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:half]}...{text[-half:]}"
