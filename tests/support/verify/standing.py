"""A firewall that is deployed as declared, with running pods and a working flow log: a verification finds nothing."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from flash_ticket.firewall.bind.environment import Origin
from flash_ticket.firewall.compile.flow_log import AGGREGATION_SECONDS, log_format, log_group_prefix, name_prefix
from flash_ticket.firewall.compile.flow_log_access import bucket_policy
from flash_ticket.firewall.declare.choices import LogDestination
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.traffic.attribution.inventory import Interface, Inventory, Pod
from flash_ticket.verify.finding import Finding
from flash_ticket.verify.observed import Observed, SeenBucket, SeenFlowLogs
from flash_ticket.verify.verification import verify
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.described import deployed
from tests.support.declared.owners import tags

ATTACHED = datetime(2026, 11, 20, tzinfo=UTC)
STARTED = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
TAKEN = datetime(2026, 11, 24, 3, tzinfo=UTC).timestamp()
NODE = "10.99.0.1"


@cache
def shop(stack: str = "dev") -> CompiledFirewall:
    return compile_firewall(shop_matrix(), environment_of(stack))


def standing(firewall: CompiledFirewall) -> Observed:
    """Return what a verification observes of a firewall that is deployed as declared."""
    matrix, environment = firewall.matrix, firewall.environment
    stands = deployed(firewall)
    attachments = tuple(
        {**each, "metadata": {**each["metadata"], "creationTimestamp": ATTACHED.isoformat()}}
        for each in stands.attachments
    )
    stands = replace(
        stands,
        policies=tuple(each.manifest() for each in firewall.deployed_pods.policies),
        attachments=attachments,
    )
    own = {each.service: tuple(f"sg-own-{group.label}" for group in each.groups) for each in firewall.vpc.attachments}
    pods = tuple(
        Pod(
            matrix.namespace_of(service), f"{service.name}-0", service.pods, (f"10.99.1.{number}",), NODE, STARTED, None
        )
        for number, service in enumerate(matrix.services, 1)
    )
    interfaces = tuple(
        Interface(f"eni-{service.name}", (f"10.99.1.{number}",), own.get(service.name, ("sg-nodes",)))
        for number, service in enumerate(matrix.services, 1)
    )
    fronts = (
        Interface("eni-front" if not number else f"eni-front-{number}", (f"10.99.0.{9 + number}",), (f"sg-own-{name}",))
        for number, name in enumerate(environment.fronts)
    )
    inventory = Inventory(TAKEN, environment, stands, pods, (*interfaces, *fronts))
    return deepcopy(Observed(inventory, stands.rules, flow_logs_of(firewall), others=(), left_behind=()))


def flow_logs_of(firewall: CompiledFirewall) -> SeenFlowLogs:
    """Return a flow log that delivers, and its destination."""
    environment, settings = firewall.environment, firewall.environment.own_flow_log
    if settings is None:
        return SeenFlowLogs(())
    of = firewall.matrix.namespace, environment.name
    flow_log: dict[str, Any] = {
        "FlowLogId": "fl-1",
        "FlowLogStatus": "ACTIVE",
        "DeliverLogsStatus": "SUCCESS",
        "TrafficType": "ALL",
        "LogFormat": log_format(),
        "MaxAggregationInterval": AGGREGATION_SECONDS,
        "CreationTime": ATTACHED,
        "Tags": tags(firewall.owner, Name="-".join(of)),
    }
    if settings.destination is LogDestination.CLOUDWATCH:
        name = f"{log_group_prefix(*of)}1"
        flow_log |= {"LogDestinationType": "cloud-watch-logs", "LogDestination": _group_arn(firewall, name)}
        group = {"logGroupName": name, "retentionInDays": settings.retention_days, "kmsKeyId": "arn:key"}
        return SeenFlowLogs((flow_log,), log_group=group)
    arn = f"arn:{environment.partition}:s3:::{name_prefix(*of)}1"
    options = {"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": True}
    flow_log |= {"LogDestinationType": "s3", "LogDestination": arn, "DestinationOptions": options}
    blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    bucket = SeenBucket(
        bucket_policy(arn, _origin(firewall)),
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:key"}},
        dict.fromkeys(blocks, True),
    )
    return SeenFlowLogs((flow_log,), bucket=bucket)


def found(firewall: CompiledFirewall, observed: Observed) -> list[Finding]:
    return list(verify(firewall, observed).findings)


def only(firewall: CompiledFirewall, observed: Observed) -> Finding:
    """Return the only finding."""
    (finding,) = found(firewall, observed)
    return finding


def with_deployed(observed: Observed, **stands: Any) -> Observed:  # noqa: ANN401 - the fields of Deployed
    """Return the observation with other deployed objects; the rules of the groups are the deployed ones."""
    after = replace(observed.deployed, **stands)
    rules = stands.get("rules", observed.group_rules)
    return replace(observed, inventory=replace(observed.inventory, deployed=after), group_rules=rules)


def with_inventory(observed: Observed, **stands: Any) -> Observed:  # noqa: ANN401 - the fields of Inventory
    return replace(observed, inventory=replace(observed.inventory, **stands))


Objects = tuple[Mapping[str, Any], ...]


def edited(objects: Objects, name: str, edit: Callable[[Any], None]) -> Objects:
    """Return objects of the cluster after an edit of one of them, which must exist."""
    copies = deepcopy(objects)
    edit(next(each for each in copies if each["metadata"]["name"] == name))
    return copies


def without(objects: Objects, name: str) -> Objects:
    left = tuple(each for each in objects if each["metadata"]["name"] != name)
    assert len(left) == len(objects) - 1
    return left


def _group_arn(firewall: CompiledFirewall, name: str) -> str:
    return _origin(firewall).arn("logs", f"log-group:{name}")


def _origin(firewall: CompiledFirewall) -> Origin:
    environment = firewall.environment
    return Origin(environment.partition, environment.region, environment.account)
