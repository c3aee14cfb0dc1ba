"""``verify`` on a lab that drifts: it finds each manual change, and nothing after the changes are undone."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lab.running.engine import Engine
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.engine.drift import Behind
from tests.support.engine.life import NAMESPACE, REPOSITORY, Apis

pytestmark = pytest.mark.engine

Ran = subprocess.CompletedProcess[str]
REDIS_RULE = "api-egress-tcp-6379-to-flash-ticket-dev-redis"


@dataclass(frozen=True, slots=True)
class Drift:
    """One stack: deployed, drifted, and repaired.

    Attributes:
        fresh: The verification right after the deployment.
        drifted: The verification after all manual changes; ``drifted_json`` is the same as JSON.
        quiet: The verification with --quiet after all changes are undone.
    """

    fresh: Ran
    drifted: Ran
    drifted_json: Ran
    mended: Ran
    quiet: Ran


@pytest.fixture(scope="module")
def drift(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drift]:
    program = copy_program(REPOSITORY, tmp_path_factory.mktemp("drift") / "shop")
    engine, apis = Engine(lab, "dev", program), Apis(lab, "dev")
    somebody, ec2 = Behind(apis, program), apis.aws("ec2")
    engine.up().checked()
    groups, interfaces = engine.outputs()["groupIds"], somebody.attach_groups(engine)
    fresh = somebody.command("verify", "--stack", "dev")

    apis.tamper()
    somebody.open_a_policy()
    somebody.run_a_stray_pod()
    somebody.change_rules(groups["api"], REDIS_RULE)
    nodes = {"Name": "tag:Name", "Values": ["flash-ticket-dev-nodes"]}
    node_group = ec2.describe_security_groups(Filters=[nodes])["SecurityGroups"][0]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interfaces["pay"], Groups=[node_group["GroupId"]])
    somebody.delete_the_log_group(engine.outputs()["flowLogLocation"])
    drifted = somebody.command("verify", "--stack", "dev")
    drifted_json = somebody.command("verify", "--stack", "dev", "--output", "json", "--quiet")

    somebody.kubectl("delete", "networkpolicy", "debug-pay")
    somebody.kubectl("delete", "pod", "debug-shell", "--grace-period=0", "--force")
    for finding in json.loads(drifted_json.stdout)["findings"]:
        if finding["remedy"].startswith("aws ec2 revoke-security-group-ingress"):
            *_, group, _, rule = finding["remedy"].split()
            ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interfaces["pay"], Groups=[groups["pay"]])
    engine.up("--refresh").checked()
    mended = somebody.command("verify", "--stack", "dev")
    quiet = somebody.command("verify", "--stack", "dev", "--quiet", "--output", "json")
    yield Drift(fresh, drifted, drifted_json, mended, quiet)
    somebody.undo(interfaces)
    engine.destroy().checked()


def findings(drift: Drift) -> list[dict[str, Any]]:
    return list(json.loads(drift.drifted_json.stdout)["findings"])


def test_right_after_a_deployment_nothing_differs(drift: Drift) -> None:
    assert drift.fresh.returncode == 0, drift.fresh.stdout + drift.fresh.stderr
    assert drift.fresh.stdout.startswith("dev: as declared. Looked at: NetworkPolicies 7")
    assert drift.fresh.stderr == ""


def test_each_manual_change_is_found(drift: Drift) -> None:
    assert drift.drifted.returncode == 1, drift.drifted.stderr
    reported = {(each["kind"], each["where"].partition(" in sg-")[0]) for each in findings(drift)}

    assert {
        ("widening", f"NetworkPolicy {NAMESPACE}/debug-pay"),
        ("missing", f"NetworkPolicy {NAMESPACE}/04-allow-egress-api"),
        ("changed", f"NetworkPolicy {NAMESPACE}/03-allow-pay-from-api"),
        ("missing", f"rule {REDIS_RULE}"),
        ("cut off", f"pod api-0 in {NAMESPACE}"),
        ("cut off", f"pod pay-0 in {NAMESPACE}"),
        ("unknown pod", f"pod debug-shell in {NAMESPACE}"),
    } <= reported
    assert [each for each in findings(drift) if each["kind"] == "widening" and "TCP 22" in each["what"]]
    (failing,) = [each for each in findings(drift) if "delivery is FAILED: Access error" in each["what"]]
    assert failing["kind"] == "not recording"


def test_a_changed_policy_is_reported_field_by_field(drift: Drift) -> None:
    (changed,) = [each for each in findings(drift) if each["where"].endswith("/03-allow-pay-from-api")]

    assert changed["differences"] == [
        {"path": "spec.ingress[0].ports[0].port", "declared": "3100", "live": "9999"},
    ]


def test_a_pod_older_than_its_group_is_reported_with_its_start_time(drift: Drift) -> None:
    (bare,) = [each for each in findings(drift) if "lacks sg-" in each["what"]]

    assert "it started at 2026-01-05T03:00:00Z" in bare["what"]
    assert bare["remedy"].endswith(f"kubectl delete pod --namespace {NAMESPACE} pay-0")


def test_after_the_changes_are_undone_nothing_differs(drift: Drift) -> None:
    assert drift.mended.returncode == 0, drift.mended.stdout + drift.mended.stderr
    assert (drift.quiet.returncode, drift.quiet.stdout, drift.quiet.stderr) == (0, "", "")


@dataclass(frozen=True, slots=True)
class Bared:
    """A stack that records to a bucket: as deployed, without the bucket's protections, and without its flow log."""

    fresh: Ran
    bare: Ran
    absent: Ran


@pytest.fixture(scope="module")
def own_lab() -> Iterator[Lab]:
    """A lab without the empty bucket and the key that a destroyed stack of another story retains."""
    with Lab.start() as running:
        yield running


@pytest.fixture(scope="module")
def bared(own_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bared]:
    program = copy_program(REPOSITORY, tmp_path_factory.mktemp("bared") / "shop")
    engine, apis = Engine(own_lab, "prod", program), Apis(own_lab, "prod")
    somebody = Behind(apis, program)
    engine.up().checked()
    outputs, interfaces = engine.outputs(), somebody.attach_groups(engine)
    asked = ("verify", "--stack", "prod", "--output", "json")
    fresh = somebody.command(*asked)
    s3, bucket = apis.aws("s3"), outputs["flowLogLocation"].removeprefix("arn:aws:s3:::").partition("/")[0]
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    s3.delete_bucket_encryption(Bucket=bucket)
    bare = somebody.command(*asked)
    apis.aws("ec2").delete_flow_logs(FlowLogIds=[outputs["flowLogId"]])
    absent = somebody.command(*asked)
    yield Bared(fresh, bare, absent)
    somebody.undo(interfaces)
    engine.destroy("--refresh").checked()


def reported(ran: Ran) -> list[tuple[str, str]]:
    """Return kind and words of each finding."""
    return [(each["kind"], each["what"]) for each in json.loads(ran.stdout)["findings"]]


def test_a_stack_with_a_bucket_for_records_is_as_declared(bared: Bared) -> None:
    assert bared.fresh.returncode == 0, bared.fresh.stdout + bared.fresh.stderr
    assert reported(bared.fresh) == []
    assert json.loads(bared.fresh.stdout)["unseen"] == []


def test_each_missing_guard_of_a_bucket_is_reported(bared: Bared) -> None:
    assert bared.bare.returncode == 1
    assert reported(bared.bare) == [
        ("changed", "its policy is not as declared"),
        ("changed", "its records are not encrypted with the stack's key"),
        ("changed", "public access is not blocked"),
    ]


def test_a_deleted_flow_log_is_reported(bared: Bared) -> None:
    assert reported(bared.absent) == [("not recording", "there is no flow log with the tag Name=flash-ticket-prod")]
