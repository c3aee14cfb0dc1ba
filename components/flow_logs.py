"""Records a VPC's traffic: one flow log, and the bucket or log group for its records.

Not here on purpose: queries of the records (`components.traffic_queries`) and alerts about them. A bucket serves one
environment; a bucket for several accounts would need another policy than the one that AWS otherwise attaches itself.
"""

from dataclasses import dataclass
from functools import partial

import pulumi
from pulumi_aws import cloudwatch, ec2, iam, kms

from flash_ticket.firewall.bind.edges.flow_log_settings import FlowLogSettings
from flash_ticket.firewall.bind.environment import Origin
from flash_ticket.firewall.compile.flow_log import (
    AGGREGATION_SECONDS,
    key_tags,
    log_format,
    log_group_prefix,
    name_prefix,
    s3_location,
)
from flash_ticket.firewall.compile.flow_log_access import (
    as_json,
    bucket_key_policy,
    bucket_policy,
    delivery_role_permissions,
    delivery_role_trust,
    log_group_key_policy,
)
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.declare.choices import LogDestination, OnDestroy

_KEY_DELETION_DAYS = {OnDestroy.RETAIN: 30, OnDestroy.DELETE: 7}
"""How many days AWS waits before it deletes a key permanently: the maximum and the minimum."""


@dataclass(frozen=True, slots=True)
class FlowLogsArgs:
    """The settings of `FlowLogs`, which are all known before the program declares a resource.

    Attributes:
        owner: The firewall that it belongs to. Its namespace and stack are the first parts of physical names.
        vpc_id: The VPC; the flow log records all its interfaces.
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        region: The region of the VPC, which is the provider's.
        account_id: The account of the VPC, which is the provider's; twelve digits.
        settings: The destination, the retention in days, and what happens to the records on destroy. CloudWatch Logs
            supports only certain numbers of days (PutRetentionPolicy); the provider refuses others at preview.
        standing: The id of an existing flow log to adopt if it is missing in the state.
    """

    owner: Owner
    vpc_id: str
    partition: str
    region: str
    account_id: str
    settings: FlowLogSettings
    standing: str | None = None


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where the flow log delivers, and the resources that must exist before.

    Attributes:
        kind: The destination's type in CreateFlowLogs.
        arn: The bucket or log group.
        role_arn: The role that the service writes with; None if it writes as itself.
        options: The layout of files; None if there are no files.
        ready: The resources without which the first record would be lost or unprotected.
        location: The location of the records for people and queries.
        key_arn: The key that encrypts the records.
    """

    kind: str
    arn: pulumi.Output[str]
    role_arn: pulumi.Output[str] | None
    options: ec2.FlowLogDestinationOptionsArgs | None
    ready: tuple[pulumi.Resource, ...]
    location: pulumi.Output[str]
    key_arn: pulumi.Output[str]


class FlowLogs(pulumi.ComponentResource):
    """One flow log of a VPC with its destination.

    With `OnDestroy.RETAIN`, ``pulumi destroy`` stops the recording and leaves the bucket or log group, its settings and
    its key unchanged. They are no longer in the stack, and a later ``up`` creates new ones.

    Attributes:
        flow_log_id: ``fl-...``.
        location: The ARN of the S3 folder with the years of records, or the name of the log group.
        key_arn: The key that encrypts the records.
        retained: The ARNs that ``pulumi destroy`` leaves in the account; empty if it leaves none.
    """

    flow_log_id: pulumi.Output[str]
    location: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    retained: pulumi.Output[list[str]]

    def __init__(self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flash-ticket-firewall:components:FlowLogs", name, None, opts)
        destination = self._bucket(name, args) if _goes_to_s3(args) else self._log_group(name, args)
        flow_log = ec2.FlowLog(
            name,
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_format=log_format(),
            max_aggregation_interval=AGGREGATION_SECONDS,
            log_destination_type=destination.kind,
            log_destination=destination.arn,
            destination_options=destination.options,
            iam_role_arn=destination.role_arn,
            tags={"Name": args.owner.name, **args.owner.tags},
            # AWS cannot change a flow log, so any change replaces it. Pulumi creates the new one first, because it
            # records only after some minutes. AWS refuses a second flow log only with the same configuration (EC2 API
            # reference, "Error codes", FlowLogAlreadyExists), and these differ. If AWS refused it, the old one would
            # continue.
            opts=pulumi.ResourceOptions(parent=self, depends_on=destination.ready, import_=args.standing),
        )
        self.flow_log_id = flow_log.id
        self.location = destination.location
        self.key_arn = destination.key_arn
        held = (destination.arn, destination.key_arn) if _keeps(args) else ()
        self.retained = pulumi.Output.all(*held).apply(list)
        self.register_outputs(
            {"flow_log_id": self.flow_log_id, "location": self.location, "retained": self.retained},
        )

    def _bucket(self, name: str, args: FlowLogsArgs) -> _Destination:
        """Declare a bucket that only log delivery can write to, only over TLS, with records that expire."""
        from components.private_bucket import PrivateBucket, PrivateBucketArgs  # noqa: PLC0415 - only S3 needs its SDK

        origin = _origin(args)
        key = self._key(f"{name}-bucket-key", args, as_json(bucket_key_policy(origin)))
        days = args.settings.retention_days
        bucket = PrivateBucket(
            f"{name}-bucket",
            PrivateBucketArgs(
                prefix=name_prefix(args.owner.namespace, args.owner.stack),
                tags=args.owner.tags,
                key_arn=key.arn,
                policy=partial(bucket_policy, origin=origin),
                days=days,
                recoverable_days=days,
                on_destroy=args.settings.on_destroy,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return _Destination(
            kind="s3",
            arn=bucket.arn,
            role_arn=None,
            options=ec2.FlowLogDestinationOptionsArgs(
                file_format="parquet", hive_compatible_partitions=True, per_hour_partition=True
            ),
            ready=bucket.ready,
            location=bucket.arn.apply(partial(s3_location, origin=origin)),
            key_arn=key.arn,
        )

    def _log_group(self, name: str, args: FlowLogsArgs) -> _Destination:
        """Declare an encrypted log group, and a role that may write only to this group."""
        origin = _origin(args)
        prefix = log_group_prefix(args.owner.namespace, args.owner.stack)
        key = self._key(f"{name}-group-key", args, as_json(log_group_key_policy(prefix, origin)))
        group = cloudwatch.LogGroup(
            f"{name}-group",
            name_prefix=prefix,
            retention_in_days=args.settings.retention_days,
            kms_key_id=key.arn,
            tags=args.owner.tags,
            opts=self._kept(args),
        )
        role = iam.Role(
            f"{name}-delivery",
            name_prefix=name_prefix(args.owner.namespace, args.owner.stack),
            description=f"Lets VPC flow logs write the traffic of {args.owner.namespace} {args.owner.stack}",
            assume_role_policy=as_json(delivery_role_trust(origin)),
            tags=args.owner.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        permissions = iam.RolePolicy(
            f"{name}-delivery",
            role=role.name,
            policy=group.arn.apply(lambda arn: as_json(delivery_role_permissions(arn))),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return _Destination(
            kind="cloud-watch-logs",
            arn=group.arn,
            role_arn=role.arn,
            options=None,
            ready=(permissions,),
            location=group.name,
            key_arn=key.arn,
        )

    def _key(self, name: str, args: FlowLogsArgs, policy: str) -> kms.Key:
        """Declare the key of one destination.

        Each destination's key has its own name. With one name, a stack that changes its destination would give the key
        to the new destination, and the retained records of the old one could not be read again.
        """
        return kms.Key(
            name,
            description=f"Encrypts the VPC flow logs of {args.owner.namespace} {args.owner.stack}",
            enable_key_rotation=True,
            deletion_window_in_days=_KEY_DELETION_DAYS[args.settings.on_destroy],
            policy=policy,
            tags=key_tags(args.owner),
            opts=self._kept(args),
        )

    def _kept(self, args: FlowLogsArgs) -> pulumi.ResourceOptions:
        """Return the options of resources that the records need: they are retained or deleted with the records."""
        return pulumi.ResourceOptions(parent=self, retain_on_delete=_keeps(args))


def _goes_to_s3(args: FlowLogsArgs) -> bool:
    return args.settings.destination is LogDestination.S3


def _keeps(args: FlowLogsArgs) -> bool:
    return args.settings.on_destroy is OnDestroy.RETAIN


def _origin(args: FlowLogsArgs) -> Origin:
    return Origin(args.partition, args.region, args.account_id)
