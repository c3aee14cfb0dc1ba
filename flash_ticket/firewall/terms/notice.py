"""One thing that a person should know: where it is, what it is, why it matters and what to do about it."""

from dataclasses import dataclass, field

from flash_ticket.firewall.terms.input_error import escaped


@dataclass(frozen=True, slots=True)
class Notice:
    """What a warning or a finding says.

    Attributes:
        where: The settings, the step or the object it is about.
        what: What is so, or what will happen.
        why: What follows from it. Empty where `what` says that already.
        remedy: What to run or to do, in the imperative.
    """

    where: str
    what: str
    why: str = field(default="", kw_only=True)
    remedy: str

    def __str__(self) -> str:
        """Return one paragraph, harmless to show."""
        said = (self.what, self.why, self.remedy) if self.why else (self.what, self.remedy)
        return escaped(f"{self.where}: {'. '.join(said)}.")
