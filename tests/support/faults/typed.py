"""Run the AWS CLI commands that this program prints, as the CLI does."""

import shlex
from collections.abc import Callable
from typing import Any

from botocore import xform_name

from flash_ticket.verify.finding import Finding


def removing(left_behind: Finding) -> list[str]:
    """Return the commands that a finding lists."""
    return left_behind.remedy.partition(": ")[2].split(" && ")


def typed(command: str, client: Callable[[str], Any]) -> None:
    """Run ``aws SERVICE OPERATION --NAME VALUE ...``.

    Args:
        command: The command as a person pastes it.
        client: Returns the SDK's client of a service; ``s3api`` is the CLI's name for S3.
    """
    aws, service, operation, *options = shlex.split(command)
    assert aws == "aws"
    made = client(service.removesuffix("api"))
    method = operation.replace("-", "_")
    shape = made.meta.service_model.operation_model(made.meta.method_to_api_mapping[method]).input_shape
    known = {f"--{xform_name(name, '-')}": (name, member) for name, member in shape.members.items()}
    asked: dict[str, object] = {}
    for option, value in zip(options[::2], options[1::2], strict=True):
        name, member = known[option]
        asked[name] = int(value) if member.type_name == "integer" else value
    getattr(made, method)(**asked)
