"""What a stack has declared, version by version: kept in its own outputs, so that any backend can tell it."""

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
"""The stack output that holds them."""

KEPT = 20
"""Versions; the oldest go, so that a state does not grow without end."""

MAX_BYTES = 100_000_000
"""Of a record once unpacked: five times what twenty versions of a thousand services take."""


@dataclass(frozen=True, slots=True)
class DeclaredVersion:
    """One declaration that was deployed.

    Attributes:
        number: From 1 on, since the stack's first deployment or its last destroy.
        since: When an update first declared it, as ISO 8601 in UTC.
        matrix: The content of traffic.yaml, every default written out.
        binding: The content of the binding, as it was written.
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
        """Return what it compiles to, with symbolic places.

        Raises:
            InputError: The present program refuses it.
        """
        matrix = self.declared_matrix()
        environment = bind(matrix, parse_binding(self.binding, stack), stack, SymbolicAccount(self.region))
        return compile_firewall(matrix, environment, suspensions)

    def declared_matrix(self) -> Matrix:
        """Return the matrix.

        Raises:
            InputError: The present program refuses it.
        """
        return parse_matrix(self.matrix, f"traffic.yaml of version {self.number}")


Versions = tuple[DeclaredVersion, ...]
"""In the order of their numbers, without gaps; the last is what runs."""


def declared_at(now: datetime, matrix: Matrix, binding: Mapping[str, Any], region: str) -> DeclaredVersion:
    """Return what is declared now, without a number yet.

    Args:
        now: The present.
        matrix: What is declared.
        binding: What is bound, as it was written.
        region: The stack's.
    """
    return DeclaredVersion(0, written(now.timestamp()), declaration(matrix), binding, region)


def continued(earlier: str | None, declared: DeclaredVersion) -> str:
    """Return the record with what is declared now, as a new version unless the last one declares the same.

    What no program of this kind has written begins anew.
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
    """Return versions as one text: compressed, since a thousand services take a megabyte."""
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
    """Return the versions that a text holds; none for none.

    Raises:
        InputError: It is not such a text.
    """
    if not text:
        return ()
    try:
        packed = zlib.decompressobj()
        content = json.loads(packed.decompress(b64decode(text, validate=True), MAX_BYTES))
        return tuple(map(_version, content))
    except (ValueError, TypeError, KeyError, RecursionError, zlib.error):
        raise InputError(
            "stack output", VERSIONS_OUTPUT, "it is not what this program writes", "Run pulumi up, which begins it anew"
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
        InputError: There is none, or it is kept no longer.
    """
    found = next((each for each in versions if each.number == number), None)
    if found is None:
        known = ", ".join(str(each.number) for each in versions)
        raise InputError("--to", "", f"{stack} has no version {number}", f"Name one of: {known}")
    return found


def require_versions(versions: Versions, stack: str) -> Versions:
    """Return the versions of a stack that has been deployed.

    Raises:
        InputError: There is none.
    """
    if not versions:
        raise InputError(
            f"stack {stack}",
            VERSIONS_OUTPUT,
            "no declaration is recorded: nothing is deployed, or by a program that kept none",
            "Run pulumi up once; to go back further, check out the commit and run pulumi up",
        )
    return versions


def require_region(version: DeclaredVersion, region: str, stack: str) -> None:
    """Refuse a version that was deployed elsewhere.

    Raises:
        InputError: Its region is not the present one.
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
        begin: When it began, as ISO 8601 in UTC, whole seconds.
        end: When it ended; empty while it runs, or where it was killed.
        result: ``succeeded``, ``failed`` or ``in-progress``.
    """

    kind: str
    begin: str
    end: str
    result: str


def updates_of(history: Sequence[Mapping[str, Any]]) -> tuple[StackUpdate, ...]:
    """Return what changed something or tried to, in the order of the history: the last first."""
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
