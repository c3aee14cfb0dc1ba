"""A private bucket of the account: never public, without ACLs, encrypted, and with objects that expire."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from flash_ticket.firewall.compile.flow_log_access import AccessPolicy, as_json
from flash_ticket.firewall.declare.choices import OnDestroy

_ABANDONED_UPLOAD_DAYS = 7


@dataclass(frozen=True, slots=True)
class PrivateBucketArgs:
    """The settings of `PrivateBucket`.

    Attributes:
        prefix: The prefix of its name: at most 37 characters.
        tags: Its tags.
        key_arn: The key that encrypts every object.
        policy: Returns the bucket's policy for its ARN.
        days: The lifetime of an object, in days.
        recoverable_days: How many days a deleted or overwritten object can be recovered; 0 keeps no versions.
        on_destroy: What happens to the objects on destroy; a retained bucket keeps all its settings.
    """

    prefix: str
    tags: Mapping[str, str]
    key_arn: pulumi.Input[str]
    policy: Callable[[str], AccessPolicy]
    days: int
    recoverable_days: int
    on_destroy: OnDestroy


class PrivateBucket(pulumi.ComponentResource):
    """A bucket with every setting that protects its objects.

    Attributes:
        name: The bucket's name.
        arn: The bucket's ARN.
        ready: The resources that must exist before the first object, or that object would be unprotected.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    ready: tuple[pulumi.Resource, ...]

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flash-ticket-firewall:components:PrivateBucket", name, None, opts)
        keeps = args.on_destroy is OnDestroy.RETAIN

        def inside(*after: pulumi.Resource) -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(parent=self, retain_on_delete=keeps, depends_on=after)

        bucket = s3.Bucket(
            name, bucket_prefix=args.prefix, force_destroy=not keeps, tags=dict(args.tags), opts=inside()
        )
        public_access = s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=inside(),
        )
        ownership = s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.id,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=inside(),
        )
        encryption = s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=(
                        # By ARN: with a key's id, AWS delivers no flow log (VPC User Guide, "Required key policy").
                        s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                            sse_algorithm="aws:kms", kms_master_key_id=args.key_arn
                        )
                    ),
                    bucket_key_enabled=True,
                )
            ],
            opts=inside(),
        )
        versions = self._versions(name, bucket, inside()) if args.recoverable_days else ()
        # Nothing waits for it: the rules also apply to existing objects, and the provider needs a minute to verify
        # them.
        s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=_lifecycle(args.days, args.recoverable_days),
            # Rules for noncurrent versions require versioning.
            opts=inside(*versions),
        )
        policy = s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.id,
            policy=bucket.arn.apply(lambda arn: as_json(args.policy(arn))),
            # The block of public policies must exist before the policy.
            opts=inside(public_access),
        )
        self.name = bucket.id
        self.arn = bucket.arn
        self.ready = (public_access, ownership, encryption, *versions, policy)
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _versions(self, name: str, bucket: s3.Bucket, opts: pulumi.ResourceOptions) -> tuple[pulumi.Resource, ...]:
        enabled = s3.BucketVersioningVersioningConfigurationArgs(status="Enabled")
        versioning = s3.BucketVersioning(
            f"{name}-versioning", bucket=bucket.id, versioning_configuration=enabled, opts=opts
        )
        return (versioning,)


def _lifecycle(days: int, recoverable_days: int) -> list[s3.BucketLifecycleConfigurationRuleArgs]:
    """Return the rules that delete an object after its days, and keep deleted or overwritten ones recoverable.

    An expired version leaves a delete marker, which only a separate rule can remove (S3 User Guide, "Lifecycle
    configuration elements", ExpiredObjectDeleteMarker).
    """
    everything = s3.BucketLifecycleConfigurationRuleFilterArgs(prefix="")
    retention = s3.BucketLifecycleConfigurationRuleArgs(
        id="retention",
        status="Enabled",
        filter=everything,
        expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days),
        noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=recoverable_days
        )
        if recoverable_days
        else None,
        abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=_ABANDONED_UPLOAD_DAYS
        ),
    )
    markers = s3.BucketLifecycleConfigurationRuleArgs(
        id="delete-markers",
        status="Enabled",
        filter=everything,
        expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(expired_object_delete_marker=True),
    )
    return [retention, markers] if recoverable_days else [retention]
