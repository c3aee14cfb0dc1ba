"""What moto finds out again for every request, found out once: a request then takes half the time.

moto lists its own folder, inspects its own classes and searches all tags for every request. Nothing of that changes
while the process runs. The answers are the same, and ``tests/lab/aws_api/test_remembered.py`` compares them.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from moto import backends
from moto.core import responses, serialize, utils
from moto.core.serialize import AttributePicker, AttributePickerContext, XFormedAttributePicker
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

if TYPE_CHECKING:
    from botocore.model import Shape

Keys = Callable[[AttributePicker, AttributePickerContext], Iterator[str]]

_SERIALIZING: Any = serialize
_CONSTANT: tuple[tuple[Any, str], ...] = (
    (backends, "list_of_moto_modules"),
    (responses, "method_names_from_class"),
    (utils, "create_loader"),
    (_SERIALIZING.xmltodict, "_validate_name"),
)
"""Functions whose answer depends on nothing but their arguments."""

_PICKERS = (AttributePicker, XFormedAttributePicker)


@cache
def remember() -> None:
    """Make moto in this process remember what it knows already, and start without the images of machines."""
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # a firewall starts no machine
    for owner, name in _CONSTANT:
        setattr(owner, name, remembered(getattr(owner, name)))
    replaced: tuple[tuple[Any, str, Any], ...] = (
        (TaggedEC2Resource, "get_tags", tags_of),
        *((each, "get_possible_keys", known_keys(each.get_possible_keys)) for each in _PICKERS),
    )
    for owner, name, made in replaced:
        setattr(owner, name, made)


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with the same answers, each found once; what is an iterator at first is a tuple."""

    @cache
    def found(*arguments: object) -> object:
        answer = function(*arguments)
        return tuple(answer) if isinstance(answer, Iterator) else answer

    return found


def tags_of(resource: TaggedEC2Resource) -> list[dict[str, str]]:
    """Return the tags of one resource of EC2, without a look at those of all others."""
    found: Any = resource
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(found.id), "") if found.id else ""
    return [
        {"resource_id": found.id, "key": key, "value": value, "resource_type": kind}
        for key, value in (found.ec2_backend.tags.get(found.id, {}).items() if found.id else ())
    ]


def known_keys(keys: Keys) -> Keys:
    """Return a function that finds once under which names a field of an answer can be in an object of some class."""
    known: dict[object, tuple[Shape, tuple[str, ...]]] = {}  # with the shape, so that no other gets its id

    def found(picker: AttributePicker, context: AttributePickerContext) -> Iterator[str]:
        place = (tuple(picker.alias_providers), type(context.obj), id(context.shape), context.key)
        if place not in known:
            known[place] = (context.shape, tuple(dict.fromkeys(keys(picker, context))))
        return iter(known[place][1])

    return found
