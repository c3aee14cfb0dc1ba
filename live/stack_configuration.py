"""The configuration of the stack that the engine runs."""

import pulumi
from pulumi.runtime.config import CONFIG

from live.stack_settings import StackConfiguration, configuration
from segmentation.binding import BINDING_KEY, PROJECT
from segmentation.suspension import SUSPENSIONS_KEY


def read_stack_configuration() -> StackConfiguration:
    """Return the configuration of the running program's stack.

    Raises:
        InputError: A key of this project is unknown or missing, or the binding does not hold.
    """
    own = pulumi.Config(PROJECT)
    parsed: dict[str, object] = {
        key: own.get_object(key.removeprefix(f"{PROJECT}:")) for key in (BINDING_KEY, SUSPENSIONS_KEY)
    }
    return configuration(pulumi.get_stack(), {**CONFIG.get(), **parsed})
