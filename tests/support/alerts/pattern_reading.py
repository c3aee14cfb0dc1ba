"""A second, naive reader of CloudWatch's filter patterns, as its user guide explains them.

In space-delimited log events, a pattern in brackets names every word, with ``=`` and ``*`` at either end, ``>=``,
``<=``, ``||`` and ``&&``. In unstructured events, every quoted phrase must occur.
"""

import fnmatch
import re

_CONDITION = re.compile(r'(?P<word>\w+)(?P<operator>=|>=|<=)"?(?P<value>[^"]*)"?')


def matches(pattern: str, line: str) -> bool:
    """Return whether a pattern matches a line."""
    if not pattern.startswith("["):
        return all(phrase in line for phrase in re.findall(r'"([^"]*)"', pattern))
    conditions, words = pattern[1:-1].split(", "), line.split(" ")
    return len(conditions) == len(words) and all(map(_holds, conditions, words))


def _holds(condition: str, word: str) -> bool:
    alternatives = condition.split(" || ")
    if len(alternatives) > 1:
        return any(_holds(alternative, word) for alternative in alternatives)
    parts = condition.split(" && ")
    if len(parts) > 1:
        return all(_holds(part, word) for part in parts)
    found = _CONDITION.fullmatch(condition)
    if not found:
        assert re.fullmatch(r"\w+", condition), condition
        return True
    value = found["value"]
    match found["operator"]:
        case ">=":
            return word.isdigit() and int(word) >= int(value)
        case "<=":
            return word.isdigit() and int(word) <= int(value)
        case _:
            return fnmatch.fnmatchcase(word, value)
