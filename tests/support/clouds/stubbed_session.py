"""A session of the AWS SDK whose answers a test gives, without a server."""

from typing import Any

from botocore.stub import Stubber

from flash_ticket.live.asking.aws_session import aws_session
from flash_ticket.live.aws_account import AwsAccount
from lab.surroundings import REGION
from tests.support.declared.owners import DEV

_KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}


class Session:
    """A session whose clients return a test's answers in order; another call is an error."""

    region_name = REGION

    def __init__(self, *services: str) -> None:
        self._clients: dict[str, Any] = {}
        self.answers: dict[str, Stubber] = {}
        session = aws_session(REGION, None)  # boto3's reads the description of each service again
        for service in services:
            self._clients[service] = session.client(service, **_KEYS)
            self.answers[service] = Stubber(self._clients[service])
            self.answers[service].activate()

    def client(self, service: str, **_: object) -> object:
        return self._clients[service]

    def account(self) -> AwsAccount:
        stands_in: Any = self
        return AwsAccount(stands_in, DEV)
