"""The lab's AWS refuses what the real service refuses, with the same error code."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Aws = Callable[[str], Any]


def tcp(port: int, **peers: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peers}]


def ranges(count: int) -> list[dict[str, str]]:
    return [{"CidrIp": f"192.0.2.{number}/32"} for number in range(count)]


def cloudfront(ec2: Any) -> str:  # noqa: ANN401 - boto3 clients have no static type
    filters = [{"Name": "prefix-list-name", "Values": ["com.amazonaws.global.cloudfront.origin-facing"]}]
    return str(ec2.describe_managed_prefix_lists(Filters=filters)["PrefixLists"][0]["PrefixListId"])


def code(refusal: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refusal.value.response["Error"]["Code"])


def test_a_group_in_a_rule_of_another_group_cannot_be_deleted(aws: Aws, vpc: str, group: str) -> None:
    ec2 = aws("ec2")
    other = ec2.create_security_group(GroupName="names-another", Description="test", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=tcp(80, UserIdGroupPairs=[{"GroupId": group}]))

    with pytest.raises(ClientError) as refusal:
        ec2.delete_security_group(GroupId=group)

    assert code(refusal) == "DependencyViolation"


def test_a_group_in_only_its_own_rules_can_be_deleted(aws: Aws, group: str) -> None:
    ec2 = aws("ec2")
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=tcp(80, UserIdGroupPairs=[{"GroupId": group}]))

    ec2.delete_security_group(GroupId=group)

    with pytest.raises(ClientError) as refusal:
        ec2.describe_security_groups(GroupIds=[group])
    assert code(refusal) == "InvalidGroup.NotFound"


def test_a_group_on_an_interface_cannot_be_deleted(aws: Aws, vpc: str, group: str) -> None:
    ec2 = aws("ec2")
    subnet = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]["SubnetId"]
    ec2.create_network_interface(SubnetId=subnet, Groups=[group])

    with pytest.raises(ClientError) as refusal:
        ec2.delete_security_group(GroupId=group)

    assert code(refusal) == "DependencyViolation"


def test_a_direction_holds_at_most_sixty_rules(aws: Aws, group: str) -> None:
    ec2 = aws("ec2")
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=tcp(80, IpRanges=ranges(60)))

    with pytest.raises(ClientError) as refusal:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=tcp(81, IpRanges=ranges(1)))

    assert code(refusal) == "RulesPerSecurityGroupLimitExceeded"


@pytest.mark.parametrize("others", [5, 6])
def test_a_prefix_list_counts_with_its_weight(aws: Aws, group: str, others: int) -> None:
    ec2 = aws("ec2")
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=tcp(80, IpRanges=ranges(others)))
    prefix_list = tcp(443, PrefixListIds=[{"PrefixListId": cloudfront(ec2)}])

    if others == 5:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=prefix_list)
    else:
        with pytest.raises(ClientError) as refusal:
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=prefix_list)
        assert code(refusal) == "RulesPerSecurityGroupLimitExceeded"


def test_an_interface_has_at_most_five_groups(aws: Aws, vpc: str) -> None:
    ec2 = aws("ec2")
    subnet = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]["SubnetId"]
    groups = [
        ec2.create_security_group(GroupName=f"one-of-six-{number}", Description="test", VpcId=vpc)["GroupId"]
        for number in range(6)
    ]
    ec2.create_network_interface(SubnetId=subnet, Groups=groups[:5])

    with pytest.raises(ClientError) as refusal:
        ec2.create_network_interface(SubnetId=subnet, Groups=groups)

    assert code(refusal) == "SecurityGroupsPerInterfaceLimitExceeded"


def test_an_operation_that_the_lab_lacks_is_refused_by_name(aws: Aws) -> None:
    with pytest.raises(ClientError, match="describe_ipam_byoasn"):
        aws("ec2").describe_ipam_byoasn()


def test_an_address_that_an_interface_has_cannot_be_given_to_another_one(aws: Aws, vpc: str) -> None:
    ec2 = aws("ec2")
    subnet = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]
    address = f"{subnet['CidrBlock'].rpartition('.')[0]}.77"
    made = ec2.create_network_interface(SubnetId=subnet["SubnetId"], PrivateIpAddress=address)

    with pytest.raises(ClientError) as refusal:
        ec2.create_network_interface(SubnetId=subnet["SubnetId"], PrivateIpAddress=address)

    assert code(refusal) == "InvalidIPAddress.InUse"
    ec2.delete_network_interface(NetworkInterfaceId=made["NetworkInterface"]["NetworkInterfaceId"])
    ec2.create_network_interface(SubnetId=subnet["SubnetId"], PrivateIpAddress=address)
