"""A new AWS account for a test: moto on the loopback interface, in this process.

All tests share the server and the SDK's descriptions of AWS, because reading those takes longer than all the rest.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from moto.core.authorization import enable_iam_authentication
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from flash_ticket.firewall.compile.owner import NOBODY
from flash_ticket.live.asking.aws_session import Session
from flash_ticket.live.aws_account import AwsAccount
from lab.aws_api.remembered import remember
from lab.surroundings import REGION
from tests.support.clouds.api_server import serving
from tests.support.declared.owners import DEV


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class MotoAccount:
    """The account. A test may do everything there; the code under test finds it through the AWS variables."""

    endpoint: str
    monkeypatch: pytest.MonkeyPatch

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 clients have no static type
        return _client(service, self.endpoint)

    def connect(self) -> AwsAccount:
        """Return the account that the variables lead to, before its first call."""
        return AwsAccount(_session(self.endpoint, os.environ["AWS_ACCESS_KEY_ID"]), DEV)

    @contextmanager
    def allowing(self, *actions: str) -> Iterator[None]:
        """Run the code under test as a user with only these rights, which moto checks."""
        iam = self.client("iam")
        user = f"reader-{len(iam.list_users()['Users'])}"
        iam.create_user(UserName=user)
        if actions:
            statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": statement})
            iam.put_user_policy(UserName=user, PolicyName="rights", PolicyDocument=document)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        with self.monkeypatch.context() as patch, enable_iam_authentication():
            patch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
            patch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
            yield


@cache
def _client(service: str, endpoint: str) -> Any:  # noqa: ANN401 - likewise
    make: Any = _administration.client
    return make(service, endpoint_url=endpoint)


@cache
def _session(endpoint: str, key: str) -> Session:
    assert os.environ["AWS_ENDPOINT_URL"] == endpoint
    assert key
    return AwsAccount.connect(REGION, None, NOBODY).session


_administration = boto3.Session("admin", "admin", region_name=REGION)


@contextmanager
def moto_server() -> Iterator[str]:
    """Run a server, and yield its URL."""
    remember()
    application = DomainDispatcherApplication(create_backend_app)
    with serving(make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)) as url:
        yield url


@contextmanager
def moto_account(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoAccount]:
    """Yield an empty account at a server, and point the AWS variables at it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    variables = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "admin",
        "AWS_SECRET_ACCESS_KEY": "admin",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield MotoAccount(endpoint, monkeypatch)
    moto_api_backend.reset()
