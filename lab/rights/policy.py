"""An IAM policy, and whether it allows what a call needs.

It imitates how AWS evaluates one identity-based policy (IAM User Guide, "Policy evaluation logic" and "IAM JSON policy
elements: Condition operators"). It knows only what the policies in ``docs/`` use, and refuses to read anything else.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_KEYS = {"Sid", "Effect", "Action", "Resource", "Condition"}


@dataclass(frozen=True, slots=True)
class Need:
    """One right that a call needs; a call can need several.

    Attributes:
        action: Such as ``ec2:CreateTags``.
        resource: The ARN of the resource; ``*`` for an action without resources.
        facts: The condition keys that AWS fills in for this action and resource, with their values.
    """

    action: str
    resource: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that allows something.

    Attributes:
        name: Its ``Sid``.
        actions: The actions, without wildcards.
        resources: The patterns of resources.
        conditions: For each condition key, its patterns; all keys must match.
    """

    name: str
    actions: frozenset[str]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, tuple[str, ...]], ...]

    def allows(self, need: Need) -> bool:
        """Return whether this statement alone allows it. A condition key that AWS does not fill in matches nothing."""
        facts = dict(need.facts)
        return (
            need.action in self.actions
            and any(_matches(pattern, need.resource) for pattern in self.resources)
            and all(
                key in facts and any(_matches(pattern, facts[key]) for pattern in patterns)
                for key, patterns in self.conditions
            )
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """An identity-based policy: it allows what one of its statements allows."""

    statements: tuple[Statement, ...]

    @classmethod
    def read(cls, text: str) -> "Policy":
        """Read a policy document.

        Raises:
            ValueError: It uses something that this module does not know.
        """
        return cls(tuple(map(_statement, json.loads(text)["Statement"])))

    @property
    def actions(self) -> frozenset[str]:
        """All actions that it names."""
        return frozenset(action for each in self.statements for action in each.actions)

    def allows(self, need: Need) -> bool:
        """Return whether it allows what a call needs."""
        return any(each.allows(need) for each in self.statements)

    def without(self, action: str) -> "Policy":
        """Return the policy without one action."""
        return Policy(
            tuple(
                Statement(each.name, each.actions - {action}, each.resources, each.conditions)
                for each in self.statements
            )
        )

    def without_statements(self, *names: str) -> "Policy":
        """Return the policy without some of its statements."""
        return Policy(tuple(each for each in self.statements if each.name not in names))


def _statement(entry: Mapping[str, Any]) -> Statement:
    if entry["Effect"] != "Allow" or not set(entry) <= _KEYS:
        raise ValueError(f"{entry.get('Sid')}: not a plain statement that allows something")
    actions = frozenset(_listed(entry["Action"]))
    if any("*" in action for action in actions):
        raise ValueError(f"{entry.get('Sid')}: a wildcard stands for actions that were not tried")
    conditions = []
    for operator, asked in entry.get("Condition", {}).items():
        if operator not in {"StringEquals", "StringLike", "ArnEquals"}:
            raise ValueError(f"{entry.get('Sid')}: {operator} is unknown here")
        conditions += [(key, tuple(_listed(values))) for key, values in asked.items()]
    return Statement(entry["Sid"], actions, tuple(_listed(entry["Resource"])), tuple(conditions))


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _matches(pattern: str, value: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value) is not None
