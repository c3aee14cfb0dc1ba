"""What the runbook says of a state in files that was cut short: back to the newest whole copy of it.

The engine keeps a copy from the end of each update, in ``.pulumi/backups/PROJECT/STACK/STACK.TIME.json``. What was made
since is taken over or named as left over by the next deployment.
"""

import json
import shutil
from pathlib import Path


def restore(state: Path) -> None:
    """Put the newest whole copy in the place of a state that is not whole, or nothing where there is no copy.

    The attributes beside it (``.attrs``) the engine needs only where they stand, and then whole.

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
