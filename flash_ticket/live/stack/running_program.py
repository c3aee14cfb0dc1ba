"""The configuration of the stack that the Pulumi engine runs."""

from typing import NoReturn

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from flash_ticket.firewall.declare.binding import BINDING_KEY, PROJECT, stack_file
from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack.settings import StackConfiguration, configuration


def read_stack_configuration() -> StackConfiguration:
    """Return the configuration of the running program's stack.

    Raises:
        InputError: A key of this project is unknown, missing or encrypted, or the binding is not valid.
    """
    if is_config_secret(BINDING_KEY):
        raise InputError(
            stack_file(pulumi.get_stack()),
            BINDING_KEY,
            "it is encrypted, and it is recorded in the clear",
            "Write it in the clear: nothing in it is a secret",
        )
    own = pulumi.Config(PROJECT)
    parsed: dict[str, object] = {
        key: own.get_object(key.removeprefix(f"{PROJECT}:")) for key in (BINDING_KEY, SUSPENSIONS_KEY)
    }
    return configuration(pulumi.get_stack(), {**CONFIG.get(), **parsed})


_MESSAGE_WAS_SHOWN = 32
"""With this exit status, Pulumi's Python language host adds no message (sdk/python, pulumi-language-python-exec)."""


def refuse(message: str) -> NoReturn:
    """Show one error and end the program before it declares anything."""
    pulumi.log.error(message)
    raise SystemExit(_MESSAGE_WAS_SHOWN)
