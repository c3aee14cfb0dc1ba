"""A session of the AWS SDK whose answers a test gives, without a server."""

from typing import Any

import boto3
from botocore.stub import Stubber

from flash_ticket.live.aws_account import AwsAccount
from lab.surroundings import REGION
from tests.support.declared.owners import DEV


class Session:
    """A session whose clients return a test's answers in order; another call is an error."""

    region_name = REGION

    def __init__(self, *services: str) -> None:
        self._clients: dict[str, Any] = {}
        self.answers: dict[str, Stubber] = {}
        for service in services:
            make: Any = boto3.Session("x", "x", region_name=REGION).client
            self._clients[service] = make(service)
            self.answers[service] = Stubber(self._clients[service])
            self.answers[service].activate()

    def client(self, service: str, **_: object) -> object:
        return self._clients[service]

    def account(self) -> AwsAccount:
        stands_in: Any = self
        return AwsAccount(stands_in, DEV)
