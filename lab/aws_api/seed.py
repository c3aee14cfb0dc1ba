"""The AWS account of the committed stacks: two environments of the shop in one region, created through the API."""

import json
from functools import cache
from ipaddress import ip_network
from typing import Any

import boto3

from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.terms.addresses import Family
from lab.surroundings import REGION, SERVICE_CIDR, SURROUNDINGS, Surroundings

_ROLE = "flash-ticket-cluster"
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
    _client(endpoint, "iam").create_role(
        RoleName=_ROLE,
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
        make_environment(endpoint, surroundings)


def make_environment(endpoint: str, surroundings: Surroundings) -> None:
    """Create one environment at a seeded endpoint."""
    private = _make_network(_client(endpoint, "ec2"), surroundings)
    sixth = surroundings.family is Family.V6
    _client(endpoint, "eks").create_cluster(
        name=f"flash-ticket-{surroundings.stack}",
        version="1.33",
        roleArn=_client(endpoint, "iam").get_role(RoleName=_ROLE)["Role"]["Arn"],
        resourcesVpcConfig={"subnetIds": private},
        kubernetesNetworkConfig={"ipFamily": "ipv6"} if sixth else {"serviceIpv4Cidr": SERVICE_CIDR},
    )


_session = cache(boto3.Session)
"""A session reads the description of a service once for all of its clients, and that takes most of the time."""


def _client(endpoint: str, service: str) -> Any:  # noqa: ANN401 - boto3 creates clients at run time
    make_client: Any = _session("lab", "lab", region_name=REGION).client
    return make_client(service, endpoint_url=endpoint)


def _make_network(ec2: Any, surroundings: Surroundings) -> list[str]:  # noqa: ANN401 - boto3 creates clients at run time
    """Create the VPC with its subnets and groups, and return the ids of the private subnets.

    As in an ordinary EKS account, every group allows egress to anywhere, and nodes allow everything among themselves.
    """
    name = f"flash-ticket-{surroundings.stack}"
    sixth = surroundings.family is Family.V6
    made = ec2.create_vpc(CidrBlock=f"{surroundings.network}.0.0/16", AmazonProvidedIpv6CidrBlock=sixth)["Vpc"]
    blocks = [ip_network(each["Ipv6CidrBlock"]) for each in made.get("Ipv6CidrBlockAssociationSet", ())]
    vpc = made["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=_tags(surroundings, Name=name))
    private = []
    for tier, octet in _TIERS:
        for offset, zone in enumerate(_ZONES):
            cidr = f"{surroundings.network}.{octet + offset}.0/{_SUBNET_BITS}"
            own = {"Ipv6CidrBlock": _numbered(blocks[0], octet + offset)} if blocks else {}
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone, **own)["Subnet"]["SubnetId"]
            ec2.create_tags(Resources=[subnet], Tags=_tags(surroundings, Name=f"{name}-{tier}-{zone[-1]}", Tier=tier))
            if tier == "private":
                private.append(subnet)
    for suffix, description in _GROUPS.items():
        group = ec2.create_security_group(GroupName=f"{name}-{suffix}", Description=description, VpcId=vpc)["GroupId"]
        ec2.create_tags(Resources=[group], Tags=_tags(surroundings, Name=f"{name}-{suffix}"))
        if suffix == "nodes":
            among = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[among])
    return private


def _numbered(block: Network, number: int) -> str:
    """Return a /64 of a VPC's IPv6 block by its number."""
    return str(ip_network((int(block.network_address) + (number << 64), 64)))


def _tags(surroundings: Surroundings, **tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in {**tags, "Environment": surroundings.stack}.items()]
