"""Makes the clients of AWS services, with the settings of the environment and of a profile.

It does what ``boto3.Session`` does for clients, in less time: boto3 also loads transfers of files, which nothing here
uses, and reads the description of each service into a slower kind of dictionary.
"""

import gzip
import json
import os
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import botocore.session
from botocore.config import Config
from botocore.exceptions import ProfileNotFound
from botocore.loaders import JSONFileLoader, Loader

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.regular_file import refuse_unusual

# With one retry, a missing endpoint is an error within 30 seconds, not after minutes.
PATIENCE = Config(connect_timeout=4, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})

_SETTINGS = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
_LARGEST_SETTINGS = 10 << 20


class Session(Protocol):
    """Makes clients, as ``boto3.Session`` does."""

    @property
    def region_name(self) -> Any:  # noqa: ANN401 - a text, or None
        """The region, such as ``ap-northeast-2``."""

    @property
    def client(self) -> Any:  # noqa: ANN401 - the SDK's clients have no static type
        """A function from a service, such as ``ec2``, to a client of it."""


class AwsSession:
    """The clients of one region and profile.

    Attributes:
        region_name: The region, or None if nothing names one.
    """

    region_name: str | None

    def __init__(self, region: str | None, profile: str | None) -> None:
        self._session: Any = botocore.session.Session(profile=profile)
        named = self._session.get_config_variable("region")  # it fails if there is no such profile
        folders = self._session.get_config_variable("data_path") or ""
        searched = [str(Path(each).expanduser()) for each in folders.split(os.pathsep) if each]
        loader = _Descriptions(searched, PlainDescriptions())
        self._session.register_component("data_loader", loader)
        self.region_name = region or named

    def client(self, service: str, **settings: Any) -> Any:  # noqa: ANN401 - the SDK's
        """Return a new client of a service."""
        return self._session.create_client(service, region_name=self.region_name, **settings)


class PlainDescriptions(JSONFileLoader):
    """Reads descriptions of services into plain dictionaries: that of EC2 takes 0.05 seconds, not 0.3."""

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 - a document
        """Return the document at a path without its ending, or None."""
        return _document(file_path)


@cache
def _document(path: str) -> Any:  # noqa: ANN401 - a document
    for ending, opened in ((".json", open), (".json.gz", gzip.open)):
        if Path(path + ending).is_file():
            with opened(path + ending, "rb") as file:
                return json.load(file)
    return None


class _Descriptions(Loader):
    """Finds the descriptions of services, without a look into each of four hundred folders."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
        """Return the names of all folders; one without a description is a missing file later."""
        return sorted({each.name for path in self.search_paths if Path(path).is_dir() for each in Path(path).iterdir()})


def aws_session(region: str | None, profile: str | None) -> AwsSession:
    """Return a session, without a call to AWS.

    Args:
        region: Such as ``ap-northeast-2``. None uses the region of the environment or of the profile.
        profile: A profile of the AWS settings. None uses the profile of the environment.

    Raises:
        InputError: The profile does not exist, or a file of settings cannot be read.
    """
    named = (os.environ.get(variable, default) for variable, default in _SETTINGS.items())
    refuse_unusual((Path(name).expanduser() for name in named), _LARGEST_SETTINGS)
    try:
        return AwsSession(region, profile)
    except ProfileNotFound as error:
        raise InputError("AWS", "profile", str(error), "Set AWS_PROFILE or aws:profile to one that exists") from None
