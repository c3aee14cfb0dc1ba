"""The firewalls of the committed stacks, as the owners of resources in the account."""

from typing import Any

from flash_ticket.firewall.compile.owner import Owner
from lab.surroundings import REGION

NAMESPACE = "flash-ticket"


def owner_of(stack: str, namespace: str = NAMESPACE, cluster: str | None = None) -> Owner:
    """Return the owner of a stack; without a cluster, in the one that is named after the shop and the stack."""
    return Owner.in_cluster(stack, namespace, REGION, cluster or f"{NAMESPACE}-{stack}")


DEV, PROD = owner_of("dev"), owner_of("prod")


def tags(owner: Owner, **more: str) -> list[dict[str, Any]]:
    """Return an owner's tags and others, as the EC2 API describes them."""
    return [{"Key": key, "Value": value} for key, value in {**owner.tags, **more}.items()]
