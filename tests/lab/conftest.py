import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.live.aws_account import AwsAccount
from lab.surroundings import REGION

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Clients of the lab's AWS by service name, without the rest of a lab."""
    log = tmp_path_factory.mktemp("aws") / "aws.log"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "NO_PROXY": "127.0.0.1"}
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "lab.aws_api"], stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process,
    ):
        assert process.stdout
        endpoint = process.stdout.readline().strip()
        assert endpoint, log.read_text()
        session = boto3.Session("lab", "lab", region_name=REGION)
        make: Any = session.client
        yield lambda service: make(service, endpoint_url=endpoint)
        process.kill()


@pytest.fixture
def vpc(aws: Callable[[str], Any]) -> str:
    """The id of a VPC."""
    return str(
        aws("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["flash-ticket-dev"]}])["Vpcs"][0]["VpcId"]
    )


@pytest.fixture
def group(aws: Callable[[str], Any], vpc: str, request: pytest.FixtureRequest) -> str:
    """The id of a new security group."""
    ec2 = aws("ec2")
    return str(ec2.create_security_group(GroupName=request.node.name, Description="test", VpcId=vpc)["GroupId"])


@pytest.fixture
def account(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> AwsAccount:
    """The lab's account, as the program connects to it."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws("ec2").meta.endpoint_url,
        "AWS_ACCESS_KEY_ID": "lab",
        "AWS_SECRET_ACCESS_KEY": "lab",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    return AwsAccount.connect(REGION, None, Owner.in_cluster("dev", "flash-ticket", REGION, "flash-ticket-dev"))
