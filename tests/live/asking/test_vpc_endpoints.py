"""The VPC's endpoints and the API server's interfaces, as an account returns them."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest

from flash_ticket.firewall.bind.account import FoundEndpoint
from flash_ticket.firewall.declare.sections.selection import One
from flash_ticket.live.aws_refusal import RefusedError
from lab.surroundings import REGION
from tests.support.clouds.moto_account import MotoAccount
from tests.support.clouds.stubbed_session import Session

RIGHTS = ("ec2:DescribeVpcEndpoints", "ec2:DescribeNetworkInterfaces", "ec2:DescribeManagedPrefixLists")
SQS = f"com.amazonaws.{REGION}.sqs"


class Vpc:
    """A VPC of the account with one subnet, and what a test creates there."""

    def __init__(self, moto: MotoAccount) -> None:
        self.ec2: Any = moto.client("ec2")
        self.id: str = self.ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
        self.subnet: str = self.ec2.create_subnet(VpcId=self.id, CidrBlock="10.30.1.0/24")["Subnet"]["SubnetId"]
        made = self.ec2.create_security_group(GroupName="endpoints", Description="x", VpcId=self.id)
        self.group: str = made["GroupId"]

    def endpoint(self, service: str, **how: object) -> dict[str, Any]:
        made = self.ec2.create_vpc_endpoint(VpcId=self.id, ServiceName=service, **how)
        found: dict[str, Any] = made["VpcEndpoint"]
        return found

    def interface_endpoint(self, service: str = SQS) -> dict[str, Any]:
        return self.endpoint(
            service, VpcEndpointType="Interface", SubnetIds=[self.subnet], SecurityGroupIds=[self.group]
        )


@pytest.fixture
def vpc(moto: MotoAccount) -> Vpc:
    return Vpc(moto)


def addresses(vpc: Vpc, interfaces: Sequence[str]) -> set[Any]:
    found = vpc.ec2.describe_network_interfaces(NetworkInterfaceIds=list(interfaces))["NetworkInterfaces"]
    return {ip_network(each["PrivateIpAddress"]) for each in found}


def test_an_interface_endpoint_has_the_addresses_and_groups_of_its_interfaces(moto: MotoAccount, vpc: Vpc) -> None:
    made = vpc.interface_endpoint()
    with moto.allowing(*RIGHTS):
        (found,) = moto.connect().endpoints(vpc.id, ["sqs"])

    assert (found.id, found.service, found.prefix_list) == (made["VpcEndpointId"], "sqs", "")
    assert found.groups == (vpc.group,)
    assert set(found.networks) == addresses(vpc, made["NetworkInterfaceIds"])
    assert found.networks


def test_a_gateway_endpoint_has_the_prefix_list_of_its_service_which_counts_as_one_rule(
    moto: MotoAccount, vpc: Vpc
) -> None:
    vpc.endpoint(f"com.amazonaws.{REGION}.s3", VpcEndpointType="Gateway")
    with moto.allowing(*RIGHTS, "ec2:GetManagedPrefixListEntries"):
        account = moto.connect()
        (found,) = account.endpoints(vpc.id, ["s3"])
        (listed,) = account.prefix_lists(One(id=found.prefix_list))

    assert (found.service, found.networks, found.groups) == ("s3", (), ())
    assert (listed.label, listed.weight) == (f"com.amazonaws.{REGION}.s3", 1)
    assert listed.networks


def test_only_the_endpoints_of_aws_services_in_the_vpc_count(moto: MotoAccount, vpc: Vpc) -> None:
    Vpc(moto).interface_endpoint()
    vpc.interface_endpoint("com.amazonaws.vpce.ap-northeast-2.vpce-svc-0123456789abcdef0")
    vpc.interface_endpoint("com.amazonaws.us-east-1.sqs")
    vpc.interface_endpoint(f"com.amazonaws.{REGION}.ecr.api")

    assert [each.service for each in moto.connect().endpoints(vpc.id, [])] == ["ecr.api"]


def test_without_the_right_the_error_names_it(moto: MotoAccount, vpc: Vpc) -> None:
    with moto.allowing("ec2:DescribeVpcs"), pytest.raises(RefusedError, match="ec2:DescribeVpcEndpoints"):
        moto.connect().endpoints(vpc.id, ["sqs"])


def test_an_endpoint_that_waits_for_its_acceptance_does_not_count() -> None:
    described = {"VpcEndpointType": "Interface", "ServiceName": SQS, "Groups": [], "NetworkInterfaceIds": []}
    states = ("pendingAcceptance", "deleting", "Available")
    answer = {"VpcEndpoints": [{**described, "State": each, "VpcEndpointId": each} for each in states]}
    session = Session("ec2")
    session.answers["ec2"].add_response("describe_vpc_endpoints", answer)

    assert list(session.account().endpoints("vpc-1", [])) == [FoundEndpoint("Available", "sqs")]


def test_services_in_china_have_another_prefix_and_interfaces_of_both_families() -> None:
    described = {
        "VpcEndpointType": "Interface",
        "ServiceName": f"cn.com.amazonaws.{REGION}.sqs",
        "State": "available",
        "VpcEndpointId": "vpce-1",
        "Groups": [{"GroupId": "sg-2"}, {"GroupId": "sg-1"}],
        "NetworkInterfaceIds": ["eni-1"],
    }
    interface = {
        "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.9"}],
        "Ipv6Addresses": [{"Ipv6Address": "2001:db8::9"}],
    }
    session = Session("ec2")
    session.answers["ec2"].add_response("describe_vpc_endpoints", {"VpcEndpoints": [described]})
    session.answers["ec2"].add_response("describe_network_interfaces", {"NetworkInterfaces": [interface]})
    networks = (ip_network("10.0.0.9"), ip_network("2001:db8::9"))

    assert list(session.account().endpoints("vpc-1", [])) == [
        FoundEndpoint("vpce-1", "sqs", "", networks, ("sg-1", "sg-2"))
    ]


def test_the_interfaces_of_the_api_server_are_known_by_their_description(moto: MotoAccount, vpc: Vpc) -> None:
    for description in ("Amazon EKS orders", "Amazon EKS orders-2", "aws-K8S-i-0123456789abcdef0"):
        vpc.ec2.create_network_interface(SubnetId=vpc.subnet, Description=description)
    with moto.allowing("ec2:DescribeNetworkInterfaces"):
        found = moto.connect().api_interfaces(vpc.id, "orders")

    described = vpc.ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [vpc.id]}])
    (meant,) = (each for each in described["NetworkInterfaces"] if each["Description"] == "Amazon EKS orders")
    assert found == (ip_network(meant["PrivateIpAddress"]),)
