"""Which layers of a declaration are put in force; apart, so that the command line reads it without the product."""

from enum import StrEnum


class Layers(StrEnum):
    """Which layers of a declaration are put in force."""

    POD = "pod"
    BOTH = "both"
