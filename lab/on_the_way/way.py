"""The verbs that change a deployed firewall, and the orders in which packets are tried during them."""

from enum import StrEnum


class Verb(StrEnum):
    """What is done to a firewall."""

    PREVIEW = "preview"
    UP = "up"
    CHANGE = "change"
    BACK = "change back"
    ROLLBACK = "rollback"
    SUSPEND = "suspend"
    RESUME = "resume"
    DESTROY = "destroy"


class Way(StrEnum):
    """How much is tried."""

    WHOLE = "whole"
    SHORT = "short"

    @property
    def interval(self) -> float:
        """How many seconds until each connection is opened again; a test leaves time to the tests beside it."""
        return 0.02 if self is Way.WHOLE else 0.05

    @property
    def verbs(self) -> tuple[Verb, ...]:
        """The verbs in their order. The first update finds an open namespace."""
        if self is Way.SHORT:
            return (Verb.UP, Verb.CHANGE, Verb.SUSPEND, Verb.RESUME, Verb.DESTROY)
        return (
            Verb.PREVIEW,
            Verb.UP,
            Verb.CHANGE,
            Verb.ROLLBACK,
            Verb.CHANGE,
            Verb.BACK,
            Verb.SUSPEND,
            Verb.RESUME,
            Verb.DESTROY,
        )
