"""The promises of an environment's traffic record, for each destination."""

import json
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.flow_logs import FlowLogs, FlowLogsArgs
from flash_ticket.firewall.bind.edges.flow_log_settings import FlowLogSettings
from flash_ticket.firewall.compile.flow_log import log_format
from flash_ticket.firewall.declare.choices import LogDestination, OnDestroy
from tests.support.declared.owners import owner_of
from tests.support.pulumi.pulumi_mocks import Deployment, Registered, deploy

BUCKET = "aws:s3/bucket:Bucket"
COMPONENT = "flash-ticket-firewall:components:FlowLogs"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
KEY = "aws:kms/key:Key"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"

PROD = FlowLogsArgs(
    owner=owner_of("prod"),
    vpc_id="vpc-0123456789abcdef0",
    partition="aws",
    region="ap-northeast-2",
    account_id="111122223333",
    settings=FlowLogSettings(LogDestination.S3, 365, OnDestroy.RETAIN),
)
DEV = replace(PROD, owner=owner_of("dev"), settings=FlowLogSettings(LogDestination.CLOUDWATCH, 14, OnDestroy.DELETE))
EVERY_RECORDING = [
    FlowLogSettings(destination, days, on_destroy)
    for destination, days in ((LogDestination.S3, 365), (LogDestination.CLOUDWATCH, 14))
    for on_destroy in OnDestroy
]


def recorded(args: FlowLogsArgs) -> Deployment:
    return deploy(
        lambda: FlowLogs("flow-logs", args),
        computed={
            BUCKET: {"arn": "arn:aws:s3:::records"},
            GROUP: {"arn": "arn:aws:logs:ap-northeast-2:111122223333:log-group:records", "name": "records"},
        },
    )


def setting(deployment: Deployment, kind: str) -> Registered:
    return deployment.only(f"aws:s3/bucket{kind}:Bucket{kind}")


def settings(deployment: Deployment) -> list[Registered]:
    return [resource for resource in deployment.resources if resource.type.startswith("aws:s3/bucket")]


def policy(resource: Registered, key: str = "policy") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(resource.inputs[key])
    return document


def test_an_existing_flow_log_is_adopted_and_otherwise_one_is_created() -> None:
    assert recorded(replace(PROD, standing="fl-1")).only(FLOW_LOG).import_id == "fl-1"
    assert recorded(PROD).only(FLOW_LOG).import_id == ""


def test_all_traffic_of_the_vpc_is_recorded_each_minute_in_the_declared_format() -> None:
    inputs = recorded(PROD).only(FLOW_LOG).inputs

    assert inputs["vpcId"] == PROD.vpc_id
    assert inputs["trafficType"] == "ALL"
    assert inputs["maxAggregationInterval"] == 60
    assert inputs["logFormat"] == log_format()


def test_prod_is_delivered_as_parquet_in_hourly_hive_folders() -> None:
    inputs = recorded(PROD).only(FLOW_LOG).inputs

    assert inputs["logDestinationType"] == "s3"
    assert inputs["logDestination"] == "arn:aws:s3:::records"
    assert inputs["destinationOptions"] == {
        "fileFormat": "parquet",
        "hiveCompatiblePartitions": True,
        "perHourPartition": True,
    }
    assert "iamRoleArn" not in inputs


def test_the_bucket_cannot_become_public() -> None:
    inputs = setting(recorded(PROD), "PublicAccessBlock").inputs

    assert {key: value for key, value in inputs.items() if key != "bucket"} == {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }


def test_the_bucket_policy_waits_for_the_block_of_public_access() -> None:
    deployment = recorded(PROD)

    assert deployment.waits_for(setting(deployment, "Policy"), setting(deployment, "PublicAccessBlock"))


def test_acls_are_disabled() -> None:
    assert setting(recorded(PROD), "OwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_records_are_encrypted_with_their_own_rotating_key() -> None:
    deployment = recorded(PROD)
    key = deployment.only(KEY)
    (rule,) = setting(deployment, "ServerSideEncryptionConfiguration").inputs["rules"]

    assert key.inputs["enableKeyRotation"] is True
    assert rule["bucketKeyEnabled"] is True
    assert rule["applyServerSideEncryptionByDefault"] == {
        "sseAlgorithm": "aws:kms",
        "kmsMasterKeyId": "arn:aws:kms:ap-northeast-2:111122223333:flow-logs-bucket-key",
    }


def test_deliveries_come_only_from_this_account_and_region_and_everything_over_tls() -> None:
    deployment = recorded(PROD)
    by_sid = {found["Sid"]: found for found in policy(setting(deployment, "Policy"))["Statement"]}

    assert set(by_sid) == {"AWSLogDeliveryWrite", "AWSLogDeliveryAclCheck", "DenyInsecureTransport"}
    for sid in ("AWSLogDeliveryWrite", "AWSLogDeliveryAclCheck"):
        condition = by_sid[sid]["Condition"]
        assert condition["StringEquals"]["aws:SourceAccount"] == "111122223333"
        assert condition["ArnLike"]["aws:SourceArn"] == "arn:aws:logs:ap-northeast-2:111122223333:*"
    assert by_sid["AWSLogDeliveryWrite"]["Resource"].startswith("arn:aws:s3:::records/AWSLogs/")
    assert by_sid["DenyInsecureTransport"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_records_are_kept_for_the_retention_and_deleted_ones_are_recoverable_as_long() -> None:
    deployment = recorded(PROD)
    rules = {rule["id"]: rule for rule in setting(deployment, "LifecycleConfiguration").inputs["rules"]}

    assert setting(deployment, "Versioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert rules["retention"]["expiration"] == {"days": 365}
    assert rules["retention"]["noncurrentVersionExpiration"] == {"noncurrentDays": 365}
    assert rules["delete-markers"]["expiration"] == {"expiredObjectDeleteMarker": True}
    assert {rule["status"] for rule in rules.values()} == {"Enabled"}


def test_lifecycle_rules_for_old_versions_wait_for_versioning() -> None:
    deployment = recorded(PROD)

    assert deployment.waits_for(setting(deployment, "LifecycleConfiguration"), setting(deployment, "Versioning"))


def test_the_flow_log_waits_for_every_protection_of_its_first_record() -> None:
    """Without the policy AWS writes its own, and the next update would show a change."""
    deployment = recorded(PROD)
    flow_log = deployment.only(FLOW_LOG)
    # Lifecycle rules also apply to records that exist before them.
    later = setting(deployment, "LifecycleConfiguration")

    assert len(settings(deployment)) == 7
    for resource in [*settings(deployment), deployment.only(KEY)]:
        assert deployment.waits_for(flow_log, resource) is (resource != later), resource.urn


def test_a_bucket_name_can_be_made_unique_within_what_s3_allows() -> None:
    deployment = recorded(replace(PROD, owner=owner_of("a-review-stack-with-quite-a-long-name")))

    assert len(deployment.only(BUCKET).inputs["bucketPrefix"]) + 26 <= 63
    assert "bucket" not in deployment.only(BUCKET).inputs


def test_dev_is_delivered_to_a_log_group_with_its_retention_and_key() -> None:
    deployment = recorded(DEV)
    group, inputs = deployment.only(GROUP).inputs, deployment.only(FLOW_LOG).inputs

    assert group["namePrefix"] == "/flash-ticket/dev/flow-logs-"
    assert group["retentionInDays"] == 14
    assert group["kmsKeyId"] == "arn:aws:kms:ap-northeast-2:111122223333:flow-logs-group-key"
    assert inputs["logDestinationType"] == "cloud-watch-logs"
    assert inputs["logDestination"] == "arn:aws:logs:ap-northeast-2:111122223333:log-group:records"
    assert inputs["iamRoleArn"] == "arn:aws:iam:ap-northeast-2:111122223333:flow-logs-delivery"
    assert "destinationOptions" not in inputs


def test_the_key_of_the_log_group_serves_only_groups_with_that_name() -> None:
    deployment = recorded(DEV)
    prefix = deployment.only(GROUP).inputs["namePrefix"]
    service = policy(deployment.only(KEY))["Statement"][1]

    assert service["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"] == (
        f"arn:aws:logs:ap-northeast-2:111122223333:log-group:{prefix}*"
    )


def test_only_flow_logs_can_assume_the_role_and_it_writes_only_to_this_group() -> None:
    deployment = recorded(DEV)
    (trust,) = policy(deployment.only(ROLE), "assumeRolePolicy")["Statement"]
    (permission,) = policy(deployment.only(ROLE_POLICY))["Statement"]

    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert permission["Resource"] == "arn:aws:logs:ap-northeast-2:111122223333:log-group:records:*"


def test_the_flow_log_waits_for_the_rights_of_its_role() -> None:
    deployment = recorded(DEV)
    flow_log = deployment.only(FLOW_LOG)

    for resource in (deployment.only(ROLE_POLICY), deployment.only(GROUP), deployment.only(KEY)):
        assert deployment.waits_for(flow_log, resource), resource.urn


def test_records_of_prod_are_retained_with_everything_needed_to_read_them() -> None:
    deployment = recorded(PROD)

    for resource in [*settings(deployment), deployment.only(KEY)]:
        assert resource.retain_on_delete, resource.urn
    assert deployment.only(BUCKET).inputs["forceDestroy"] is False
    assert deployment.outputs(deployment.only(COMPONENT))["retained"] == [
        "arn:aws:s3:::records",
        "arn:aws:kms:ap-northeast-2:111122223333:flow-logs-bucket-key",
    ]


def test_a_retained_log_group_keeps_its_key_and_loses_its_writer() -> None:
    settings = FlowLogSettings(LogDestination.CLOUDWATCH, 365, OnDestroy.RETAIN)
    deployment = recorded(replace(PROD, settings=settings))

    for resource in (deployment.only(GROUP), deployment.only(KEY)):
        assert resource.retain_on_delete
    for resource in (deployment.only(ROLE), deployment.only(ROLE_POLICY)):
        assert not resource.retain_on_delete
    assert len(deployment.outputs(deployment.only(COMPONENT))["retained"]) == 2


def test_a_changed_destination_does_not_touch_the_key_of_the_old_one() -> None:
    """If the key were reused, the retained records of its former owner would be unreadable."""
    to_bucket, to_group = recorded(PROD).only(KEY), recorded(replace(PROD, settings=DEV.settings)).only(KEY)

    assert to_bucket.urn != to_group.urn


@pytest.mark.parametrize("destination", LogDestination)
def test_without_retention_everything_is_deleted_and_the_key_within_a_week(destination: LogDestination) -> None:
    deployment = recorded(replace(DEV, settings=FlowLogSettings(destination, 14, OnDestroy.DELETE)))

    assert not any(resource.retain_on_delete for resource in deployment.resources)
    assert all(bucket.inputs["forceDestroy"] is True for bucket in deployment.all(BUCKET))
    assert deployment.only(KEY).inputs["deletionWindowInDays"] == 7
    assert deployment.outputs(deployment.only(COMPONENT))["retained"] == []


@pytest.mark.parametrize("settings", EVERY_RECORDING)
def test_destroy_always_ends_the_recording_itself(settings: FlowLogSettings) -> None:
    deployment = recorded(replace(PROD, settings=settings))

    assert not deployment.only(FLOW_LOG).retain_on_delete
    assert not any(resource.protect for resource in deployment.resources)


@pytest.mark.parametrize("settings", EVERY_RECORDING)
def test_every_resource_is_below_the_component_and_named_after_it(settings: FlowLogSettings) -> None:
    deployment = recorded(replace(PROD, settings=settings))
    component = deployment.only(COMPONENT)
    others = set(deployment.resources) - {component}

    assert set(deployment.below(component)) == others
    assert all(resource.name.startswith("flow-logs") for resource in others)


@pytest.mark.parametrize("settings", EVERY_RECORDING)
def test_the_flow_log_has_one_name_wherever_it_delivers(settings: FlowLogSettings) -> None:
    assert recorded(replace(PROD, settings=settings)).only(FLOW_LOG).name == "flow-logs"


def test_a_given_provider_reaches_every_resource() -> None:
    def program() -> None:
        elsewhere = aws.Provider("elsewhere", region="eu-west-1")
        FlowLogs("flow-logs", PROD, pulumi.ResourceOptions(provider=elsewhere))

    deployment = deploy(program)
    own = [resource for resource in deployment.below(deployment.only(COMPONENT)) if resource.custom]

    assert own
    assert all(resource.provider.endswith("::elsewhere::elsewhere-id") for resource in own)


def test_a_given_parent_is_the_parent_of_the_component_only() -> None:
    class Outer(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("test:index:Outer", "outer")
            FlowLogs("flow-logs", PROD, pulumi.ResourceOptions(parent=self))
            self.register_outputs({})

    deployment = deploy(Outer)

    assert deployment.children(deployment.only("test:index:Outer")) == (deployment.only(COMPONENT),)


def test_the_outputs_say_which_flow_log_and_where_its_records_are() -> None:
    prod, dev = recorded(PROD), recorded(DEV)
    folder = "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=ap-northeast-2/"

    for deployment, location in ((prod, f"arn:aws:s3:::records/{folder}"), (dev, "records")):
        outputs = deployment.outputs(deployment.only(COMPONENT))
        assert set(outputs) == {"flow_log_id", "location", "retained"}
        assert outputs["flow_log_id"] == "flow-logs-id"
        assert outputs["location"] == location


@pytest.mark.parametrize("settings", EVERY_RECORDING)
def test_two_runs_declare_the_same(settings: FlowLogSettings) -> None:
    args = replace(PROD, settings=settings)

    assert recorded(args).resources == recorded(args).resources
