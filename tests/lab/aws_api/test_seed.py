"""The account where the committed stacks look up their resources."""

from collections.abc import Callable
from ipaddress import IPv6Network, ip_network
from typing import Any

import pytest

from lab.aws_api.seed import make_environment
from lab.surroundings import BOTH_FAMILIES

Aws = Callable[[str], Any]


@pytest.mark.parametrize(("stack", "cidr"), [("dev", "10.10.0.0/16"), ("prod", "10.20.0.0/16")])
def test_an_environment_has_one_vpc_with_its_name(aws: Aws, stack: str, cidr: str) -> None:
    vpcs = aws("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"flash-ticket-{stack}"]}])["Vpcs"]

    assert [vpc["CidrBlock"] for vpc in vpcs] == [cidr]


@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize("tier", ["public", "private", "data"])
def test_each_tier_has_subnets_in_two_zones(aws: Aws, stack: str, tier: str) -> None:
    filters = [{"Name": "tag:Environment", "Values": [stack]}, {"Name": "tag:Tier", "Values": [tier]}]

    subnets = aws("ec2").describe_subnets(Filters=filters)["Subnets"]

    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == len(subnets) == 2


@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize("name", ["nodes", "rabbitmq", "redis", "database"])
def test_the_groups_that_a_stack_names_exist(aws: Aws, stack: str, name: str) -> None:
    filters = [{"Name": "tag:Name", "Values": [f"flash-ticket-{stack}-{name}"]}]

    assert len(aws("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]) == 1


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_cluster_has_its_own_security_group_in_its_vpc(aws: Aws, stack: str) -> None:
    network = aws("eks").describe_cluster(name=f"flash-ticket-{stack}")["cluster"]["resourcesVpcConfig"]

    groups = aws("ec2").describe_security_groups(GroupIds=[network["clusterSecurityGroupId"]])["SecurityGroups"]

    assert groups[0]["VpcId"] == network["vpcId"]
    assert {"Key": "aws:eks:cluster-name", "Value": f"flash-ticket-{stack}"} in groups[0]["Tags"]


def test_cloudfronts_prefix_list_belongs_to_aws_and_has_its_weight(aws: Aws) -> None:
    filters = [{"Name": "prefix-list-name", "Values": ["com.amazonaws.global.cloudfront.origin-facing"]}]

    prefix_lists = aws("ec2").describe_managed_prefix_lists(Filters=filters)["PrefixLists"]

    assert [(each["OwnerId"], each["MaxEntries"]) for each in prefix_lists] == [("AWS", 55)]


def test_an_environment_of_both_families_has_pods_and_services_of_ipv6(aws: Aws) -> None:
    ec2, named = aws("ec2"), [{"Name": "tag:Name", "Values": ["flash-ticket-dual"]}]
    make_environment(ec2.meta.endpoint_url, BOTH_FAMILIES)

    (vpc,) = ec2.describe_vpcs(Filters=named)["Vpcs"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    addressed = aws("eks").describe_cluster(name="flash-ticket-dual")["cluster"]["kubernetesNetworkConfig"]

    whole = IPv6Network(vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"])
    blocks = [IPv6Network(each["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]) for each in subnets]
    assert (vpc["CidrBlock"], whole.prefixlen) == ("10.30.0.0/16", 56)
    assert len(set(blocks)) == len(subnets) == 6
    assert all(whole.supernet_of(block) and block.prefixlen == 64 for block in blocks)
    assert addressed["ipFamily"] == "ipv6"
    assert ip_network(addressed["serviceIpv6Cidr"]).is_private
