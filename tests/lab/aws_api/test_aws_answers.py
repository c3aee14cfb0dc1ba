"""The lab's AWS keeps what the real service keeps; otherwise every preview would show a change."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.surroundings import REGION

Aws = Callable[[str], Any]


def ingress(ec2: Any, group: str) -> list[dict[str, Any]]:  # noqa: ANN401 - boto3 clients have no static type
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return [rule for rule in rules if not rule["IsEgress"]]


def authorize(ec2: Any, group: str, **peer: list[dict[str, str]]) -> str:  # noqa: ANN401 - likewise
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, **peer}
    answer = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])


def test_a_rule_keeps_its_description_whatever_its_peer(aws: Aws, group: str) -> None:
    ec2 = aws("ec2")
    prefix_list = ec2.describe_managed_prefix_lists()["PrefixLists"][0]["PrefixListId"]
    authorize(ec2, group, UserIdGroupPairs=[{"GroupId": group, "Description": "a group"}])
    authorize(ec2, group, PrefixListIds=[{"PrefixListId": prefix_list, "Description": "a prefix list"}])
    authorize(ec2, group, IpRanges=[{"CidrIp": "192.0.2.0/24", "Description": "a range"}])

    assert [rule["Description"] for rule in ingress(ec2, group)] == ["a group", "a prefix list", "a range"]


def test_a_rule_can_be_changed_in_place(aws: Aws, group: str) -> None:
    ec2 = aws("ec2")
    rule = authorize(ec2, group, UserIdGroupPairs=[{"GroupId": group, "Description": "before"}])
    wanted = {"IpProtocol": "tcp", "FromPort": 81, "ToPort": 82, "ReferencedGroupId": group, "Description": "after"}

    ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": wanted}]
    )

    (changed,) = ingress(ec2, group)
    assert (changed["SecurityGroupRuleId"], changed["FromPort"], changed["ToPort"]) == (rule, 81, 82)
    assert (changed["ReferencedGroupInfo"]["GroupId"], changed["Description"]) == (group, "after")


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        (
            {"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": True},
            {"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": True},
        ),
        (
            {"FileFormat": "parquet"},
            {"FileFormat": "parquet", "HiveCompatiblePartitions": False, "PerHourPartition": False},
        ),
    ],
)
def test_a_flow_log_keeps_its_destination_options(
    aws: Aws, vpc: str, given: dict[str, Any], answered: dict[str, Any]
) -> None:
    ec2 = aws("ec2")
    bucket = f"flow-logs-{len(given)}"
    aws("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    (identifier,) = ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination=f"arn:aws:s3:::{bucket}",
        DestinationOptions=given,
    )["FlowLogIds"]

    (flow_log,) = ec2.describe_flow_logs(FlowLogIds=[identifier])["FlowLogs"]
    assert flow_log["DestinationOptions"] == answered
    ec2.delete_flow_logs(FlowLogIds=[identifier])


def test_a_flow_log_delivers_while_its_log_group_exists(aws: Aws, vpc: str) -> None:
    ec2, logs = aws("ec2"), aws("logs")
    logs.create_log_group(logGroupName="delivered")
    arn = logs.describe_log_groups(logGroupNamePrefix="delivered")["logGroups"][0]["arn"]

    (identifier,) = ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogDestination=arn,
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/none",
    )["FlowLogIds"]

    def delivery() -> tuple[str, str | None]:
        (flow_log,) = ec2.describe_flow_logs(FlowLogIds=[identifier])["FlowLogs"]
        return flow_log["DeliverLogsStatus"], flow_log.get("DeliverLogsErrorMessage")

    assert delivery() == ("SUCCESS", None)
    logs.delete_log_group(logGroupName="delivered")
    assert delivery() == ("FAILED", "Access error")
    ec2.delete_flow_logs(FlowLogIds=[identifier])


def test_a_workgroup_keeps_settings_that_an_update_does_not_name(aws: Aws) -> None:
    athena = aws("athena")
    results = {"OutputLocation": "s3://results/", "ExpectedBucketOwner": "111122223333"}
    athena.create_work_group(
        Name="changed", Configuration={"ResultConfiguration": results, "BytesScannedCutoffPerQuery": 10_000_000}
    )

    athena.update_work_group(
        WorkGroup="changed",
        ConfigurationUpdates={
            "BytesScannedCutoffPerQuery": 20_000_000,
            "ResultConfigurationUpdates": {"OutputLocation": "s3://others/", "RemoveExpectedBucketOwner": True},
        },
    )

    configuration = athena.get_work_group(WorkGroup="changed")["WorkGroup"]["Configuration"]
    assert configuration["BytesScannedCutoffPerQuery"] == 20_000_000
    assert configuration["ResultConfiguration"] == {"OutputLocation": "s3://others/"}


def test_a_workgroup_of_athena_without_tags_has_an_empty_list_of_them(aws: Aws) -> None:
    athena = aws("athena")
    arn = f"arn:aws:athena:{REGION}:123456789012:workgroup/{{}}"
    athena.create_work_group(Name="untagged")

    assert athena.list_tags_for_resource(ResourceARN=arn.format("untagged"))["Tags"] == []
    with pytest.raises(ClientError, match="Does Not Exist"):
        athena.list_tags_for_resource(ResourceARN=arn.format("absent"))


def test_a_missing_workgroup_or_query_of_athena_is_refused_by_name(aws: Aws) -> None:
    athena = aws("athena")
    absent = athena.exceptions.InvalidRequestException

    with pytest.raises(absent, match="WorkGroup is not found"):
        athena.get_work_group(WorkGroup="absent")
    query = athena.create_named_query(Name="q", Database="d", QueryString="SELECT 1")["NamedQueryId"]
    athena.delete_named_query(NamedQueryId=query)
    with pytest.raises(absent, match=query):
        athena.get_named_query(NamedQueryId=query)


def test_a_missing_rule_is_refused_with_its_id(aws: Aws, group: str) -> None:
    with pytest.raises(ClientError) as refused:
        aws("ec2").revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=["sgr-00000000000000000"])

    assert refused.value.response["Error"]["Code"] == "InvalidSecurityGroupRuleId.NotFound"


def test_a_retried_request_runs_once(aws: Aws, vpc: str) -> None:
    ec2 = aws("ec2")

    def repeat(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's request has no static type
        request.headers["amz-sdk-invocation-id"] = "the same"

    ec2.meta.events.register("before-send.ec2.CreateSecurityGroup", repeat)
    made = [ec2.create_security_group(GroupName="repeated", Description="test", VpcId=vpc)["GroupId"] for _ in range(2)]

    assert made[0] == made[1]


def test_an_association_of_pod_identity_is_listed_for_its_cluster_alone(aws: Aws) -> None:
    eks = aws("eks")
    asked = {"clusterName": "made-up", "namespace": "shop"}
    eks.create_pod_identity_association(**asked, serviceAccount="api", roleArn="arn:aws:iam::111122223333:role/api")

    (made,) = eks.list_pod_identity_associations(**asked)["associations"]
    assert (made["namespace"], made["serviceAccount"]) == ("shop", "api")
    assert eks.list_pod_identity_associations(**asked | {"clusterName": "another"})["associations"] == []
