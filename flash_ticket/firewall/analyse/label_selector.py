"""Label selectors in one canonical form, and an index of labels (Kubernetes API, meta/v1 LabelSelector)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from enum import StrEnum
from functools import lru_cache

from flash_ticket.firewall.analyse.manifests import fields as field
from flash_ticket.firewall.analyse.manifests.fields import FieldPath


class Operator(StrEnum):
    """How a requirement compares a label with its values."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True, order=True)
class Requirement:
    """One condition on one label.

    Attributes:
        key: The label's key.
        operator: How to compare. ``NotIn`` also holds if the label is missing.
        values: Sorted and distinct; empty for Exists and DoesNotExist.
    """

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet the condition."""
        value = labels.get(self.key)
        match self.operator:
            case Operator.IN:
                return value in self.values
            case Operator.NOT_IN:
                return value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector matches if all its requirements hold; without requirements it matches everything.

    Attributes:
        requirements: Sorted and distinct, so that equivalent selectors compare equal.
    """

    requirements: tuple[Requirement, ...] = ()
    _hash: int = dataclass_field(init=False, repr=False, compare=False)  # used often, and expensive to compute

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(self.requirements))

    def __hash__(self) -> int:
        return self._hash

    @staticmethod
    def of(labels: Mapping[str, str]) -> "Selector":
        """Return the selector of exactly these labels (``matchLabels``)."""
        return _of_labels(tuple(sorted(labels.items())))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet every requirement."""
        return all(requirement.holds(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        """Return the selector as kubectl writes it: ``app=api,tier in (a,b),!legacy``."""
        return ",".join(map(_written, self.requirements)) or "everything"


EVERYTHING = Selector()


@lru_cache(maxsize=1 << 16)
def _of_labels(pairs: tuple[tuple[str, str], ...]) -> Selector:
    return Selector(tuple(Requirement(key, Operator.IN, (value,)) for key, value in pairs))


def _written(requirement: Requirement) -> str:
    values = f"({','.join(requirement.values)})"
    match requirement.operator:
        case Operator.IN if len(requirement.values) == 1:
            return f"{requirement.key}={requirement.values[0]}"
        case Operator.IN:
            return f"{requirement.key} in {values}"
        case Operator.NOT_IN:
            return f"{requirement.key} notin {values}"
        case Operator.EXISTS:
            return requirement.key
        case Operator.DOES_NOT_EXIST:
            return f"!{requirement.key}"


def read_selector(raw: object, path: str, place: FieldPath) -> Selector:
    """Return the selector in a field; a null or empty selector matches everything.

    Raises:
        InputError: A field has the wrong type, an operator is unknown, or the values do not fit the operator.
    """
    body = field.mapping(raw, path, place)
    field.only(body, ("matchLabels", "matchExpressions"), path, place)
    labels = field.strings(body.get("matchLabels"), f"{path}.matchLabels", place)
    if "matchExpressions" not in body:
        return Selector.of(labels)
    found = set(Selector.of(labels).requirements)
    expressions = field.mappings(body["matchExpressions"], f"{path}.matchExpressions", place)
    found.update(_requirement(expression, at, place) for at, expression in expressions)
    return Selector(tuple(sorted(found)))


def _requirement(raw: Mapping[str, object], path: str, place: FieldPath) -> Requirement:
    key = field.text(raw.get("key"), f"{path}.key", place)
    written = field.text(raw.get("operator"), f"{path}.operator", place)
    try:
        operator = Operator(written)
    except ValueError:
        place.fail(f"{path}.operator", f"unknown operator {written!r}", f"Use one of {', '.join(Operator)}")
    values = tuple(
        sorted(
            {
                field.text(value, f"{path}.values[{index}]", place)
                for index, value in enumerate(field.items(raw.get("values"), f"{path}.values", place))
            }
        )
    )
    takes_values = operator in (Operator.IN, Operator.NOT_IN)
    if takes_values != bool(values):
        place.fail(
            f"{path}.values",
            f"{operator} with {'no values' if takes_values else 'values'}",
            "Give it at least one value" if takes_values else "Remove the values",
        )
    return Requirement(key, operator, values)


class LabelIndex:
    """Finds labelled things by selector, in time proportional to the rarest label of the selector."""

    __slots__ = ("_all", "_by_key", "_by_pair", "_found", "_labels")

    def __init__(self, things: Sequence[int], labels: Sequence[Mapping[str, str]]) -> None:
        """Index things.

        Args:
            things: Numbers of things, ascending.
            labels: The labels of all things; ``labels[n]`` are those of thing ``n``.
        """
        self._all = tuple(things)
        self._labels = labels
        self._by_pair: dict[tuple[str, str], list[int]] = {}
        self._by_key: dict[str, list[int]] = {}
        self._found: dict[Selector, tuple[int, ...]] = {}
        for thing in things:
            for pair in labels[thing].items():
                self._by_pair.setdefault(pair, []).append(thing)
                self._by_key.setdefault(pair[0], []).append(thing)

    def matching(self, selector: Selector) -> tuple[int, ...]:
        """Return the numbers of the things that a selector matches, ascending."""
        if not selector.requirements:
            return self._all
        found = self._found.get(selector)
        if found is None:
            found = self._found[selector] = self._look(selector.requirements)
        return found

    def _look(self, requirements: tuple[Requirement, ...]) -> tuple[int, ...]:
        rarest: list[int] | None = None
        for requirement in requirements:
            candidates = self._candidates(requirement)
            if candidates is not None and (rarest is None or len(candidates) < len(rarest)):
                rarest = candidates
        labels = self._labels
        return tuple(
            thing
            for thing in (self._all if rarest is None else rarest)
            if all(requirement.holds(labels[thing]) for requirement in requirements)
        )

    def _candidates(self, requirement: Requirement) -> list[int] | None:
        """Return the things that can meet a requirement; None if every thing can."""
        if requirement.operator is Operator.EXISTS:
            return self._by_key.get(requirement.key, [])
        if requirement.operator is not Operator.IN:
            return None
        lists = [self._by_pair.get((requirement.key, value), []) for value in requirement.values]
        return lists[0] if len(lists) == 1 else sorted(thing for each in lists for thing in each)
