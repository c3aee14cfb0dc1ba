"""A firewall from the flat list of its resources in resources.json: without matrix, compiler, proof and components."""

import json
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

LISTED = json.loads(Path(__file__).with_name("resources.json").read_text(encoding="utf-8"))
STACK = pulumi.get_stack()
RULES = {"ingress": aws.vpc.SecurityGroupIngressRule, "egress": aws.vpc.SecurityGroupEgressRule}

account = aws.get_caller_identity().account_id
region = aws.get_region().region
vpc = aws.ec2.get_vpc(tags={"Name": f"flash-ticket-{STACK}"})
groups: dict[str, pulumi.Input[str]] = {
    label: aws.ec2.get_security_group(vpc_id=vpc.id, name=name).id for label, name in LISTED["existing"].items()
}
for each in LISTED["groups"]:
    groups[each["label"]] = aws.ec2.SecurityGroup(
        each["label"], description=each["description"], vpc_id=vpc.id, tags=each["tags"]
    ).id

about: dict[str, list[pulumi.Resource]] = {label: [] for label in groups}
for each in LISTED["rules"]:
    peer = {"referenced_security_group_id": groups[each["group"]]} if "group" in each else each["addresses"]
    rule = RULES[each["direction"]](
        each["name"],
        security_group_id=groups[each["holder"]],
        ip_protocol=each["protocol"],
        from_port=each["first"],
        to_port=each["last"],
        description=each["description"],
        tags=each["tags"],
        **peer,
    )
    for label in {each["holder"], each.get("group", each["holder"])}:
        about[label].append(rule)

attached: dict[str, pulumi.Resource] = {}
for each in LISTED["attachments"]:
    attached[each["service"]] = k8s.apiextensions.CustomResource(
        f"{each['service']}-pods",
        api_version="vpcresources.k8s.aws/v1beta1",
        kind="SecurityGroupPolicy",
        metadata=each["metadata"],
        spec={**each["spec"], "securityGroups": {"groupIds": [groups[label] for label in each["groups"]]}},
        opts=pulumi.ResourceOptions(depends_on=[rule for label in each["groups"] for rule in about[label]]),
    )

policies: list[pulumi.Resource] = []
for each in LISTED["policies"]:
    last = [*policies, *(rule for rules in about.values() for rule in rules)]
    after = [attached[each["service"]]] if each["service"] else last
    policies.append(
        k8s.networking.v1.NetworkPolicy(
            each["metadata"]["name"],
            metadata=each["metadata"],
            spec=each["spec"],
            opts=pulumi.ResourceOptions(depends_on=after),
        )
    )

owner = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
service = {
    "Effect": "Allow",
    "Principal": {"Service": f"logs.{region}.amazonaws.com"},
    "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
    "Resource": "*",
}
key = aws.kms.Key(
    "flow-logs",
    description="Encrypts the VPC flow logs",
    enable_key_rotation=True,
    deletion_window_in_days=7,
    policy=json.dumps({"Version": "2012-10-17", "Statement": [owner, service]}),
)
log_group = aws.cloudwatch.LogGroup(
    "flow-logs", name_prefix="/by-hand/flow-logs-", retention_in_days=14, kms_key_id=key.arn
)
trusted = {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
role = aws.iam.Role(
    "delivery", name_prefix="by-hand-", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
)
permissions = aws.iam.RolePolicy(
    "delivery",
    role=role.name,
    policy=log_group.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                        "Resource": f"{arn}:*",
                    }
                ],
            }
        )
    ),
)
flow_log = aws.ec2.FlowLog(
    "flow-logs",
    vpc_id=vpc.id,
    traffic_type="ALL",
    log_destination_type="cloud-watch-logs",
    log_destination=log_group.arn,
    iam_role_arn=role.arn,
    max_aggregation_interval=60,
    opts=pulumi.ResourceOptions(depends_on=[permissions]),
)
pulumi.export("flowLogId", flow_log.id)
pulumi.export("policies", [each["metadata"]["name"] for each in LISTED["policies"]])
