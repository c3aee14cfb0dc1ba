"""The lab's two environments before the firewall: the facts that AWS and Kubernetes must agree on."""

from dataclasses import dataclass

from flash_ticket.firewall.terms.addresses import Family

REGION = "ap-northeast-2"
SERVICE_CIDR = "172.20.0.0/16"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One environment before the firewall exists.

    Attributes:
        stack: The environment's name, which is also the stack's.
        network: The first two octets of the VPC, a /16.
        family: The family of the addresses of pods and Services. With IPv6, the VPC and its subnets have both.
    """

    stack: str
    network: str
    family: Family = Family.V4


BOTH_FAMILIES = Surroundings("dual", "10.30", Family.V6)
"""A VPC of both families and a cluster of IPv6, for a test that makes it: see `lab.aws_api.seed.make_environment`."""

SURROUNDINGS = (Surroundings("dev", "10.10"), Surroundings("prod", "10.20"))
STACKS = tuple(each.stack for each in SURROUNDINGS)
