"""What decides about the workloads of a class, with sets of workloads and ports as numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flash_ticket.firewall.analyse.admin.admin_policy import Action, AdminPolicy, AdminRule
from flash_ticket.firewall.terms.addresses import AddressRange

EVERYBODY = -1
"""The number of the set of all workloads."""
PortIds = frozenset[int]


@dataclass(slots=True, eq=False)
class Grants:
    """What all policies of a workload together allow in one direction.

    Attributes:
        everybody: The ports open to every peer, inside and outside the cluster.
        pods: The ports open to each set of workloads.
        addresses: The ports open to each address range.
    """

    everybody: PortIds
    pods: Mapping[int, PortIds]
    addresses: Mapping[AddressRange, PortIds]


@dataclass(slots=True, eq=False)
class Step:
    """A rule of an administrator.

    Attributes:
        sets: The sets of workloads that it matches.
        ports: The number of its ports.
    """

    policy: AdminPolicy
    rule: AdminRule
    sets: frozenset[int]
    ports: int


@dataclass(slots=True, eq=False)
class Rules:
    """What decides about a workload in one direction.

    Attributes:
        grants: What NetworkPolicies allow; None if none of them selects the workload.
        steps: The rules of administrators, by precedence.
        telling: The sets that make a difference. Peers in the same of these sets are treated alike.
    """

    grants: Grants | None
    steps: tuple[Step, ...]
    telling: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        named = {key for step in self.steps for key in step.sets}
        self.telling = frozenset(named | set(self.grants.pods if self.grants else ()))

    @property
    def targets(self) -> list[int]:
        """The sets that the rules can open something to; everybody if it is not only sets."""
        if self.grants is None or self.grants.everybody:
            return [EVERYBODY]
        allowing = {key for step in self.steps if step.rule.action is Action.ALLOW for key in step.sets}
        return list(allowing.union(self.grants.pods))
