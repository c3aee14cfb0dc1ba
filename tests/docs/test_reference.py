"""The JSON schemas and the reference are what the code says, and each key has words and an example that is valid."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
import yaml

from flash_ticket.firewall.declare.binding import BINDING_KEY, Binding
from flash_ticket.firewall.declare.traffic_file import TrafficFile
from flash_ticket.firewall.declare.validation import validated
from tests.support.docs.pages import ROOT

AGAIN = "run make reference, and commit what it writes"
WHOLE = "Binding"
"""Parts of it in the examples are keys alone: the projects hold whole bindings."""


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """Return the program beside the package that writes them."""
    sys.path.insert(0, str(ROOT / ".ci"))
    try:
        return importlib.import_module("reference")
    finally:
        sys.path.remove(str(ROOT / ".ci"))


def test_each_schema_and_page_is_as_the_code_says(reference: ModuleType) -> None:
    for name, text in reference.generated().items():
        path = ROOT / name
        assert path.exists(), AGAIN
        assert path.read_text(encoding="utf-8") == text, f"{name} is stale: {AGAIN}"


@pytest.mark.parametrize("root", [TrafficFile, Binding], ids=lambda each: each.__name__)
def test_each_key_has_words_and_an_example(reference: ModuleType, root: type) -> None:
    keys = reference.keys_of(root)
    named = [(model.__name__, key) for model, section in keys.sections.items() for key in section.keys.values()]

    assert [f"{model}: {key.name}" for model, key in named if not key.words] == [], "write a docstring below the field"
    assert [f"{model}: {key.name}" for model, key in named if not key.examples] == [], (
        f"add one to {reference.EXAMPLES}"
    )


def test_each_example_is_valid(reference: ModuleType) -> None:
    models = {model.__name__: model for root in (TrafficFile, Binding) for model in reference.keys_of(root).sections}
    whole = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["config"][BINDING_KEY]
    for name, parts in yaml.safe_load(reference.EXAMPLES.read_text(encoding="utf-8")).items():
        for part in parts:
            validated(models[name], {**whole, **part} if name == WHOLE else part, name)


@pytest.fixture(scope="module")
def settings_schema(reference: ModuleType) -> jsonschema.Draft202012Validator:
    """The schema of the settings files, as the code says it."""
    return jsonschema.Draft202012Validator(yaml.safe_load(reference.generated()["binding.schema.json"]))


SETTINGS = [*sorted(ROOT.glob("Pulumi.*.yaml")), *sorted((ROOT / "examples").glob("*/Pulumi.*.yaml"))]


@pytest.mark.parametrize("path", SETTINGS, ids=lambda each: str(each.relative_to(ROOT)))
def test_a_settings_file_names_its_schema_and_keeps_to_it(
    settings_schema: jsonschema.Draft202012Validator, path: Path
) -> None:
    text = path.read_text(encoding="utf-8")
    schema = "../" * (len(path.relative_to(ROOT).parts) - 1) or "./"
    assert text.startswith(f"# yaml-language-server: $schema={schema}binding.schema.json\n")

    content = yaml.safe_load(text)
    settings_schema.validate(content)
    content["config"][BINDING_KEY]["vcp"] = {}
    assert not settings_schema.is_valid(content)


def test_the_schema_refuses_an_unknown_key_of_the_project(settings_schema: jsonschema.Draft202012Validator) -> None:
    assert settings_schema.is_valid({"config": {"aws:region": "eu-west-1", "datadog:site": "eu"}})
    assert not settings_schema.is_valid({"config": {"flash-ticket-firewall:bindings": {}}})
