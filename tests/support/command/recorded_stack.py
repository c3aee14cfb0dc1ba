"""A stand-in for pulumi in tests without an engine: it knows what a stack has declared, and logs its calls."""

import json
from datetime import UTC, datetime
from pathlib import Path

from flash_ticket.firewall.change.history import VERSIONS_OUTPUT, DeclaredVersion, continued, declared_at
from flash_ticket.firewall.declare.binding import BINDING_KEY
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE, read_settings

_SCRIPT = """#!/bin/sh
[ "$1" = version ] && echo v3.259.0 && exit
[ "$1" = --non-interactive ] && shift
case "$1 $2" in
    "stack output") echo '{outputs}' ;;
    "stack history") echo '[]' ;;
    *) echo "$@" >>'{asked}' ;;
esac
"""


def declared_now(project: Path, stack: str) -> DeclaredVersion:
    """Return what a project's files declare."""
    settings = read_settings(project, stack)
    matrix, region = read_matrix(project / MATRIX_FILE), str(settings["aws:region"])
    return declared_at(datetime(2026, 1, 1, tzinfo=UTC), matrix, settings[BINDING_KEY], region)


def record_stack(folder: Path, *declared: DeclaredVersion) -> Path:
    """Put such a pulumi into a folder, for successive versions; return the file where it logs its calls."""
    recorded = None
    for each in declared:
        recorded = continued(recorded, each)
    command, asked = folder / "pulumi", folder / "asked"
    command.write_text(_SCRIPT.format(outputs=json.dumps({VERSIONS_OUTPUT: recorded}), asked=asked), encoding="utf-8")
    command.chmod(0o700)
    return asked
