"""The AWS account of the committed stacks: two environments of the shop in one region, created through the API."""

import json
from typing import Any

import boto3

from lab.surroundings import REGION, SERVICE_CIDR, SURROUNDINGS, Surroundings

_ZONES = ("ap-northeast-2a", "ap-northeast-2c")
# Each tier and the third octet of its first subnet; the second subnet has the next octet.
_TIERS = (("public", 0), ("private", 10), ("data", 20))
_SUBNET_BITS = 24
_GROUPS = {
    "nodes": "Worker nodes",
    "rabbitmq": "Message broker",
    "redis": "Cache",
    "database": "Databases",
}


def seed(endpoint: str) -> None:
    """Create both environments at the AWS endpoint."""
    session = boto3.Session("lab", "lab", region_name=REGION)
    ec2 = session.client("ec2", endpoint_url=endpoint)
    eks = session.client("eks", endpoint_url=endpoint)
    role = session.client("iam", endpoint_url=endpoint).create_role(
        RoleName="flash-ticket-cluster",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ],
            }
        ),
    )
    for surroundings in SURROUNDINGS:
        private = _make_network(ec2, surroundings)
        eks.create_cluster(
            name=f"flash-ticket-{surroundings.stack}",
            version="1.33",
            roleArn=role["Role"]["Arn"],
            resourcesVpcConfig={"subnetIds": private},
            kubernetesNetworkConfig={"serviceIpv4Cidr": SERVICE_CIDR},
        )


def _make_network(ec2: Any, surroundings: Surroundings) -> list[str]:  # noqa: ANN401 - boto3 creates clients at run time
    """Create the VPC with its subnets and groups, and return the ids of the private subnets."""
    name = f"flash-ticket-{surroundings.stack}"
    vpc = ec2.create_vpc(CidrBlock=f"{surroundings.network}.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=_tags(surroundings, Name=name))
    private = []
    for tier, octet in _TIERS:
        for offset, zone in enumerate(_ZONES):
            cidr = f"{surroundings.network}.{octet + offset}.0/{_SUBNET_BITS}"
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
            ec2.create_tags(Resources=[subnet], Tags=_tags(surroundings, Name=f"{name}-{tier}-{zone[-1]}", Tier=tier))
            if tier == "private":
                private.append(subnet)
    for suffix, description in _GROUPS.items():
        group = ec2.create_security_group(GroupName=f"{name}-{suffix}", Description=description, VpcId=vpc)["GroupId"]
        ec2.create_tags(Resources=[group], Tags=_tags(surroundings, Name=f"{name}-{suffix}"))
    return private


def _tags(surroundings: Surroundings, **tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in {**tags, "Environment": surroundings.stack}.items()]
