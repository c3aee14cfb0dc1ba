"""A stand-in for the folder of a Pulumi program, so that the engine never writes into the real one.

The engine writes a stack's encryption salt into the stack's settings file.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from flash_ticket.firewall.declare.binding import BINDING_KEY
from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.operate.declared_project import imitate


def copy_program(source: Path, target: Path, changed: Mapping[str, str] | None = None) -> Path:
    """Make ``target`` a copy of the program in ``source``, and return it.

    Args:
        source: A folder with a ``Pulumi.yaml``.
        target: A folder that does not exist.
        changed: New contents for files of the top folder, such as ``traffic.yaml``, by file name.
    """
    target.mkdir(parents=True)
    imitate(source, target)
    for name, text in (changed or {}).items():
        (target / name).write_text(text)
    return target


def with_cilium(source: Path, stack: str) -> dict[str, str]:
    """Return a stack's settings file of the program in ``source``, changed for a cluster with Cilium, by its name."""
    name = f"Pulumi.{stack}.yaml"
    settings = yaml.safe_load((source / name).read_text())
    settings["config"][BINDING_KEY]["cluster"]["cni"] = {"name": CniName.CILIUM.value}
    return {name: yaml.safe_dump(settings, sort_keys=False)}


def link_program(source: Path, target: Path) -> Path:
    """Make ``target`` a folder that links to the program in ``source``, and return it. Only settings are copied."""

    def place(entry: Path, link: Path) -> None:
        if entry.name.startswith("Pulumi."):
            shutil.copy(entry, link)
        else:
            link.symlink_to(entry.resolve())

    target.mkdir(parents=True)
    imitate(source, target, place)
    return target
