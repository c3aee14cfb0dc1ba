"""Text files that are written completely, or not at all."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from flash_ticket.firewall.terms.input_error import InputError


def replace_text(path: Path, text: str) -> None:
    """Replace the text of a file, which keeps its rights, or make the file.

    Raises:
        InputError: It cannot be written. The file is as it was.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_bytes(text.encode())
        if path.exists():
            shutil.copymode(path, fresh)
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise InputError(
            path.name, "", f"it cannot be written: {error.strerror}", "Make room, or the file writable"
        ) from None
