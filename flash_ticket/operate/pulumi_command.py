"""The Pulumi CLI of whoever runs our command, asked or told something of one stack."""

import subprocess
from pathlib import Path

from flash_ticket.firewall.terms.input_error import InputError


def run_pulumi(folder: Path, *arguments: str, captured: bool) -> subprocess.CompletedProcess[str]:
    """Run a command of Pulumi to its end, without asking; it may have failed.

    Args:
        folder: Where Pulumi.yaml is.
        arguments: What follows ``pulumi``.
        captured: Whether its output is returned; else it goes where ours goes.

    Raises:
        InputError: There is no Pulumi.
    """
    try:
        return subprocess.run(  # noqa: S603 - the user's own pulumi, with arguments of ours
            ["pulumi", *arguments],  # noqa: S607 - found as everywhere
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=captured,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise InputError("pulumi", "", "it is not installed", "Install the Pulumi CLI") from None
