"""Repair a damaged state file as the runbook says: go back to its newest intact copy.

The engine keeps a copy from the end of each update, in ``.pulumi/backups/PROJECT/STACK/STACK.TIME.json``. The next
deployment adopts resources that were created since then, or verify names them as left behind.
"""

import json
import shutil
from pathlib import Path


def restore(state: Path) -> None:
    """Replace a damaged state by its newest intact copy, or remove it if there is no copy.

    The engine does not need the attributes beside it (``.attrs``), but if they exist they must be intact.

    Args:
        state: ``.pulumi/stacks/PROJECT/STACK.json``.
    """
    for attributes in state.parent.glob(f"{state.name}*.attrs"):
        if not attributes.read_text():
            attributes.unlink()
    if not state.exists() or _is_whole(state):
        return
    folder = state.parents[2] / "backups" / state.parent.name / state.stem
    copies = sorted(folder.glob(f"{state.stem}.*.json"), reverse=True)
    copy = next((each for each in copies if _is_whole(each)), None)
    for remains in (state, state.with_name(f"{state.name}.bak")):
        remains.unlink(missing_ok=True)
    if copy:
        shutil.copyfile(copy, state)


def _is_whole(file: Path) -> bool:
    try:
        return bool(json.loads(file.read_text()).get("checkpoint"))
    except ValueError:
        return False
