"""The configuration of the stack that the Pulumi engine runs."""

import atexit
import gc
import os
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NoReturn

import pulumi
from pulumi.runtime import resource
from pulumi.runtime.config import CONFIG, is_config_secret
from pulumi.runtime.proto.resource_pb2 import ResourceInvokeRequest
from pulumi.runtime.proto.source_pb2 import StackTrace
from pulumi.runtime.settings import get_monitor
from pulumi.runtime.sync_await import _sync_await

from flash_ticket.firewall.change.ownership.pod_layer import PoliciesInState
from flash_ticket.firewall.change.resource_names import KEPT, POLICIES_TYPE
from flash_ticket.firewall.declare.binding import BINDING_KEY, PROJECT, settings_path
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.other_stacks import Outputs, Unreadable, Withheld
from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.declare.yaml_document import AS_THE_ENGINE, read_text
from flash_ticket.firewall.project import MATRIX_FILE, lines_of_settings
from flash_ticket.firewall.terms.input_error import InputError, gathered, refuse_all
from flash_ticket.firewall.terms.yaml.reader import read_yaml
from flash_ticket.live.stack.settings import StackConfiguration, configuration, encrypted_binding


def end_at_once() -> None:
    """Have Python end without a look at each object: that takes a third of the program's time, and changes nothing."""
    atexit.register(gc.freeze)


def read_declaration(program: str) -> tuple[Matrix, StackConfiguration]:
    """Return the matrix and the configuration of the running program's stack.

    Args:
        program: The path of the program; the matrix is beside it.

    Raises:
        InputError: As ``read_matrix`` and ``read_stack_configuration``; it holds the mistakes of both.
    """
    mistakes: list[InputError] = []
    with gathered(mistakes):
        matrix = read_matrix(Path(program).with_name(MATRIX_FILE))
    with gathered(mistakes):
        settings = read_stack_configuration()
    refuse_all(mistakes)
    return matrix, settings


def read_stack_configuration() -> StackConfiguration:
    """Return the configuration of the running program's stack.

    Raises:
        InputError: A key of this project is unknown, missing or encrypted, or the binding is not valid.
    """
    if is_config_secret(BINDING_KEY):
        raise encrypted_binding(pulumi.get_stack())
    _refuse_unclear_numbers(settings_path(Path(), pulumi.get_stack()))
    own = pulumi.Config(PROJECT)
    parsed: dict[str, object] = {
        key: own.get_object(key.removeprefix(f"{PROJECT}:")) for key in (BINDING_KEY, SUSPENSIONS_KEY)
    }
    return configuration(pulumi.get_stack(), {**CONFIG.get(), **parsed}, read_outputs)


def read_outputs(stack: str) -> Outputs:
    """Return the outputs of another stack, which the state then names as a StackReference.

    The program compiles what they say, so it waits for them here.
    """
    try:
        # The engine's answer to a reference that it cannot resolve ends the program, and this one is an exception.
        pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": stack})
    except Exception as error:  # noqa: BLE001 - the SDK raises this
        return Unreadable(" ".join(str(error).split()).rpartition("returned an error: ")[2])
    reference = pulumi.StackReference(stack)
    outputs = _sync_await(reference.outputs.future()) or {}
    secret = _sync_await(reference.secret_output_names.future()) or ()
    return {name: Withheld.SECRET if name in secret else value for name, value in outputs.items()}


@dataclass(frozen=True, slots=True)
class StateBefore:
    """What the state of the running program's stack holds, before this update.

    Attributes:
        ids: The ids of the resources, with their tags.
        policies: What it holds of the stack's NetworkPolicies.
    """

    ids: Mapping[str, Mapping[str, str]]
    policies: PoliciesInState


def read_state() -> StateBefore:
    """Return what the state of the running program's stack holds, before this update."""
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    answer = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {"stackName": name}).value
    resources = list(answer["outputs"].values())
    known = ((_id_of(each["outputs"]), each["outputs"].get("tags")) for each in resources)
    ids = {id_: tags if isinstance(tags, dict) else {} for id_, tags in known if id_}
    held = [each["outputs"].get(KEPT) for each in resources if each.get("type") == POLICIES_TYPE]
    kept = PoliciesInState.KEPT if all(held) else PoliciesInState.OWNED
    return StateBefore(ids, kept if held else PoliciesInState.NONE)


def _id_of(outputs: Mapping[str, object]) -> str:
    """Return the id of a resource; an imported security group has it only at the end of its ARN."""
    return str(outputs.get("id") or str(outputs.get("arn", "")).rpartition("/")[2])


def begin_to_declare() -> None:
    """Let the engine start the AWS provider now, and leave out what the SDK sends for debugging.

    The engine starts a provider at the first question for it, and the program goes on meanwhile. The answer does not
    matter, nor does an error: if the provider cannot work, the first resource says so.

    The SDK sends several messages for each resource. Each is a call that waits for the engine, and the engine drops it
    unless it runs with ``--debug``. It also sends where in the program each resource is made, which is always the same
    few lines of a component; finding them takes a tenth of its time. With the variable `SHOW_DEBUGGING` both stay.
    """
    threading.Thread(target=_ask_provider, args=(get_monitor(),), daemon=True).start()
    if not os.environ.get(SHOW_DEBUGGING):
        pulumi.log.debug = lambda *_, **__: None
        resource._get_stack_trace = StackTrace  # noqa: SLF001 - there is no option


SHOW_DEBUGGING: Final = "FLASH_FIREWALL_SDK_DEBUG"


def _ask_provider(monitor: Any) -> None:  # noqa: ANN401 - the SDK's
    question = ResourceInvokeRequest(tok=_QUESTION, version=version("pulumi-aws"), acceptResources=True)
    with suppress(Exception):
        monitor.Invoke(question)


_QUESTION = "aws:index/getPartition:getPartition"
"""The provider answers it without a call to AWS."""


def _refuse_unclear_numbers(path: Path) -> None:
    """Refuse in the settings file what its readers take for different numbers: the engine has a reader of its own.

    Raises:
        InputError: The file holds such a number, or breaks another rule of declared files.
    """
    mistakes: list[InputError] = []
    with suppress(InputError):  # the engine has read it, and its values are checked
        deque(read_yaml(read_text(path), path.name, AS_THE_ENGINE, mistakes), maxlen=0)
    refuse_all(mistakes)


_MESSAGE_WAS_SHOWN = 32
"""With this exit status, Pulumi's Python language host adds no message (sdk/python, pulumi-language-python-exec)."""


def refuse_input(error: InputError) -> NoReturn:
    """Show each mistake of an error, with its line if it is in the stack's settings, and end the program."""
    try:
        with lines_of_settings(Path(), pulumi.get_stack()):
            raise error
    except InputError as located:
        refuse("\n".join(map(str, located.each)))


def refuse(message: str) -> NoReturn:
    """Show one error and end the program before it declares anything."""
    pulumi.log.error(message)
    raise SystemExit(_MESSAGE_WAS_SHOWN)
