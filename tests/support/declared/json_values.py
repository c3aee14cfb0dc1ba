"""Values of any shape, and documents with such a value anywhere: unexpected content of a file."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

# More than JSON has: YAML also has dates, and mappings whose keys are not text.
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-2, 70_000),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(("", "\x00", "a\nb", "\u202e", "{problem}", "api", "8000-8010", "10.0.0.1/8", "[key]", "x" * 300)),
    st.dates(),
    st.datetimes(timezones=st.sampled_from((None, dt.UTC))),
    st.binary(max_size=3),
)
_KEYS = st.one_of(st.text(max_size=5), st.integers(-1, 3), st.booleans(), st.none(), st.floats(), st.dates())
anything = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(_KEYS, inner, max_size=3),
        st.dictionaries(st.sampled_from(("port", "protocol", "tags", "ids", "from", "to")), inner, max_size=3),
        st.sets(st.integers(), max_size=2),
    ),
    max_leaves=8,
)

Path = tuple[str | int, ...]


def paths(content: Any, here: Path = ()) -> Iterator[Path]:  # noqa: ANN401 - parsed YAML has any shape
    """Yield the path of every value, beginning with that of the whole."""
    yield here
    if isinstance(content, dict):
        for key, value in content.items():
            yield from paths(value, (*here, key))
    if isinstance(content, list):
        for index, value in enumerate(content):
            yield from paths(value, (*here, index))


def put(content: Any, path: Path, value: Any) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    """Return a copy of the content with a value at a path."""
    if not path:
        return value
    first, *rest = path
    if isinstance(content, list):
        return [put(each, tuple(rest), value) if index == first else each for index, each in enumerate(content)]
    inner = content.get(first) if isinstance(content, dict) else None
    return {**content, first: put(inner, tuple(rest), value)}


def without(content: Any, path: Path) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    """Return a copy of the content without the key at a path."""
    *parents, last = path
    inner = content
    for part in parents:
        inner = inner[part]
    kept = {key: value for key, value in inner.items() if key != last}
    return put(content, tuple(parents), kept)


@st.composite
def with_anything_anywhere(draw: st.DrawFn, content: Any) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    """Draw the content with up to two values replaced, or keys added, with any value."""
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(list(paths(content))))
        inner = content
        for part in path:
            inner = inner[part]
        if isinstance(inner, dict) and draw(st.booleans()):
            path = (*path, draw(_KEYS))
        content = put(content, path, draw(anything))
    return content
