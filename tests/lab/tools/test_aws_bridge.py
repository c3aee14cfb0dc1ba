"""The lab's AWS plugin replaces the official one: same names, same values, the provider's own messages."""

import subprocess
from pathlib import Path

import pytest

from lab.running.child import find_marked
from lab.running.engine import Engine, Result
from lab.running.lab import Lab
from lab.toolchain.go_build import MODULES, go

pytestmark = pytest.mark.engine

PROGRAM = """
import pulumi
import pulumi_aws as aws

vpc = aws.ec2.get_vpc(tags={"Name": "flash-ticket-dev"})
cluster = aws.eks.get_cluster(name="flash-ticket-dev")
group = aws.ec2.SecurityGroup("group", vpc_id=vpc.id)
bucket = aws.s3.Bucket("evidence", force_destroy=True)
aws.s3.BucketServerSideEncryptionConfiguration(
    "encryption", bucket=bucket.id, rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms"}}]
)
aws.vpc.SecurityGroupIngressRule(
    "from-itself", security_group_id=group.id, referenced_security_group_id=group.id, ip_protocol="-1", description="w"
)
aws.cloudwatch.MetricAlarm(
    "alarm", comparison_operator="GreaterThanThreshold", evaluation_periods=1, metric_name="m", namespace="n",
    period=60, statistic="Sum", threshold=1,
)
pulumi.export("region", aws.get_region().region)
pulumi.export("cluster_group", cluster.vpc_config.cluster_security_group_id)
pulumi.export("description", group.description)
pulumi.export("tags", group.tags_all)
pulumi.export("bucket", bucket.bucket)
"""
UNKNOWN = "import pulumi_aws as aws\naws.sqs.Queue('queue')\n"
WRONG = """
import pulumi_aws as aws

vpc = aws.ec2.get_vpc(tags={"Name": "flash-ticket-dev"})
aws.ec2.FlowLog(
    "flow-log", vpc_id=vpc.id, traffic_type="ALL", log_destination="arn:aws:s3:::b", log_destination_type="s3",
    max_aggregation_interval=61,
)
"""


def program(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(f"name: {folder.name}\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text(
        "config:\n  aws:region: ap-northeast-2\n  aws:defaultTags: {tags: {Project: test}}\n"
    )
    (folder / "__main__.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def engine(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(lab, "dev", program(tmp_path_factory.mktemp("aws-plugin") / "everyday", PROGRAM))


@pytest.fixture(scope="module")
def deployed(engine: Engine) -> Result:
    return engine.up().checked()


@pytest.mark.usefixtures("deployed")
def test_values_are_the_same_as_from_the_official_plugin(engine: Engine) -> None:
    outputs = engine.outputs()

    assert outputs["region"] == "ap-northeast-2"
    assert outputs["cluster_group"].startswith("sg-")
    assert outputs["description"] == "Managed by Pulumi"
    assert outputs["tags"] == {"Project": "test"}
    assert outputs["bucket"].startswith("evidence-")


@pytest.mark.usefixtures("deployed")
def test_a_second_preview_finds_no_change(engine: Engine) -> None:
    refreshed = engine.refresh().checked()
    again = engine.preview().checked()

    assert [step for step in refreshed.changes if step.operation != "refresh"] == []
    assert again.changes == ()


def test_engines_that_follow_each_other_share_a_loaded_provider(lab: Lab, engine: Engine) -> None:
    def providers() -> list[int]:
        marked = find_marked(str(lab.folder))
        return [each for each in marked if b"terraform-provider-aws" in Path(f"/proc/{each}/cmdline").read_bytes()]

    engine.preview().checked()
    before = providers()
    engine.preview().checked()

    assert before
    assert providers() == before


def test_the_plugin_says_that_it_is_not_the_official_one(deployed: Result) -> None:
    assert any("not by the official pulumi-aws plugin" in line for line in deployed.diagnostics)


def test_an_unknown_token_is_refused_by_name(lab: Lab, tmp_path: Path) -> None:
    preview = Engine(lab, "dev", program(tmp_path / "unknown", UNKNOWN)).preview()

    assert preview.code != 0
    assert any("aws:sqs/queue:Queue" in line for line in preview.diagnostics), preview.diagnostics


def test_bad_input_gets_the_providers_own_message(lab: Lab, tmp_path: Path) -> None:
    words = "expected max_aggregation_interval to be one of [60 600], got 61"

    preview = Engine(lab, "dev", program(tmp_path / "wrong", WRONG)).preview()

    assert preview.code != 0
    assert any(words in line for line in preview.diagnostics), preview.diagnostics


def test_the_plugins_own_tests_pass() -> None:
    command = [go(), "test", "-mod=readonly", "."]
    result = subprocess.run(  # noqa: S603 - this file's own arguments
        command, cwd=MODULES / "aws-bridge", capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr
