"""What exists and runs now, as the two APIs describe it: the input of a verification."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.deployed import Deployed, Described
from flash_ticket.firewall.change.overruling import OtherPolicy, Others
from flash_ticket.firewall.declare.choices import EnforcingMode
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.attribution.inventory import Inventory
from flash_ticket.verify.finding import Finding


@dataclass(frozen=True, slots=True)
class SeenBucket:
    """The settings of the bucket that a flow log writes to; each is None where the bucket has none.

    Attributes:
        policy: As parsed JSON.
        encryption: The first rule of GetBucketEncryption.
        public_access: As GetPublicAccessBlock returns it.
    """

    policy: Described | None
    encryption: Described | None
    public_access: Described | None


@dataclass(frozen=True, slots=True)
class SeenFlowLogs:
    """How the traffic of the VPC is recorded.

    Attributes:
        flow_logs: The VPC's flow logs, as DescribeFlowLogs returns them.
        bucket: The bucket that the stack's flow log writes to; None if there is none.
        log_group: The log group that it writes to, as DescribeLogGroups returns it; None if there is none.
    """

    flow_logs: tuple[Described, ...]
    bucket: SeenBucket | None = None
    log_group: Described | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """The cluster and the account of one stack at one moment.

    Attributes:
        inventory: Pods, interfaces and what the stack has deployed; it includes an environment.
        group_rules: All rules, whatever their origin, of the stack's own groups and of the existing groups that the
            stack puts rules in; None if they were not read.
        flow_logs: The flow logs and their destination; None if they were not read.
        others: Policies of other APIs that may decide about the same pods; None if they were not read.
        left_behind: What a broken deployment left of its record; the refusal if the account refuses to answer, and
            None if it was not read.
        namespace_labels: The labels of the firewalled namespace.
        unseen_resolvers: Why the pods of kube-dns were not read; None if they are in the inventory, as far as it has
            their namespace.
        labels_elsewhere: The labels of each namespace, where policies of administrators select by them.
        enforcing_mode: The mode of the VPC CNI, or nothing without its DaemonSet; the refusal if the cluster refuses
            to answer, and None if it was not read.
        cilium_config: The settings of Cilium's agents; the refusal if the cluster refuses to answer, and None if they
            were not read, or kube-system does not have them.
    """

    inventory: Inventory
    group_rules: tuple[Described, ...] | None = None
    flow_logs: SeenFlowLogs | None = None
    others: tuple[OtherPolicy, ...] | None = None
    left_behind: tuple[Finding, ...] | InputError | None = None
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    unseen_resolvers: InputError | None = None
    labels_elsewhere: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    enforcing_mode: tuple[EnforcingMode, ...] | InputError | None = None
    cilium_config: Mapping[str, str] | InputError | None = None

    @property
    def environment(self) -> Environment:
        """The places of the binding, as they were found.

        Raises:
            InputError: The inventory contains none.
        """
        if self.inventory.environment is None:
            raise _incomplete("environment")
        return self.inventory.environment

    @property
    def deployed(self) -> Deployed:
        """What the stack has deployed.

        Raises:
            InputError: The inventory does not contain it.
        """
        if self.inventory.deployed is None:
            raise _incomplete("deployed")
        return self.inventory.deployed

    def policies_of_others(self, namespace: str) -> Others | None:
        """Return the policies of other APIs, with the labels of namespaces; None if they were not read.

        Args:
            namespace: The firewalled namespace.
        """
        own = {namespace: self.namespace_labels} if self.namespace_labels else {}
        return None if self.others is None else Others(self.others, {**self.labels_elsewhere, **own})

    @property
    def unseen(self) -> tuple[str, ...]:
        """What was not read, or refused, in words."""
        left, cilium = self.left_behind, self.cilium_config
        refused, mode = f" ({left})" if isinstance(left, InputError) else "", self.enforcing_mode
        return (
            *(() if self.group_rules is not None else ("rules that others put in the stack's groups",)),
            *(() if self.flow_logs is not None else ("the flow log and its destination",)),
            *(() if self.others is not None else ("policies of other APIs",)),
            *((f"the groups of the pods of kube-dns ({self.unseen_resolvers})",) if self.unseen_resolvers else ()),
            *(() if isinstance(left, tuple) else (f"what a broken deployment left behind{refused}",)),
            *((f"the enforcing mode of the VPC CNI ({mode})",) if isinstance(mode, InputError) else ()),
            *((f"the settings of Cilium ({cilium})",) if isinstance(cilium, InputError) else ()),
        )


def accepting(inventory: Inventory, policies: Iterable[str]) -> Inventory:
    """Return a saved inventory with the accepted policies of today, which are a setting."""
    environment = inventory.environment
    known = replace(environment, accepted_policies=tuple(policies)) if environment else None
    return replace(inventory, environment=known)


def _incomplete(key: str) -> InputError:
    return InputError("--inventory", key, "the inventory does not contain it", "Save one with flash-firewall inventory")
