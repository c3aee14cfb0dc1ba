"""Recorded traffic in an AWS account: the logs that a user names, and the logs that a stack records by itself."""

import os
import re
from collections.abc import Iterator

from flash_ticket.firewall.bind.edges.flow_log_settings import ExistingFlowLog
from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.ownership.own_resources import own_flow_log
from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
from flash_ticket.firewall.compile.owner import NOBODY, Owner
from flash_ticket.firewall.declare.choices import CniName, Compute
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import RefusedError
from flash_ticket.live.logs.flow_log_bucket import FlowLogBucket
from flash_ticket.live.logs.flow_log_delivery import Delivery, deliveries_to_group, delivery_of, flow_logs_of_vpc
from flash_ticket.live.logs.log_group import AGENT_STREAMS, FlowLogGroup, LogGroup, PolicyAgentGroup
from flash_ticket.traffic.records.record import Log
from flash_ticket.traffic.source import FORMS

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CLUSTER_GROUP = re.compile(r"/aws/eks/[^/]+/cluster")
_OWN_GROUP = re.compile(r"/[^/]+/[^/]+/flow-logs-[^/]*")


def environments_account() -> AwsAccount:
    """Return the account and region from the variables and settings of AWS.

    Of the AWS SDKs, only the one for Python reads AWS_DEFAULT_REGION and not AWS_REGION. Here, both count.

    Raises:
        InputError: The profile does not exist.
    """
    return AwsAccount.connect(os.environ.get("AWS_REGION"), None, NOBODY)


def log_of_bucket(account: AwsAccount, text: str) -> Log:
    """Return the flow logs at ``s3://BUCKET/PREFIX``.

    Raises:
        InputError: The text names no bucket.
    """
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise InputError(text, "", "it names no bucket", "Write s3://BUCKET/PREFIX")
    return FlowLogBucket(account, bucket, prefix)


def log_of_group(account: AwsAccount, text: str) -> Log:
    """Return the log in the log group of ``cloudwatch:LOG_GROUP``.

    The flow log defines the format of its lines. The group alone does not show it. This needs the right
    ec2:DescribeFlowLogs. If no flow log delivers to the group, it also needs logs:DescribeLogStreams.

    Raises:
        InputError: The group does not exist, or it records no traffic.
    """
    group = text.removeprefix("cloudwatch:")
    if not group:
        raise InputError(text, "", "it names no log group", "Write cloudwatch:LOG_GROUP")
    if _CLUSTER_GROUP.fullmatch(group):
        return _agent(account, group)
    formats = {each.fields for each in deliveries_to_group(account, group)}
    if not formats and _OWN_GROUP.fullmatch(group):
        formats = {RECORD_FIELDS}  # a destroyed stack left this group behind
    if len(formats) > 1:
        problem = "several flow logs deliver to it in different formats, and no line says whose it is"
        raise InputError(text, "", problem, "Give each flow log a group of its own")
    if formats:
        return FlowLogGroup(LogGroup(account, group), formats.pop())
    if _has_agent(account, group):
        return _agent(account, group)
    problem = "no flow log of this account and region delivers to it, and no network policy agent writes to it"
    remedy = "Name the group of a flow log or /aws/eks/CLUSTER/cluster, and check the region (AWS_REGION)"
    raise InputError(text, "", problem, remedy)


def own_logs(account: AwsAccount, environment: Environment, namespace: str) -> tuple[Log, ...]:
    """Return the logs of a stack's traffic: its flow log and, with the VPC CNI, the lines of the policy agent.

    The agent writes to CloudWatch if a setting of the add-on says so (EKS User Guide, "Limit Pod traffic"). Without
    that setting, the flow log is the only log. This needs the rights ec2:DescribeFlowLogs and logs:DescribeLogStreams,
    and the rights to read the logs.

    Args:
        account: The stack's account.
        environment: The stack's environment. Its VPC and its name identify the flow log.
        namespace: The namespace of the matrix.

    Raises:
        InputError: The stack records nothing, or a right to find its logs is missing.
    """
    settings = environment.flow_logs
    agents = tuple(_agents_of(account, environment)) if settings is None else ()
    if agents:
        return agents
    if settings is None:
        remedy = f"Add flowLogs to its binding (destination, or existing: {{id: fl-...}}), or name {FORMS}"
        raise InputError(f"stack {environment.name}", "", "it has no flow logs", remedy)
    described, owner = flow_logs_of_vpc(account, environment.vpc), Owner.of(namespace, environment)
    existing = settings.id if isinstance(settings, ExistingFlowLog) else ""
    with_id = (each for each in described if each["FlowLogId"] == existing)
    newest = next(with_id, None) if existing else own_flow_log(described, owner)
    if newest is None:
        others = ", ".join(each["FlowLogId"] for each in described)
        said = f"{existing} of flowLogs.existing" if existing else f"flow log with the tags of {owner}"
        problem = f"{environment.vpc} has no {said}" + (f", only {others}" if others else "")
        remedy = f"Deploy the stack with pulumi up, or name {FORMS}"
        raise InputError(f"stack {environment.name}", "", problem, remedy)
    return (_log_of(account, delivery_of(account, newest)), *_agents_of(account, environment))


def _agents_of(account: AwsAccount, environment: Environment) -> Iterator[Log]:
    """Yield the lines of the policy agents of the cluster, if they write to CloudWatch."""
    cluster_group = f"/aws/eks/{environment.cluster.name}/cluster"
    cluster = environment.cluster
    exports = cluster.cni is CniName.VPC_CNI and cluster.compute is Compute.EC2
    if exports and _has_agent(account, cluster_group):
        yield _agent(account, cluster_group)


def _log_of(account: AwsAccount, delivery: Delivery) -> Log:
    if delivery.bucket:
        return FlowLogBucket(account, delivery.bucket, delivery.prefix)
    if delivery.group:
        return FlowLogGroup(LogGroup(account, delivery.group), delivery.fields)
    problem = "it delivers neither to S3 nor to CloudWatch Logs"
    raise InputError(f"flow log {delivery.id}", "", problem, f"Save what it delivers, and name {FORMS}")


def _agent(account: AwsAccount, group: str) -> Log:
    return PolicyAgentGroup(LogGroup(account, group, AGENT_STREAMS))


def _has_agent(account: AwsAccount, group: str) -> bool:
    try:
        found = account.ask(
            "logs", "describe_log_streams", logGroupName=group, logStreamNamePrefix=AGENT_STREAMS, limit=1
        )
    except RefusedError as refused:
        if refused.code == "ResourceNotFoundException":
            return False
        raise
    return bool(found["logStreams"])
