"""The lab's two environments before the firewall: the facts that AWS and Kubernetes must agree on."""

from dataclasses import dataclass

REGION = "ap-northeast-2"
SERVICE_CIDR = "172.20.0.0/16"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One environment before the firewall exists.

    Attributes:
        stack: The environment's name, which is also the stack's.
        network: The first two octets of the VPC, a /16.
    """

    stack: str
    network: str


SURROUNDINGS = (Surroundings("dev", "10.10"), Surroundings("prod", "10.20"))
