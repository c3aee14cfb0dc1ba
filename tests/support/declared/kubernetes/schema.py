"""Checks manifests against the types of the Kubernetes API, which the official Python client has from its OpenAPI.

The types are strict about names: they refuse an unknown field, and an API server only warns of it. The lab tests what
the API server checks beyond types (a CIDR's form, a label's characters) with a real server.
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
