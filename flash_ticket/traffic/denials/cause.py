"""A likely cause of a denial, and how to remove it."""

from dataclasses import dataclass
from enum import StrEnum


class Suspect(StrEnum):
    """What a cause blames."""

    NO_POLICY = "not a policy"
    NOT_ENFORCED_YET = "not enforced yet"
    COMPILED = "the compiled firewall"
    DRIFT = "drifted or missing"
    OVERRULED = "overruled"
    MISSING_GROUP = "missing group"
    OUTSIDE = "outside of its subnets"
    REJECT_REASON = "AWS's reason"
    NETWORK_ACL = "network ACL"
    LABELS = "labels"
    PORT = "port"
    UNKNOWN = "not known from here"


@dataclass(frozen=True, slots=True)
class Cause:
    """A likely cause.

    Attributes:
        problem: The cause in words, with the names involved.
        remedy: What to do, in the imperative.
    """

    suspect: Suspect
    problem: str
    remedy: str
