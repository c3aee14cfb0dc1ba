"""Who is at the keyboard, as git knows them, or else the operating system."""

import getpass
import subprocess

from flash_ticket.firewall.compile.suspended import LONGEST_REASON


def author() -> str:
    """Return a name, with an address where git knows one; what it says is not proven, and what is no text is ``?``."""
    name, address = (_git(f"user.{key}") for key in ("name", "email"))
    found = f"{name} <{address}>" if name and address else name or address
    return (found or _user()).encode("utf-8", "replace").decode()[:LONGEST_REASON]


def _git(key: str) -> str:
    try:
        asked = subprocess.run(["git", "config", key], capture_output=True, check=False)  # noqa: S603, S607 - a fixed command
    except FileNotFoundError:
        return ""
    return asked.stdout.decode("utf-8", "surrogateescape").strip()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return "somebody without a name"
