"""What stands and runs now, in the words of the two APIs: what verification looks at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.attribution.inventory import Inventory
from flash_ticket.verify.overruling import OtherPolicy

Described = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SeenBucket:
    """The settings of the bucket that a flow log fills; each None where the bucket has none.

    Attributes:
        policy: As JSON gives it.
        encryption: The first rule of GetBucketEncryption.
        public_access: As GetPublicAccessBlock gives it.
    """

    policy: Described | None
    encryption: Described | None
    public_access: Described | None


@dataclass(frozen=True, slots=True)
class SeenRecording:
    """How the traffic of the VPC is recorded.

    Attributes:
        flow_logs: The VPC's, as DescribeFlowLogs tells them.
        bucket: Where the stack's own delivers to, if it is one that is there.
        log_group: As DescribeLogGroups tells it, likewise.
    """

    flow_logs: tuple[Described, ...]
    bucket: SeenBucket | None = None
    log_group: Described | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """One stack's cluster and account at one moment.

    Attributes:
        inventory: Pods, interfaces and what the stack has deployed; with an environment.
        group_rules: All rules, whoever made them, of the stack's own groups and of the existing ones that it puts
            rules in; None where they were not asked for.
        recording: None where it was not asked for.
        others: Policies of other APIs that may decide over the same pods; None where they were not asked for.
        namespace_labels: Of the firewalled namespace.
    """

    inventory: Inventory
    group_rules: tuple[Described, ...] | None = None
    recording: SeenRecording | None = None
    others: tuple[OtherPolicy, ...] | None = None
    namespace_labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> Environment:
        """The binding's places as they were found.

        Raises:
            InputError: The inventory tells none.
        """
        if self.inventory.environment is None:
            raise _incomplete("environment")
        return self.inventory.environment

    @property
    def deployed(self) -> Deployed:
        """What the stack has deployed.

        Raises:
            InputError: The inventory does not tell it.
        """
        if self.inventory.deployed is None:
            raise _incomplete("deployed")
        return self.inventory.deployed

    @property
    def unseen(self) -> tuple[str, ...]:
        """What was not asked for, in words."""
        return (
            *(() if self.group_rules is not None else ("rules of others in the stack's groups",)),
            *(() if self.recording is not None else ("the flow log and what it fills",)),
            *(() if self.others is not None else ("what policies of other APIs decide",)),
        )


def _incomplete(key: str) -> InputError:
    return InputError("--inventory", key, "it does not tell it", "Save one with flash-firewall inventory")
