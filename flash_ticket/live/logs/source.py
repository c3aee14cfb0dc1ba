"""The meaning of a SOURCE of recorded traffic on the command line."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from flash_ticket.firewall.terms.input_error import InputError, shown
from flash_ticket.live.logs.standard_input import StandardInput
from flash_ticket.traffic.records.record import Log
from flash_ticket.traffic.records.rotation import is_between_rotations
from flash_ticket.traffic.source import FORMS, Use, logs_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from flash_ticket.live.aws_account import AwsAccount

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def open_source(text: str, connect: "Callable[[], AwsAccount] | None" = None, use: Use = Use.ONCE) -> tuple[Log, ...]:
    """Return the logs that a SOURCE names. Each log opens when a caller reads its records.

    Args:
        text: The SOURCE. `FORMS` lists its possible forms.
        connect: Returns the AWS account. This calls it only if the SOURCE is in an account. None uses the account from
            the variables and settings of AWS.
        use: How often the source is read. An empty file or folder is refused if it is read once.

    Raises:
        InputError: The SOURCE has no known form, it does not exist, or a right to find it is missing.
    """
    if text == "-":
        return (StandardInput(),)
    if text.startswith(("s3://", "cloudwatch:")):
        from flash_ticket.live.logs import aws_source  # noqa: PLC0415 - reading files needs no SDK of AWS

        find = aws_source.log_of_bucket if text.startswith("s3://") else aws_source.log_of_group
        return (find((connect or aws_source.environments_account)(), text),)
    return logs_in(_existing(text, use), use)


def _existing(text: str, use: Use) -> Path:
    try:
        if text and (Path(text).exists() or (use is Use.AGAIN and is_between_rotations(Path(text)))):
            return Path(text)
        problem = "is not a source of recorded traffic" if _SCHEME.match(text) or not text else "is not there"
    except OSError as error:  # for example, the name is too long
        problem = f"cannot be read: {error.strerror}"
    raise InputError("SOURCE", "", f"{shown(text)} {problem}", f"Name {FORMS}")
