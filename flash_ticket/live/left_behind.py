"""Resources that a stack made for its flow logs, but that no flow log uses. Tags and name prefixes find them.

Firewalls of several clusters can have the same namespace and stack name, and then their names begin alike. What another
firewall's flow log uses, or what has another firewall's tags, is left out. A bucket gets its tags right after it is
made, so that one without tags may be this stack's.

`flash_ticket.firewall.compile.guard_rails.rights` lists every right that this needs. Sources: the API references of
the services. GetResources of the Resource Groups Tagging API also returns keys with a scheduled deletion.
"""

from collections.abc import Iterator

from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.compile.flow_log import RESULTS, key_tags, log_group_prefix, name_prefix
from flash_ticket.firewall.compile.owner import STACK_TAG, Claim, tags_of
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import RefusedError
from flash_ticket.live.deployed import standing_workgroup
from flash_ticket.traffic.flow_logs.athena import stack_name
from flash_ticket.verify.finding import Finding
from flash_ticket.verify.left_behind import RecordParts

_NO_TAGS = "NoSuchTagSet"
_NO_ENCRYPTION = "ServerSideEncryptionConfigurationNotFoundError"


def left_behind_or_refusal(account: AwsAccount, deployed: Deployed) -> tuple[Finding, ...] | RefusedError:
    """Return what a broken deployment left behind, or the refusal by AWS.

    Raises:
        InputError: A call to AWS fails.
    """
    try:
        return left_behind(account, deployed)
    except RefusedError as refused:
        return refused


def left_behind(account: AwsAccount, deployed: Deployed) -> tuple[Finding, ...]:
    """Return what a broken deployment left behind.

    Raises:
        RefusedError: A right is missing.
        InputError: A call to AWS fails.
    """
    if not deployed.flow_logs:
        return ()
    owner = account.owner
    prefix = name_prefix(owner.namespace, owner.stack)
    all_flow_logs = tuple(account.pages("ec2", "describe_flow_logs", "FlowLogs"))
    groups, buckets = dict(_groups(account)), dict(_buckets(account, prefix))
    results = dict(_buckets(account, name_prefix(owner.namespace, owner.stack, RESULTS)))
    filled = {name for name in groups if _first(account, "logs", "describe_log_streams", "logStreams", name)}
    filled |= {name for name in buckets if _first(account, "s3", "list_object_versions", "Versions", name)}
    parts = RecordParts(
        deployed.flow_logs,
        tuple(_keys(account)),
        tuple(_roles(account, prefix)),
        tuple(groups.items()),
        (*buckets.items(), *results.items()),
        frozenset(filled),
        _results_bucket(account) if results else None,
        all_flow_logs,
    )
    return tuple(parts.left())


def _keys(account: AwsAccount) -> Iterator[str]:
    chosen = [{"Key": key, "Values": [value]} for key, value in key_tags(account.owner).items()]
    tagged = account.pages(
        "resourcegroupstaggingapi",
        "get_resources",
        "ResourceTagMappingList",
        "PaginationToken",
        ResourceTypeFilters=["kms:key"],
        TagFilters=chosen,
    )
    for key in tagged:
        described = account.ask("kms", "describe_key", KeyId=key["ResourceARN"])["KeyMetadata"]
        if described["KeyState"] == "Enabled":
            yield key["ResourceARN"]


def _roles(account: AwsAccount, prefix: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for role in account.pages("iam", "list_roles", "Roles", "Marker"):
        name = role["RoleName"]
        if name.startswith(prefix) and not _is_of_others(
            account, account.ask("iam", "list_role_tags", RoleName=name)["Tags"]
        ):
            yield role["Arn"], tuple(account.ask("iam", "list_role_policies", RoleName=name)["PolicyNames"])


def _groups(account: AwsAccount) -> Iterator[tuple[str, str | None]]:
    prefix = log_group_prefix(account.owner.namespace, account.owner.stack)
    for group in account.pages("logs", "describe_log_groups", "logGroups", "nextToken", logGroupNamePrefix=prefix):
        arn = group["arn"].removesuffix(":*")
        tags: dict[str, str] = account.ask("logs", "list_tags_for_resource", resourceArn=arn)["tags"]
        if not _is_of_others(account, [{"Key": key, "Value": value} for key, value in tags.items()]):
            yield group["logGroupName"], group.get("kmsKeyId")


def _buckets(account: AwsAccount, prefix: str) -> Iterator[tuple[str, str | None]]:
    for bucket in account.pages("s3", "list_buckets", "Buckets", "ContinuationToken", Prefix=prefix):
        if bucket["Name"].startswith(prefix) and not _is_of_others(account, _tags_of_bucket(account, bucket["Name"])):
            yield bucket["Name"], _key_of_bucket(account, bucket["Name"])


def _results_bucket(account: AwsAccount) -> str | None:
    """Return the bucket that Athena writes results to.

    A bucket that a deployment left behind is empty, and no workgroup names it.
    """
    workgroup = standing_workgroup(account, stack_name(account.owner))
    if workgroup is None:
        return None
    location = str(workgroup["Configuration"]["ResultConfiguration"]["OutputLocation"])
    return location.removeprefix("s3://").rstrip("/")


def _is_of_others(account: AwsAccount, tags: list[dict[str, str]]) -> bool:
    """Return whether tags name another firewall; without any, the resource may be this one's."""
    found = tags_of({"Tags": tags})
    return STACK_TAG in found and account.owner.claim_of(found) is Claim.OTHERS


def _tags_of_bucket(account: AwsAccount, name: str) -> list[dict[str, str]]:
    try:
        found: list[dict[str, str]] = account.ask("s3", "get_bucket_tagging", Bucket=name)["TagSet"]
    except RefusedError as refused:
        if refused.code == _NO_TAGS:
            return []
        raise
    return found


def _key_of_bucket(account: AwsAccount, name: str) -> str | None:
    try:
        (rule,) = account.ask("s3", "get_bucket_encryption", Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    except RefusedError as refused:
        if refused.code == _NO_ENCRYPTION:
            return None
        raise
    key = rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")
    return None if key is None else str(key)


def _first(account: AwsAccount, service: str, operation: str, part: str, name: str) -> bool:
    """Return whether a log group or a bucket holds anything, or held anything before."""
    asked = {"logGroupName": name, "limit": 1} if service == "logs" else {"Bucket": name, "MaxKeys": 1}
    found = account.ask(service, operation, **asked)
    return bool(found.get(part) or found.get("DeleteMarkers"))
