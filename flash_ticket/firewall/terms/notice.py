"""One thing that a person should know: where and what it is, why it matters and what to do about it."""

from dataclasses import dataclass, field

from flash_ticket.firewall.terms.input_error import escaped


@dataclass(frozen=True, slots=True)
class Notice:
    """The content of a warning or a finding.

    Attributes:
        where: The settings, the step or the object.
        what: What is wrong, or what will happen.
        why: The consequence; empty if `what` already says it.
        remedy: What to do, in the imperative.
    """

    where: str
    what: str
    why: str = field(default="", kw_only=True)
    remedy: str

    def __str__(self) -> str:
        """Return one paragraph, with control and invisible characters escaped."""
        said = (self.what, self.why, self.remedy) if self.why else (self.what, self.remedy)
        return escaped(f"{self.where}: {'. '.join(said)}.")
