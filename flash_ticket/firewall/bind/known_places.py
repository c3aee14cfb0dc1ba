"""What is known of places beside their addresses: who else has these, in which stack they are pods, and AWS's lists."""

import re
from dataclasses import dataclass
from enum import StrEnum

from flash_ticket.firewall.declare.matrix import Labels

AWS_PREFIX_LIST_WEIGHTS = {"com.amazonaws.global.cloudfront.origin-facing": 55}
"""How many rules a prefix list of AWS counts as in a security group (VPC user guide, AWS-managed prefix lists)."""

_WEIGHTS_IN_REGIONS = {"s3": 1, "dynamodb": 1}
_OF_REGION = re.compile(r"com\.amazonaws\.[a-z0-9-]+\.([a-z0-9]+)")


def aws_weight(prefix_list: str) -> int:
    """Return the documented weight of a prefix list of AWS by its name; 0 if there is none."""
    found = _OF_REGION.fullmatch(prefix_list)
    return AWS_PREFIX_LIST_WEIGHTS.get(prefix_list, _WEIGHTS_IN_REGIONS.get(found[1], 0) if found else 0)


class Occupants(StrEnum):
    """What can have the addresses of a place."""

    ANY = "any host there"
    ONLY = "only the external"


@dataclass(frozen=True, slots=True, order=True)
class PodsOfPlace:
    """The pods that an external is in one stack, in a namespace other than the firewalled one.

    Attributes:
        pods: Their labels as sorted pairs; empty means every pod of the namespace.
    """

    namespace: str
    pods: Labels
