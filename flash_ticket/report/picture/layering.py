"""Which column of a diagram each thing belongs in, so that lines run from left to right."""

from collections.abc import Iterable, Mapping, Sequence


def columns(keys: Iterable[str], links: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return for each key a column right of all that link to it, as far as there are no cycles."""
    following: dict[str, dict[str, None]] = {key: {} for key in keys}
    called: set[str] = set()
    for source, target in links:
        following[source][target] = None
        called.add(target)
    starts = sorted(following, key=lambda key: key in called)
    found = dict.fromkeys(following, 0)
    finished = _finished_last_first(starts, following)
    place = {key: number for number, key in enumerate(finished)}
    for key in finished:
        for target in following[key]:
            if place[target] > place[key]:  # else it closes a cycle
                found[target] = max(found[target], found[key] + 1)
    return found


def _finished_last_first(starts: Sequence[str], following: Mapping[str, Iterable[str]]) -> list[str]:
    """Return every key before all that it leads to, except where a search in depth came back to where it was."""
    finished: list[str] = []
    seen: set[str] = set()
    for start in starts:
        if start in seen:
            continue
        seen.add(start)
        path = [(start, iter(following[start]))]
        while path:
            key, rest = path[-1]
            onward = next((target for target in rest if target not in seen), None)
            if onward is None:
                finished.append(key)
                path.pop()
            else:
                seen.add(onward)
                path.append((onward, iter(following[onward])))
    return finished[::-1]
