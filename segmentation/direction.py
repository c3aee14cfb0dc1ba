"""Which way a connection is opened."""

from enum import StrEnum


class Direction(StrEnum):
    """The way seen from the pods or interfaces that a rule protects."""

    INGRESS = "ingress"
    EGRESS = "egress"
