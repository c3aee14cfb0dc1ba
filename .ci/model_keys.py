"""The keys of the files that people write, read from their models: type, default, words and an example for each."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"

_CODE = re.compile(r"``(.+?)``")


@cache
def words_of(kind: type) -> dict[str, str]:
    """Return the docstrings below the attributes of a class, by attribute."""
    module = ast.parse(Path(inspect.getfile(kind)).read_text(encoding="utf-8"))
    body = next(each for each in ast.walk(module) if isinstance(each, ast.ClassDef) and each.name == kind.__name__).body
    found = {}
    for attribute, below in pairwise(body):
        target = attribute.target if isinstance(attribute, ast.AnnAssign) else getattr(attribute, "targets", [None])[0]
        if isinstance(target, ast.Name) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[target.id] = _CODE.sub(r"`\1`", inspect.cleandoc(str(below.value.value)).replace("\n", " "))
    return found


def kinds_in(annotation: object) -> Iterator[type]:
    """Yield the classes that an annotation names, through lists, maps, optionals and metadata."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    arguments = get_args(annotation)
    for each in arguments[:1] if get_origin(annotation) is Annotated else arguments:
        yield from kinds_in(each)


def models_in(annotation: object) -> list[type[BaseModel]]:
    """Return the models that an annotation names."""
    return [each for each in kinds_in(annotation) if issubclass(each, BaseModel)]


def _step(annotation: object) -> str:
    """Return what a path shows between a key and the keys below it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return ".<name>" + _step(arguments[1])
    if origin is list:
        return "[]" + _step(arguments[0])
    if origin is Annotated:
        return _step(arguments[0])
    if origin in (Union, UnionType):
        return next((step for each in arguments if (step := _step(each))), "")
    return ""


@dataclass(frozen=True)
class Key:
    """One key of a model.

    Attributes:
        name: The key, as people write it.
        words: What it says.
        schema: Its part of the JSON schema.
        model: The model of what stands below it, if it has keys of its own.
        choices: What each choice means, if it is a closed choice.
        is_needed: Whether the key must be there.
        examples: Values that people can write.
    """

    name: str
    words: str
    schema: dict[str, Any]
    model: type[BaseModel] | None
    choices: dict[str, str]
    is_needed: bool
    examples: list[object] = field(default_factory=list)


@dataclass(frozen=True)
class Section:
    """A model, and the places where a file has it; empty for the file itself."""

    model: type[BaseModel]
    places: list[str]
    keys: dict[str, Key]


class FileKeys:
    """All sections of a file, in the order in which they are written."""

    def __init__(self, root: type[BaseModel]) -> None:
        self.schema = {"$schema": JSON_SCHEMA, **root.model_json_schema(by_alias=True)}
        self.sections: dict[type[BaseModel], Section] = {}
        self._add(root, "")
        for model, section in self.sections.items():
            described = self.schema_of(model)["properties"]
            for name, key in section.keys.items():
                described[name]["description"] = key.words

    def schema_of(self, model: type[BaseModel]) -> dict[str, Any]:
        """Return the part of the JSON schema that describes a model."""
        found: dict[str, Any] = self.schema["$defs"].get(model.__name__, self.schema)
        return found

    def _add(self, model: type[BaseModel], place: str) -> None:
        if model in self.sections:
            self.sections[model].places.append(place)
            return
        section = self.sections[model] = Section(model, [place], {})
        schema, words = self.schema_of(model), words_of(model)
        for attribute, info in model.model_fields.items():
            name, models = info.alias or attribute, models_in(info.annotation)
            choices = {
                str(member.value): words_of(each).get(member.name, "")
                for each in kinds_in(info.annotation)
                if issubclass(each, Enum)
                for member in each
            }
            part = schema["properties"][name]
            section.keys[name] = Key(
                name, words.get(attribute, ""), part, models[0] if models else None, choices, info.is_required()
            )
            below = f"{place}.{name}" if place else name
            for each in models:
                self._add(each, below + _step(info.annotation))

    def learn(self, model: type[BaseModel], content: object) -> None:
        """Take examples from a part of a file."""
        for name, value in content.items() if isinstance(content, dict) else ():
            for attribute, info in model.model_fields.items():
                if name == (info.alias or attribute):
                    self.sections[model].keys[name].examples.append(value)
                    self._learn(info.annotation, value)

    def _learn(self, annotation: object, value: object) -> None:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if isinstance(annotation, type) and annotation in self.sections:
            self.learn(annotation, value)
        elif origin is dict and isinstance(value, dict):
            for each in value.values():
                self._learn(arguments[1], each)
        elif origin is list and isinstance(value, list):
            for each in value:
                self._learn(arguments[0], each)
        elif origin is Annotated:
            self._learn(arguments[0], value)
        elif origin in (Union, UnionType):
            for each in arguments:
                self._learn(each, value)
