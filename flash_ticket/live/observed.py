"""What verification reads besides the addresses: rules of others, and how the stack records traffic.

This module only reads. `flash_ticket.firewall.compile.guard_rails.rights` lists every right that it needs.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.ownership.own_resources import own_flow_log
from flash_ticket.firewall.change.ownership.rule_identity import existing_groups
from flash_ticket.firewall.declare.binding import Binding
from flash_ticket.firewall.declare.choices import CniName, EnforcingMode
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.terms.input_error import InputError, refuse_all
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import RefusedError
from flash_ticket.live.beside.others import read_others
from flash_ticket.live.inventory import take_inventory
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.left_behind import left_behind_or_refusal
from flash_ticket.live.logs.flow_log_delivery import flow_logs_of_vpc
from flash_ticket.live.resolvers import resolvers_or_refusal
from flash_ticket.verify.observed import Observed, SeenBucket, SeenFlowLogs

_LOG_GROUPS = 50
"""CloudWatch Logs API reference, DescribeLogGroups, limit."""

_NOT_SET = {
    "NoSuchBucketPolicy",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchPublicAccessBlockConfiguration",
}
"""S3 API reference, "Error responses": the error codes for a setting that a bucket does not have."""


def observe(cluster: KubernetesCluster, account: AwsAccount, matrix: Matrix, binding: Binding, now: float) -> Observed:
    """Return what is deployed and runs now, in the firewalled namespaces only.

    Args:
        cluster: The stack's cluster.
        account: The stack's account and region.
        matrix: The matrix whose endpoints the binding maps to places.
        binding: The binding of the same stack.
        now: The current time, in seconds since 1970.

    Raises:
        InputError: An API does not answer, a right is missing, or a name in the binding matches nothing or too much.
    """
    labels = cluster.require_namespaces(matrix, account.owner.stack)
    inventory = take_inventory(cluster, account, matrix, binding, now, within=tuple(labels))
    resolvers = resolvers_or_refusal(cluster)
    if not isinstance(resolvers, InputError):
        inventory = replace(inventory, pods=tuple(dict.fromkeys((*inventory.pods, *resolvers))))
    seen = Observed(inventory, unseen_resolvers=resolvers if isinstance(resolvers, InputError) else None)
    own = [group["GroupId"] for group in seen.deployed.groups]
    rules = account.rules_in({*own, *existing_groups(seen.environment)})
    known = {rule["SecurityGroupRuleId"] for rule in rules}
    left = [rule for rule in seen.deployed.rules if rule["SecurityGroupRuleId"] not in known]
    others = read_others(cluster, labels)
    refuse_all(others.unread)
    return replace(
        seen,
        group_rules=(*rules, *left),
        flow_logs=_flow_logs(account, seen.environment.vpc),
        others=others.policies,
        left_behind=left_behind_or_refusal(account, seen.deployed),
        namespace_labels=labels[matrix.namespace],
        labels_elsewhere=others.namespaces,
        enforcing_mode=_enforcing_mode(cluster),
        cilium_config=cilium_config(cluster, seen.environment),
    )


def _enforcing_mode(cluster: KubernetesCluster) -> tuple[EnforcingMode, ...] | InputError:
    try:
        return cluster.enforcing_mode()
    except InputError as refused:
        return refused


def cilium_config(cluster: KubernetesCluster, environment: Environment) -> Mapping[str, str] | InputError | None:
    """Return the settings of Cilium's agents, or the refusal; None with another plug-in, or where they are not kept."""
    try:
        return cluster.cilium_config() if environment.cluster.cni is CniName.CILIUM else None
    except InputError as refused:
        return refused


def _flow_logs(account: AwsAccount, vpc: str) -> SeenFlowLogs:
    flow_logs = tuple(flow_logs_of_vpc(account, vpc))
    own = own_flow_log(flow_logs, account.owner)
    destination = str((own or {}).get("LogDestination", ""))
    if ":s3:" in destination:
        return SeenFlowLogs(flow_logs, bucket=_bucket(account, destination.partition(":::")[2].partition("/")[0]))
    name = str((own or {}).get("LogGroupName") or destination.partition(":log-group:")[2].removesuffix(":*"))
    return SeenFlowLogs(flow_logs, log_group=_log_group(account, name) if name else None)


def _bucket(account: AwsAccount, name: str) -> SeenBucket | None:
    """Return the settings of a bucket, or None if the bucket does not exist."""

    def asked(operation: str) -> Any:  # noqa: ANN401 - the SDK's
        try:
            return account.ask("s3", operation, Bucket=name)
        except RefusedError as refused:
            if refused.code in _NOT_SET:
                return None
            raise

    try:
        return SeenBucket(
            _of(asked("get_bucket_policy"), lambda found: json.loads(found["Policy"])),
            _of(asked("get_bucket_encryption"), lambda found: found["ServerSideEncryptionConfiguration"]["Rules"][0]),
            _of(asked("get_public_access_block"), lambda found: found["PublicAccessBlockConfiguration"]),
        )
    except RefusedError as refused:
        if refused.code == "NoSuchBucket":
            return None
        raise


def _of(found: Any, part: Callable[[Any], dict[str, Any]]) -> dict[str, Any] | None:  # noqa: ANN401 - the SDK's
    return None if found is None else part(found)


def _log_group(account: AwsAccount, name: str) -> dict[str, Any] | None:
    found = account.ask("logs", "describe_log_groups", logGroupNamePrefix=name, limit=_LOG_GROUPS)
    return next((group for group in found["logGroups"] if group["logGroupName"] == name), None)
