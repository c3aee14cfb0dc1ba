"""What a program inside an enclosure prints: JSON on standard output, and a fault in one line on standard error."""

import json
import sys
from collections.abc import Callable


def write_answer(content: object) -> None:
    """Write a line of JSON, for a reader that waits for it."""
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def exit_code(run: Callable[[], None], *faults: type[Exception]) -> int:
    """Run something and return the exit code: 1 where one of these faults ends it, after one line about it."""
    try:
        run()
    except faults as error:
        sys.stderr.write(f"lab: {error}\n")
        return 1
    return 0
