"""The declared versions of a stack, kept in its outputs so that every Pulumi backend has them, and its updates."""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.bind.symbolic_account import SymbolicAccount
from flash_ticket.firewall.declare.binding import parse_binding, stack_file
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED, Suspensions
from flash_ticket.firewall.declare.traffic_file import declaration, parse_matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.moment import written

VERSIONS_OUTPUT = "declaredVersions"
"""The stack output with the versions."""

KEPT = 20
"""The number of versions kept; older ones are dropped, so that the state does not grow without limit."""

MAX_BYTES = 100_000_000
"""The limit of the unpacked text: five times the size of 20 versions of 1,000 services."""


@dataclass(frozen=True, slots=True)
class DeclaredVersion:
    """One deployed declaration.

    Attributes:
        number: Counts from 1 since the stack's first deployment or its last destroy.
        since: The time of the first update that declared it, as ISO 8601 in UTC.
        matrix: The content of traffic.yaml, with every default written out.
        binding: The content of the binding, as written.
        region: The region of the stack.
    """

    number: int
    since: str
    matrix: Mapping[str, Any]
    binding: Mapping[str, Any]
    region: str

    def same_as(self, other: "DeclaredVersion") -> bool:
        """Return whether another version declares the same."""
        return replace(other, number=self.number, since=self.since) == self

    def firewall(self, stack: str, suspensions: Suspensions = NONE_SUSPENDED) -> CompiledFirewall:
        """Return the compiled firewall, with symbolic places.

        Raises:
            InputError: The current program refuses the declaration.
        """
        matrix = self.declared_matrix()
        binding = parse_binding(self.binding, stack)
        environment = bind(matrix, binding, stack, SymbolicAccount.of(self.region, binding))
        return compile_firewall(matrix, environment, suspensions)

    def declared_matrix(self) -> Matrix:
        """Return the matrix.

        Raises:
            InputError: The current program refuses it.
        """
        return parse_matrix(self.matrix, f"traffic.yaml of version {self.number}")


Versions = tuple[DeclaredVersion, ...]
"""Versions in the order of their numbers, without gaps; the last one is deployed."""


def declared_at(now: datetime, matrix: Matrix, binding: Mapping[str, Any], region: str) -> DeclaredVersion:
    """Return the current declaration as a version, without a number yet.

    Args:
        now: The current time.
        matrix: The matrix.
        binding: The content of the binding, as written.
        region: The region of the stack.
    """
    return DeclaredVersion(0, written(now.timestamp()), declaration(matrix), binding, region)


def continued(earlier: str | None, declared: DeclaredVersion) -> str:
    """Return the text with the current declaration as a new version, unless the last version declares the same.

    If this program did not write the earlier text, the versions start again from 1.
    """
    try:
        before = parse_versions(earlier)
    except InputError:
        before = ()
    if before and before[-1].same_as(declared):
        return versions_text(before)
    new = replace(declared, number=before[-1].number + 1 if before else 1)
    return versions_text((*before, new)[-KEPT:])


def versions_text(versions: Versions) -> str:
    """Return versions as one compressed text; 1,000 services take a megabyte uncompressed."""
    content = [
        {
            "number": each.number,
            "since": each.since,
            "matrix": each.matrix,
            "binding": each.binding,
            "region": each.region,
        }
        for each in versions
    ]
    return b64encode(zlib.compress(json.dumps(content, sort_keys=True).encode(), 9)).decode()


def parse_versions(text: str | None) -> Versions:
    """Return the versions in a text; empty without a text.

    Raises:
        InputError: This program did not write the text.
    """
    if not text:
        return ()
    try:
        packed = zlib.decompressobj()
        content = json.loads(packed.decompress(b64decode(text, validate=True), MAX_BYTES))
        return tuple(map(_version, content))
    except (ValueError, TypeError, KeyError, RecursionError, zlib.error):
        raise InputError(
            "stack output", VERSIONS_OUTPUT, "this program did not write it", "Run pulumi up, which writes it again"
        ) from None


def _version(entry: Any) -> DeclaredVersion:  # noqa: ANN401 - parsed JSON has any shape
    found = DeclaredVersion(**entry)
    texts, contents = (found.since, found.region), (found.matrix, found.binding)
    if not (
        isinstance(found.number, int)
        and all(isinstance(each, str) for each in texts)
        and all(isinstance(each, dict) for each in contents)
    ):
        raise TypeError
    return found


def version_of(versions: Versions, number: int, stack: str) -> DeclaredVersion:
    """Return a version by its number.

    Raises:
        InputError: There is no such version, or it is no longer kept.
    """
    found = next((each for each in versions if each.number == number), None)
    if found is None:
        known = ", ".join(str(each.number) for each in versions)
        raise InputError("--to", "", f"{stack} has no version {number}", f"Name one of: {known}")
    return found


def require_versions(versions: Versions, stack: str) -> Versions:
    """Return the versions of a deployed stack.

    Raises:
        InputError: There are none.
    """
    if not versions:
        raise InputError(
            f"stack {stack}",
            VERSIONS_OUTPUT,
            "no declaration is recorded: nothing is deployed, or an older program deployed it",
            "Run pulumi up once; to go back further, check out the commit and run pulumi up",
        )
    return versions


def require_region(version: DeclaredVersion, region: str, stack: str) -> None:
    """Refuse a version that was deployed in another region.

    Raises:
        InputError: Its region is not the current one.
    """
    if version.region != region:
        raise InputError(
            stack_file(stack),
            "aws:region",
            f"it says {region}, and version {version.number} was deployed in {version.region}",
            "Destroy the stack in one region before it is deployed in another",
        )


_KINDS = {"update", "destroy"}


@dataclass(frozen=True, slots=True)
class StackUpdate:
    """One update or destroy.

    Attributes:
        kind: ``update`` or ``destroy``.
        begin: The start, as ISO 8601 in UTC, in whole seconds.
        end: The end; empty if the update still runs or was killed.
        result: ``succeeded``, ``failed`` or ``in-progress``.
    """

    kind: str
    begin: str
    end: str
    result: str


def updates_of(history: Sequence[Mapping[str, Any]]) -> tuple[StackUpdate, ...]:
    """Return the updates and destroys of a history, the latest first."""
    return tuple(
        StackUpdate(
            str(entry["kind"]),
            _moment(entry.get("startTime")),
            _moment(entry.get("endTime")),
            str(entry.get("result", "")),
        )
        for entry in history
        if entry.get("kind") in _KINDS
    )


def _moment(text: object) -> str:
    return datetime.fromisoformat(str(text)).strftime("%Y-%m-%dT%H:%M:%SZ") if text else ""
