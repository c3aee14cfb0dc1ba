"""Who owns a resource of the account: the stack, the namespace and the cluster that it was made for.

Tags carry all three. Several firewalls can share a VPC: those of two namespaces, and those of two clusters. They can
have the same stack name, so a stack's name alone does not tell their resources apart.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from flash_ticket.firewall.bind.environment import Environment

STACK_TAG: Final = "flash-firewall:stack"
"""The tag with the stack's name. Earlier versions of this program set it alone."""

NAMESPACE_TAG: Final = "flash-firewall:namespace"
"""The tag with the namespace of the pods."""

CLUSTER_TAG: Final = "flash-firewall:cluster"
"""The tag with the region and the name of the cluster."""

GROUP_TAG: Final = "flash-firewall:group"
"""The tag with the service or load balancer of a group, by its name in the matrix."""

_DIGEST: Final = 8


class Claim(Enum):
    """What the tags of a resource say about its owner."""

    OURS = auto()
    EARLIER = auto()
    """Made for a stack of this name, by an earlier version of this program: the tags do not name the cluster."""
    OTHERS = auto()


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """One firewall.

    Attributes:
        stack: The name of the Pulumi stack, such as ``dev``.
        namespace: The namespace of the pods.
        cluster: The region and the name of the cluster, such as ``ap-northeast-2/flash-ticket-dev``. Another region
            may have a cluster of the same name, and roles and buckets belong to no region.
    """

    stack: str
    namespace: str
    cluster: str

    @classmethod
    def of(cls, namespace: str, environment: Environment) -> "Owner":
        """Return the firewall of a namespace in an environment."""
        return cls.in_cluster(environment.name, namespace, environment.region, environment.cluster.name)

    @classmethod
    def in_cluster(cls, stack: str, namespace: str, region: str, cluster: str) -> "Owner":
        """Return the firewall of a stack for a namespace of a cluster."""
        return cls(stack, namespace, f"{region}/{cluster}")

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything that this program creates for the firewall."""
        return {STACK_TAG: self.stack, NAMESPACE_TAG: self.namespace, CLUSTER_TAG: self.cluster}

    @property
    def name(self) -> str:
        """The namespace and the stack, such as ``flash-ticket-dev``: what people call the firewall."""
        return f"{self.namespace}-{self.stack}"

    @property
    def cluster_name(self) -> str:
        """The name of the cluster, without its region."""
        return self.cluster.rpartition("/")[2]

    @property
    def is_plain(self) -> bool:
        """Whether the cluster is named after the firewall, so that the firewall's own name tells all three."""
        return self.cluster_name == self.name

    @property
    def account_name(self) -> str:
        """A name that no other firewall of the account and region has: ``flash-ticket-dev``.

        It ends with a hash if the namespace and the stack alone do not tell the firewall.
        """
        # After the last hyphen stands the stack, unless the stack has a hyphen or looks like a hash.
        if self.is_plain and "-" not in self.stack and not re.fullmatch(f"[0-9a-f]{{{_DIGEST}}}", self.stack):
            return self.name
        return f"{self.name}-{self.digest}"

    @property
    def digest(self) -> str:
        """A hash of the namespace, the stack and the cluster's name."""
        written = f"{self.namespace}/{self.stack}/{self.cluster_name}"
        return hashlib.sha256(written.encode()).hexdigest()[:_DIGEST]

    def claim(self, described: Mapping[str, Any]) -> Claim:
        """Return what the tags of a resource, as the EC2 API describes it, say about its owner."""
        return self.claim_of(tags_of(described))

    def claim_of(self, tags: Mapping[str, str]) -> Claim:
        """Return what tags say about the owner of their resource."""
        found = {key: tags[key] for key in self.tags if key in tags}
        if STACK_TAG not in found or any(self.tags[key] != value for key, value in found.items()):
            return Claim.OTHERS
        return Claim.OURS if found == self.tags else Claim.EARLIER

    def __str__(self) -> str:
        """Return the owner in words."""
        return f"the stack {self.stack} for {self.namespace} in {self.cluster}"


NOBODY: Final = Owner("", "", "")
"""The owner of nothing: for questions about an account that concern no stack."""


def owner_in(tags: Mapping[str, str]) -> Owner | None:
    """Return the firewall that complete tags name, or None."""
    if {STACK_TAG, NAMESPACE_TAG, CLUSTER_TAG} <= tags.keys():
        return Owner(tags[STACK_TAG], tags[NAMESPACE_TAG], tags[CLUSTER_TAG])
    return None


def tags_of(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a resource, as the EC2 API describes it."""
    return {tag["Key"]: tag["Value"] for tag in described.get("Tags", ())}
