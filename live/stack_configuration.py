"""The configuration of the stack that the engine runs."""

import pulumi
from pulumi.runtime.config import CONFIG

from live.stack_settings import StackConfiguration, configuration
from segmentation.binding import BINDING_KEY, PROJECT


def read_stack_configuration() -> StackConfiguration:
    """Return the configuration of the running program's stack.

    Raises:
        InputError: A key of this project is unknown or missing, or the binding does not hold.
    """
    binding: object = pulumi.Config(PROJECT).get_object("binding")
    return configuration(pulumi.get_stack(), {**CONFIG.get(), BINDING_KEY: binding})
