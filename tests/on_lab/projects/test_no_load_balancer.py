"""The example without a load balancer, deployed beside a flow log of others, which nothing here ever changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.bind.edges.bind_flow_logs import NEEDED_FIELDS
from flash_ticket.firewall.declare.binding import BINDING_KEY
from lab.running.aws_session import aws_client
from lab.running.engine import Engine, Result
from lab.running.firewall_command import Ran, flash_firewall
from lab.running.kubectl import kubectl
from lab.running.lab import Lab, state_in
from lab.running.program import copy_program
from tests.support.engine.apis import REPOSITORY

pytestmark = pytest.mark.engine

EXAMPLE = REPOSITORY / "examples" / "no-load-balancer"
STACK = "dev"
SHOP = f"flash-ticket-{STACK}"
BUCKET = "landing-zone"
OWN = {"destination": "cloudwatch", "retentionDays": 14, "onDestroy": "delete"}
FLOW_LOG = "aws:ec2/flowLog:FlowLog"

FlowLogs = list[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Story:
    """What the engine and the command said, and the flow logs of the VPC all along."""

    deployed: Result
    again: Result
    outputs: Mapping[str, Any]
    verified: Ran
    denied: Ran
    owning: Result
    back: Result
    before: FlowLogs
    between: FlowLogs
    with_own: FlowLogs
    without_own: FlowLogs
    after: FlowLogs


@pytest.fixture(scope="module")
def story(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("no-load-balancer")
    ec2, s3 = aws_client(lab.aws_endpoint, "ec2"), aws_client(lab.aws_endpoint, "s3")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [SHOP]}])["Vpcs"]
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    (theirs,) = ec2.create_flow_logs(
        ResourceIds=[vpc["VpcId"]],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination=f"arn:aws:s3:::{BUCKET}",
        LogFormat=" ".join(f"${{{field}}}" for field in NEEDED_FIELDS),
    )["FlowLogIds"]

    def flow_logs() -> FlowLogs:
        found = ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [vpc["VpcId"]]}])["FlowLogs"]
        return [each for each in found if each["FlowLogId"] == theirs or "wiki" in str(each.get("Tags"))]

    program = copy_program(REPOSITORY, folder / "program", _files(theirs))
    (folder / "state").mkdir()
    variables = state_in(folder / "state")
    engine = Engine(lab, STACK, program, variables)
    kubectl(lab, STACK, "create", "namespace", "wiki").check_returncode()
    before = flow_logs()
    engine.preview().checked()
    deployed = engine.up().checked()
    again = engine.preview().checked()
    outputs = engine.outputs()
    verified = flash_firewall(lab, STACK, program, "verify", "--stack", STACK, **variables)
    denied = flash_firewall(lab, STACK, program, "denied", "--stack", STACK, **variables)
    between = flow_logs()
    _record(program, OWN)
    owning = engine.up().checked()
    with_own = flow_logs()
    _record(program, {"existing": {"id": theirs}})
    back = engine.up().checked()
    without_own = flow_logs()
    engine.destroy().checked()
    after = flow_logs()
    ec2.delete_flow_logs(FlowLogIds=[theirs])
    s3.delete_bucket(Bucket=BUCKET)
    kubectl(lab, STACK, "delete", "namespace", "wiki", "--wait=false").check_returncode()
    seen = (before, between, with_own, without_own, after)
    return Story(deployed, again, outputs, verified, denied, owning, back, *seen)


def _record(program: Path, flow_logs: Mapping[str, Any]) -> None:
    """Write another flow log into the settings."""
    path = program / f"Pulumi.{STACK}.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["config"][BINDING_KEY]["flowLogs"] = dict(flow_logs)
    path.write_text(yaml.safe_dump(settings))


def _files(flow_log: str) -> dict[str, str]:
    """Return the example with the names of the lab; its Karpenter group is the one of Redis."""
    settings = yaml.safe_load((EXAMPLE / "Pulumi.prod.yaml").read_text())
    binding = settings["config"][BINDING_KEY]
    binding["vpc"] = {"tags": {"Name": SHOP}}
    binding["cluster"] |= {"name": SHOP, "podSubnets": {"tags": {"Environment": STACK, "Tier": "private"}}}
    binding["cluster"]["nodes"] = [{"tags": {"Name": f"{SHOP}-{role}"}} for role in ("nodes", "redis")]
    binding["places"]["database"] = {
        "subnets": {"tags": {"Environment": STACK, "Tier": "data"}},
        "groups": [{"tags": {"Name": f"{SHOP}-database"}}],
    }
    binding["flowLogs"]["existing"]["id"] = flow_log
    traffic = (EXAMPLE / "traffic.yaml").read_text()
    return {"traffic.yaml": traffic, f"Pulumi.{STACK}.yaml": yaml.safe_dump(settings)}


def test_a_second_preview_finds_nothing_to_do(story: Story) -> None:
    assert story.deployed.changes
    assert story.again.changes == ()


def test_no_group_of_a_load_balancer_and_no_flow_log_is_made(story: Story) -> None:
    assert sorted(story.outputs["groupIds"]) == ["pods.wiki", "search", "web"]
    assert not {"loadBalancerGroupId", "flowLogId", "flowLogLocation", "trafficQueries"} & story.outputs.keys()


def test_a_verification_agrees_and_denied_looks_into_the_log_of_others(story: Story) -> None:
    assert story.verified.returncode == 0, story.verified.stdout
    assert f"s3://{BUCKET}/" in story.denied.stderr
    assert "it holds no flow log files" in story.denied.stderr  # nothing was recorded yet


def test_the_flow_log_of_others_is_the_only_one_and_stays_as_it_was(story: Story) -> None:
    assert len(story.before) == 1
    assert story.between == story.before
    assert story.after == story.before


def test_a_stack_moves_to_a_flow_log_of_its_own_and_back_and_never_touches_that_of_others(story: Story) -> None:
    own = [each for each in story.with_own if each not in story.before]

    assert len(own) == 1
    assert [each for each in story.with_own if each not in own] == story.before
    assert story.without_own == story.before
    for moved, operation in ((story.owning, "create"), (story.back, "delete")):
        assert [step.operation for step in moved.changes if step.type == FLOW_LOG] == [operation]
