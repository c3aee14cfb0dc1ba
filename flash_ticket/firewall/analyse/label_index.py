"""Finding what a selector matches without looking at everything."""

from collections.abc import Mapping, Sequence

from flash_ticket.firewall.analyse.label_selector import Operator, Requirement, Selector


class LabelIndex:
    """Labelled things, found by selector in time proportional to the rarest label that the selector asks for."""

    __slots__ = ("_all", "_by_key", "_by_pair", "_found", "_labels")

    def __init__(self, things: Sequence[int], labels: Sequence[Mapping[str, str]]) -> None:
        """Index things.

        Args:
            things: Numbers of things, ascending.
            labels: The labels of every thing there is; those of thing ``n`` are ``labels[n]``.
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
        """Return all that could meet a requirement, None when that is everything."""
        if requirement.operator is Operator.EXISTS:
            return self._by_key.get(requirement.key, [])
        if requirement.operator is not Operator.IN:
            return None
        lists = [self._by_pair.get((requirement.key, value), []) for value in requirement.values]
        return lists[0] if len(lists) == 1 else sorted(thing for each in lists for thing in each)
