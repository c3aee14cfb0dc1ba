"""A pulumi for tests without an engine: it knows what a stack has declared, and writes down what it is asked to do."""

import json
from datetime import UTC, datetime
from pathlib import Path

from segmentation.binding import BINDING_KEY
from segmentation.declared_version import VERSIONS_OUTPUT, continued, declared_at
from segmentation.project import MATRIX_FILE, read_settings
from segmentation.traffic_file import read_matrix

_SCRIPT = """#!/bin/sh
case "$1 $2" in
    "stack output") echo '{outputs}' ;;
    "stack history") echo '[]' ;;
    *) echo "$@" >>'{asked}' ;;
esac
"""


def record_stack(project: Path, stack: str, folder: Path) -> Path:
    """Put such a pulumi into a folder, for what a project's files say now; return where it writes what it is asked."""
    settings = read_settings(project, stack)
    matrix, region = read_matrix(project / MATRIX_FILE), str(settings["aws:region"])
    declared = declared_at(datetime(2026, 1, 1, tzinfo=UTC), matrix, settings[BINDING_KEY], region)
    outputs = json.dumps({VERSIONS_OUTPUT: continued(None, declared)})
    command, asked = folder / "pulumi", folder / "asked"
    command.write_text(_SCRIPT.format(outputs=outputs, asked=asked), encoding="utf-8")
    command.chmod(0o700)
    return asked
