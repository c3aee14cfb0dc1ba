"""Which way a connection is opened."""

from enum import StrEnum


class Direction(StrEnum):
    """The way seen from the pods or interfaces that a rule governs: egress at the source, ingress at the other end."""

    INGRESS = "ingress"
    EGRESS = "egress"

    @property
    def policy_type(self) -> str:
        """The word for it in the policyTypes of a NetworkPolicy."""
        return self.value.capitalize()
