"""One Kubernetes object as it was written."""

from typing import NamedTuple


class Manifest(NamedTuple):
    """One Kubernetes object, as written.

    Attributes:
        source: The path of its file, relative as on the command line; ``memory`` for an object without a file.
        place: The position in the file: ``line 12``, ``items[3]``; empty for a whole JSON file.
        body: The object.
    """

    source: str
    place: str
    body: dict[str, object]
