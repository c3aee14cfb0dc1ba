"""The promises of every bucket of this program."""

import json

import pytest

from components.private_bucket import PrivateBucket, PrivateBucketArgs
from flash_ticket.firewall.compile.flow_log_access import results_bucket_policy
from flash_ticket.firewall.declare.choices import OnDestroy
from tests.support.declared.owners import DEV
from tests.support.pulumi.pulumi_mocks import Deployment, Registered, deploy

BUCKET = "aws:s3/bucket:Bucket"
KEY = "arn:aws:kms:ap-northeast-2:111122223333:key/1"


def made(*, days: int = 7, recoverable_days: int = 0, on_destroy: OnDestroy = OnDestroy.DELETE) -> Deployment:
    args = PrivateBucketArgs("shop-", DEV.tags, KEY, results_bucket_policy, days, recoverable_days, on_destroy)
    return deploy(lambda: PrivateBucket("things", args), computed={BUCKET: {"arn": "arn:aws:s3:::things"}})


def setting(deployment: Deployment, kind: str) -> Registered:
    return deployment.only(f"aws:s3/bucket{kind}:Bucket{kind}")


def test_the_bucket_is_private_and_its_acls_are_disabled() -> None:
    deployment = made()
    public = setting(deployment, "PublicAccessBlock").inputs

    assert [public[key] for key in public if key != "bucket"] == [True] * 4
    assert setting(deployment, "OwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_every_object_is_encrypted_with_the_given_key() -> None:
    (rule,) = setting(made(), "ServerSideEncryptionConfiguration").inputs["rules"]

    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}


def test_access_without_tls_is_denied() -> None:
    (statement,) = json.loads(setting(made(), "Policy").inputs["policy"])["Statement"]

    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == ["arn:aws:s3:::things", "arn:aws:s3:::things/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_objects_expire_after_their_days_and_permanently_without_versions() -> None:
    deployment = made(days=7)
    (rule,) = setting(deployment, "LifecycleConfiguration").inputs["rules"]

    assert (rule["status"], rule["expiration"]) == ("Enabled", {"days": 7})
    assert "noncurrentVersionExpiration" not in rule
    assert not deployment.all("aws:s3/bucketVersioning:BucketVersioning")


def test_deleted_objects_are_recoverable_for_the_given_days() -> None:
    deployment = made(days=7, recoverable_days=3)
    retention, markers = setting(deployment, "LifecycleConfiguration").inputs["rules"]

    assert retention["noncurrentVersionExpiration"] == {"noncurrentDays": 3}
    assert markers["expiration"] == {"expiredObjectDeleteMarker": True}
    assert setting(deployment, "Versioning").inputs["versioningConfiguration"] == {"status": "Enabled"}


@pytest.mark.parametrize("on_destroy", OnDestroy)
def test_all_parts_are_retained_or_deleted_together(on_destroy: OnDestroy) -> None:
    deployment = made(recoverable_days=3, on_destroy=on_destroy)
    own = [each for each in deployment.resources if each.custom]

    assert len(own) == 7
    assert {each.retain_on_delete for each in own} == {on_destroy is OnDestroy.RETAIN}
    assert deployment.only(BUCKET).inputs["forceDestroy"] is (on_destroy is OnDestroy.DELETE)
