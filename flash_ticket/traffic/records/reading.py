"""How much of a log was read, and how much of it says nothing."""

from dataclasses import dataclass


@dataclass(slots=True)
class Reading:
    """Counts that add up: every line is a record that was yielded, malformed, or without traffic.

    Attributes:
        told: Lines that became records; the sum of their ``count``.
        malformed: Lines that are not understood.
        no_data: Flow-log lines NODATA: the interface was silent.
        skip_data: Flow-log lines SKIPDATA: AWS lost records.
        other: Lines that decide nothing about traffic: other messages of the agent, verdicts that are no decision.
        first_malformed: The place of the first malformed line and what is wrong with it.
    """

    told: int = 0
    malformed: int = 0
    no_data: int = 0
    skip_data: int = 0
    other: int = 0
    first_malformed: str = ""

    @property
    def read(self) -> int:
        """Lines about traffic, malformed ones among them."""
        return self.told + self.malformed

    def refuse(self, place: str, problem: str, count: int = 1) -> None:
        """Count malformed lines; the place of the first is kept.

        Args:
            place: Such as ``flows.log:17``.
            problem: What is wrong there.
            count: How many lines.
        """
        self.malformed += count
        self.first_malformed = self.first_malformed or f"{place}: {problem}"
