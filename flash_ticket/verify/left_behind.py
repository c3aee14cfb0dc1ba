"""Resources for flow logs that this program created and that no flow log uses.

AWS gives keys, roles, log groups and buckets new names each time. If the engine ends before AWS answers, no state knows
them. The answer for a key comes late, when its rotation and policy are effective everywhere. The program does not adopt
such resources: those that ``onDestroy: retain`` keeps look the same, and destroying a new stack would then delete the
records of the old one. The findings name nothing that contains a record, and no key that decrypts one.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from flash_ticket.firewall.change.deployed import Described
from flash_ticket.verify.finding import Finding, FindingKind

_DAYS = 7
"""The shortest time before AWS deletes a key permanently (KMS API reference, ScheduleKeyDeletion)."""


@dataclass(frozen=True, slots=True)
class RecordParts:
    """The existing resources for this stack's flow logs, found by tags and by the beginnings of names.

    Attributes:
        flow_logs: This stack's flow logs, as DescribeFlowLogs returns them.
        keys: The ARNs of the enabled keys.
        roles: The ARNs of the roles, with the names of their inline policies.
        groups: The names of the log groups, with the ARNs of their keys; None if there is no key.
        buckets: The names of the buckets, with the ARNs or ids of their keys.
        filled: The names of log groups with a stream and of buckets with an object.
        results: The name of the bucket for Athena's results; None if Athena has none.
        all_flow_logs: All flow logs of the region, those of others too.
    """

    flow_logs: tuple[Described, ...]
    keys: tuple[str, ...] = ()
    roles: tuple[tuple[str, tuple[str, ...]], ...] = ()
    groups: tuple[tuple[str, str | None], ...] = ()
    buckets: tuple[tuple[str, str | None], ...] = ()
    filled: frozenset[str] = frozenset()
    results: str | None = None
    all_flow_logs: tuple[Described, ...] = ()

    def left(self) -> Iterator[Finding]:
        """Yield what is left behind; nothing if there is no flow log yet, because a deployment may be running."""
        if not self.flow_logs:
            return
        flow_logs = (*self.flow_logs, *self.all_flow_logs)
        writers = {str(each.get("DeliverLogsPermissionArn")) for each in flow_logs}
        used = {*map(_destination, flow_logs), *self.filled, self.results}
        yield from (_role(arn, policies) for arn, policies in self.roles if arn not in writers)
        yield from (
            _finding(f"log group {name}", f"aws logs delete-log-group --log-group-name {name}")
            for name, _ in self.groups
            if name not in used
        )
        yield from (
            _finding(f"bucket {name}", f"aws s3api delete-bucket --bucket {name}")
            for name, _ in self.buckets
            if name not in used
        )
        yield from map(_key, self._unused_keys(used))

    def _unused_keys(self, used: Collection[str | None]) -> Iterator[str]:
        encrypting = {_id(key) for name, key in (*self.groups, *self.buckets) if key and name in used}
        yield from (_id(key) for key in self.keys if _id(key) not in encrypting)


def _destination(flow_log: Described) -> str:
    """Return the name of a log group or bucket."""
    arn = str(flow_log.get("LogDestination", ""))
    if ":s3:" in arn:
        return arn.partition(":::")[2].partition("/")[0]
    return str(flow_log.get("LogGroupName") or arn.partition(":log-group:")[2].removesuffix(":*"))


def _id(key: str) -> str:
    return key.rpartition("/")[2]


def _key(key: str) -> Finding:
    command = f"aws kms schedule-key-deletion --key-id {key} --pending-window-in-days {_DAYS}"
    return _finding(f"KMS key {key}", command)


def _role(arn: str, policies: tuple[str, ...]) -> Finding:
    name = _id(arn)
    emptied = (f"aws iam delete-role-policy --role-name {name} --policy-name {policy}" for policy in policies)
    return _finding(f"role {name}", *emptied, f"aws iam delete-role --role-name {name}")


def _finding(resource: str, *commands: str) -> Finding:
    return Finding(
        resource,
        "it was made for this stack's flow logs, and nothing uses it",
        "a deployment that made it ended before Pulumi knew of it, so no update and no destroy removes it",
        f"pulumi up; if it is still named after an update that succeeds: {' && '.join(commands)}",
        FindingKind.LEFT_BEHIND,
    )
