"""The project's own firewall, read and compiled from its files alone, without AWS and without a cluster."""

from datetime import datetime
from pathlib import Path
from typing import Any

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.bind.symbolic_account import SymbolicAccount
from flash_ticket.firewall.compile.quota import refuse_excess
from flash_ticket.firewall.declare.binding import BINDING_KEY, parse_binding, stack_file
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED, SUSPENSIONS_KEY, parse_suspensions
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.declare.yaml_document import read_document
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError

MATRIX_FILE = "traffic.yaml"


def read_project(folder: Path, stack: str, at: datetime | None = None) -> CompiledFirewall:
    """Return a stack's firewall with symbolic places: real names, invented addresses.

    Args:
        folder: Where traffic.yaml and Pulumi.<stack>.yaml are.
        stack: Such as ``dev``; of Pulumi's full name (``organization/project/dev``) the last part counts.
        at: The present, by which a suspension is open or over; without it the firewall is as declared.

    Raises:
        InputError: With the file, the key and the remedy of the first mistake.
    """
    stack = stack.rpartition("/")[2]
    matrix = read_matrix(folder / MATRIX_FILE)
    content = read_settings(folder, stack)
    account = SymbolicAccount(str(content.get("aws:region", "")))
    environment = bind(matrix, parse_binding(content[BINDING_KEY], stack), stack, account)
    listed = parse_suspensions(content.get(SUSPENSIONS_KEY), stack, at) if at else NONE_SUSPENDED
    firewall = compile_firewall(matrix, environment, listed)
    refuse_excess(firewall.vpc, firewall.environment)
    return firewall


def read_settings(folder: Path, stack: str) -> dict[str, Any]:
    """Return what stands under ``config`` in Pulumi.<stack>.yaml, by full keys such as ``aws:region``.

    Raises:
        InputError: The file cannot be read, or it holds no binding.
    """
    path = folder / stack_file(stack)
    settings = read_document(path)
    content = settings.get("config") if isinstance(settings, dict) else None
    if not isinstance(content, dict) or BINDING_KEY not in content:
        raise InputError(path.name, f"config.{BINDING_KEY}", "this key is missing", "Add it as in Pulumi.dev.yaml")
    return content


def stacks(folder: Path) -> tuple[str, ...]:
    """Return the stacks that have a settings file in a folder, sorted.

    Raises:
        InputError: There is none.
    """
    prefix, suffix = stack_file("*").split("*")
    found = tuple(sorted(path.name.removeprefix(prefix).removesuffix(suffix) for path in folder.glob(stack_file("*"))))
    if not found:
        raise InputError(str(folder), "", "there is no Pulumi.<stack>.yaml", "Name the project's folder with --project")
    return found
