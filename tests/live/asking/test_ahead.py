"""What a deployment asks of its cluster is asked ahead, and an account that does not answer says so in its turn."""

import json
import time
from typing import Any

import pytest

from flash_ticket.firewall.declare.binding import parse_binding
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.asking.ahead import read_ahead
from flash_ticket.live.aws_account import AwsAccount
from tests.support.clouds.api_server import answering, connected
from tests.support.declared.accounts import binding_content
from tests.support.declared.owners import DEV

LABELS = {"team": "shop"}
NAMESPACE = {"/api/v1/namespaces/shop": (200, json.dumps({"metadata": {"name": "shop", "labels": LABELS}}).encode())}
PATIENCE_SECONDS = 20.0


class Silent:
    """A session of an account that cannot be reached."""

    region_name = "ap-northeast-2"

    def __init__(self) -> None:
        self.asked = list[str]()

    def client(self, service: str, **_: object) -> Any:  # noqa: ANN401 - it never returns
        self.asked.append(service)
        raise InputError("AWS", service, "it cannot be reached", "Check the network")


def test_what_is_read_ahead_is_remembered_and_errors_wait_for_the_program() -> None:
    session = Silent()
    account = AwsAccount(session, DEV)
    with answering(NAMESPACE) as url:
        cluster = connected(url).remembering()
        read_ahead(cluster, account, ("shop",), parse_binding(binding_content("dev"), "dev"))
        end = time.monotonic() + PATIENCE_SECONDS
        while not {"ec2", "eks", "sts"} <= set(session.asked) and time.monotonic() < end:
            time.sleep(0.01)
        assert cluster.require_namespace("shop") == LABELS

    assert cluster.require_namespace("shop") == LABELS  # the server is gone
    for ask, service in ((lambda: account.id, "sts"), (account.tagged_groups, "ec2")):
        with pytest.raises(InputError, match=f"{service}: it cannot be reached"):
            ask()
