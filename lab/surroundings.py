"""What the lab's two environments are before the firewall is there, as far as AWS and Kubernetes must agree on it."""

from dataclasses import dataclass

REGION = "ap-northeast-2"
SERVICE_CIDR = "172.20.0.0/16"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What exists before the firewall does, in one environment.

    Attributes:
        stack: The environment's name, which is also the stack's.
        network: The first two octets of the VPC, a /16.
    """

    stack: str
    network: str


SURROUNDINGS = (Surroundings("dev", "10.10"), Surroundings("prod", "10.20"))
