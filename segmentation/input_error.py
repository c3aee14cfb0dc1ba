"""The one error for input that a person can mend."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
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
        """Return one line: ``source: key: problem. remedy.``."""
        where = f"{self.source}: {self.key}" if self.key else self.source
        return f"{where}: {self.problem}. {self.remedy}."
