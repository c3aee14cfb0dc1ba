"""Manifests held to the types of the Kubernetes API, as the official Python client generates them from its OpenAPI.

The types are strict about names: a field that the API does not know is refused, which an API server only warns of. What
the API server checks beyond types (a CIDR's form, a label's characters) is asked of the server itself, on the lab.
"""

from collections.abc import Mapping
from typing import Any

from kubernetes import client


def parsed_policy(manifest: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the client is generated without types
    """Return a NetworkPolicy as the client's own type.

    Raises:
        pydantic.ValidationError: A field is unknown, missing or of the wrong type.
    """
    return client.V1NetworkPolicy.model_validate(manifest, strict=True)
