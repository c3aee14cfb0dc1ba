"""The project's own firewall, read and compiled from its files only, without AWS and without a cluster."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.bind.lookup import MATRIX
from flash_ticket.firewall.bind.symbolic_account import SymbolicAccount
from flash_ticket.firewall.compile.quota import refuse_excess
from flash_ticket.firewall.declare.binding import BINDING_KEY, parse_binding, settings_path, stacks_of
from flash_ticket.firewall.declare.project_file import PROJECT_FILE, project_settings
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED, SUSPENSIONS_KEY, parse_suspensions
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.declare.yaml_document import read_document, read_text, with_lines
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError, gathered, refuse_all

MATRIX_FILE = MATRIX

_GUIDE = "docs/getting-started.md"
_NO_STACK = f"Name the project's folder with --project, or write the file as {_GUIDE} says"
_BINDING = BINDING_KEY.partition(":")[2]
_BINDING_REMEDY = f"Add it, {_GUIDE} lists what it holds"

Resolve = Callable[[Path, str], dict[str, Any]]
"""Returns the configuration of a stack as Pulumi resolves it; only Pulumi can read an environment."""


def read_project(
    folder: Path, stack: str, at: datetime | None = None, resolve: Resolve | None = None
) -> CompiledFirewall:
    """Return a stack's firewall with symbolic places: real names, made-up addresses.

    Args:
        folder: The folder of traffic.yaml and Pulumi.<stack>.yaml.
        stack: The stack's name, such as ``dev``, or Pulumi's full name, such as ``organization/project/dev``.
        at: The present time, which decides whether a suspension is open; without it, suspensions are ignored.
        resolve: Asks Pulumi if the stack takes configuration from an environment.

    Raises:
        InputError: The files have mistakes; the error holds all of them, with their lines.
    """
    asked, stack, mistakes = stack, stack.rpartition("/")[2], list[InputError]()
    with gathered(mistakes):
        matrix = read_matrix(folder / MATRIX_FILE)
    refuse_all(each for each in mistakes if not each.key)  # without the file, perhaps this is not the folder
    with gathered(mistakes), lines_of_settings(folder, stack):
        content = read_settings(folder, asked, resolve)
        binding = parse_binding(content[BINDING_KEY], stack)
        listed = parse_suspensions(content.get(SUSPENSIONS_KEY), stack, at) if at else NONE_SUSPENDED
    refuse_all(mistakes)
    with lines_of_settings(folder, stack):
        environment = bind(matrix, binding, stack, SymbolicAccount.of(str(content.get("aws:region", "")), binding))
        firewall = compile_firewall(matrix, environment, listed)
        refuse_excess(firewall.vpc, firewall.environment)
    return firewall


def read_projects(
    folder: Path, stacks: Iterable[str], at: datetime, resolve: Resolve | None = None
) -> list[CompiledFirewall]:
    """Return the firewalls of several stacks, as ``read_project`` does.

    Raises:
        InputError: The files have mistakes; the error holds those of all stacks.
    """
    found, mistakes = list[CompiledFirewall](), list[InputError]()
    for stack in stacks:
        with gathered(mistakes):
            found.append(read_project(folder, stack, at, resolve))
    refuse_all(mistakes)
    return found


def read_settings(folder: Path, stack: str, resolve: Resolve | None = None) -> dict[str, Any]:
    """Return what a stack is configured with, by full keys such as ``aws:region``.

    What Pulumi.yaml sets for every stack counts where ``config`` in Pulumi.<stack>.yaml does not set it, as in Pulumi.

    Args:
        folder: The folder of Pulumi.yaml.
        stack: The stack, such as ``dev`` or ``organization/project/dev``.
        resolve: Asks Pulumi if the file names an environment. Without it, only what the files hold counts.

    Raises:
        InputError: A file cannot be read, there is no binding, or Pulumi cannot resolve the configuration.
    """
    path = settings_path(folder, stack.rpartition("/")[2])
    settings = read_document(path)
    content = settings.get("config") if isinstance(settings, dict) else None
    found = {**project_settings(folder), **(content if isinstance(content, dict) else {})}
    has_environment = isinstance(settings, dict) and bool(settings.get("environment"))
    if has_environment and resolve:
        found = resolve(folder, stack)
    if BINDING_KEY not in found:
        problem, remedy = "this key is missing", _BINDING_REMEDY
        if misnamed := next((key for key in found if key.endswith(f":{_BINDING}")), None):
            remedy = f"Write it instead of {misnamed}"
        elif has_environment:
            problem = "this key is neither here nor in the environment"
            remedy = f"{_BINDING_REMEDY}; or under pulumiConfig in the environment"
        raise InputError(path.name, f"config.{BINDING_KEY}", problem, remedy)
    return found


def declared_files(folder: Path, stack: str) -> tuple[str, ...]:
    """Return the files that declare a stack, by their names in the project's folder.

    Raises:
        InputError: Pulumi.yaml cannot be read.
    """
    settings = settings_path(folder, stack).relative_to(folder)
    return MATRIX_FILE, str(settings), *([PROJECT_FILE] if (folder / PROJECT_FILE).exists() else ())


@contextmanager
def lines_of_settings(folder: Path, stack: str) -> Iterator[None]:
    """Add its line to each mistake in Pulumi.<stack>.yaml that the block raises, and sort the mistakes by line.

    Mistakes in traffic.yaml that only the account shows get their lines, too.
    """
    path, matrix = settings_path(folder, stack), folder / MATRIX_FILE
    with (
        with_lines(lambda: read_text(matrix), MATRIX_FILE),
        with_lines(lambda: read_text(path), path.name, "config"),
    ):
        yield


def stacks(folder: Path) -> tuple[str, ...]:
    """Return the stacks that have a settings file in a folder, sorted.

    Raises:
        InputError: There is none.
    """
    found = stacks_of(folder)
    if not found:
        raise InputError(str(folder), "", "there is no Pulumi.<stack>.yaml", _NO_STACK)
    return found
