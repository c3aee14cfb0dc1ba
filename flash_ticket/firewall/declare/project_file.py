"""What Pulumi.yaml says about the configuration of stacks: values for all of them, and where their files are."""

from pathlib import Path
from typing import Any

from flash_ticket.firewall.declare.yaml_document import AS_THE_ENGINE, read_document
from flash_ticket.firewall.terms.input_error import InputError

PROJECT_FILE = "Pulumi.yaml"

_SCHEMA_KEYS = {"type", "items", "description", "secret", "default", "value"}


def settings_folder(folder: Path) -> Path:
    """Return the folder of the stacks' settings files: the project's, unless ``stackConfigDir`` names another.

    Raises:
        InputError: Pulumi.yaml cannot be read.
    """
    named = _content(folder).get("stackConfigDir")
    return folder / named if isinstance(named, str) else folder


def project_settings(folder: Path) -> dict[str, Any]:
    """Return what Pulumi.yaml sets for every stack that does not set it itself, by full keys such as ``aws:region``.

    Raises:
        InputError: Pulumi.yaml cannot be read.
    """
    content = _content(folder)
    config, found = content.get("config"), dict[str, Any]()
    for key, entry in config.items() if isinstance(config, dict) else ():
        full = key if ":" in key else f"{content.get('name')}:{key}"
        value = entry
        if isinstance(entry, dict) and entry.keys() <= _SCHEMA_KEYS:
            value = entry.get("default", entry.get("value"))
        if value not in (None, {}, []):  # an empty default only says that the key may be missing
            found[full] = value
    return found


def _content(folder: Path) -> dict[str, Any]:
    path = folder / PROJECT_FILE
    content = read_document(path, AS_THE_ENGINE) if path.exists() else {}
    if not isinstance(content, dict):
        raise InputError(path.name, "", "it is not a set of keys with values", "Write it as Pulumi does, with a name")
    return content
