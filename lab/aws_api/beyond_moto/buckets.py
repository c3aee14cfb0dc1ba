"""Bucket policies: moto applies their statements to every request and ignores their conditions."""

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

# The lab's loopback connection stands for one over TLS, so statements about other connections do not apply (IAM User
# Guide, "AWS global condition context keys", aws:SecureTransport).
_WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}


def hold_conditions() -> None:
    """Make moto ignore the statements of bucket policies about requests without TLS."""
    FakeBucket.get_permission = _permission  # type: ignore[assignment, method-assign]  # moto offers no hook


def _permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy: dict[str, Any] = json.loads(bucket.policy)
    holding = [each for each in policy["Statement"] if each.get("Condition") != _WITHOUT_TLS]
    return IAMPolicy(json.dumps({**policy, "Statement": holding})).is_action_permitted(action, resource)
