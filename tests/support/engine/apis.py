"""The APIs of one environment of the lab, without the engine, and the changes of the shop that tests deploy."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config

from lab.running.aws_session import aws_client
from lab.running.lab import Lab

REPOSITORY = Path(__file__).parents[3]
NAMESPACE = "flash-ticket"

SERVICE_ADDED = (
    "externals:",
    "  mail:\n    pods: {app: flash-mail}\n    ports: [2525]\n\nexternals:",
)
FLOW_ADDED = ("flows:\n", "flows:\n  - {from: pay, to: mail}\n")
FLOW_REMOVED = ("{from: pay, to: [rabbitmq, redis, database]}", "{from: pay, to: [rabbitmq, database]}")
PORT_CHANGED = ("redis: {ports: [6379]}", "redis: {ports: [6380]}")
CHANGES = (SERVICE_ADDED, FLOW_ADDED, FLOW_REMOVED, PORT_CHANGED)
TARGET = "04-allow-egress-pay"


@dataclass(frozen=True, slots=True)
class Sight:
    """What the APIs show at one moment.

    Attributes:
        policies: The namespace's NetworkPolicies by name.
        attachments: The namespace's SecurityGroupPolicies by name.
        elsewhere: The names of all NetworkPolicies of other namespaces.
        namespaces: Names and uids.
        groups: The VPC's security groups, by id.
        rules: The tagged names of the rules of all groups.
        buckets: Their names.
        log_groups: Their names.
        flow_logs: Their descriptions, by id.
        keys: The states of KMS keys, by id.
    """

    policies: Mapping[str, dict[str, Any]]
    attachments: Mapping[str, dict[str, Any]]
    elsewhere: frozenset[str]
    namespaces: Mapping[str, str]
    groups: Mapping[str, dict[str, Any]]
    rules: frozenset[str]
    buckets: frozenset[str]
    log_groups: frozenset[str]
    flow_logs: Mapping[str, dict[str, Any]]
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Apis:
    """The two APIs of one environment of the lab, without the engine."""

    lab: Lab
    stack: str

    def aws(self, service: str) -> Any:  # noqa: ANN401 - boto3 clients have no static type
        """Return a client of an AWS service."""
        return aws_client(self.lab.aws_endpoint, service)

    def tamper(self) -> None:
        """Change one policy, add to another and to a pod's groups, and delete one, as a person with kubectl would."""
        wrong_port = '[{"op": "replace", "path": "/spec/ingress/0/ports/0/port", "value": 9999}]'
        all_open = '[{"op": "add", "path": "/spec/egress/-", "value": {}}]'
        one_group = '[{"op": "add", "path": "/spec/securityGroups/groupIds/-", "value": "sg-0123456789abcdef0"}]'
        for arguments in (
            ["patch", "networkpolicy", "03-allow-pay-from-api", "--type=json", "--patch", wrong_port],
            ["patch", "networkpolicy", "04-allow-egress-gateway", "--type=json", "--patch", all_open],
            ["patch", "securitygrouppolicy", "api", "--type=json", "--patch", one_group],
            ["delete", "networkpolicy", "04-allow-egress-api"],
        ):
            command = [str(self.lab.toolchain.path("kubectl")), "--namespace", NAMESPACE, *arguments]
            subprocess.run(command, env=self.lab.env(self.stack), check=True, capture_output=True)  # noqa: S603 - the lab's

    def look(self) -> Sight:
        """Return what the APIs show now."""
        load: Any = config.new_client_from_config
        with load(config_file=str(self.lab.kubeconfigs[self.stack])) as api:
            objects = client.CustomObjectsApi(api)
            policies = _items(objects.list_cluster_custom_object("networking.k8s.io", "v1", "networkpolicies"))
            attachments = _items(
                objects.list_cluster_custom_object("vpcresources.k8s.aws", "v1beta1", "securitygrouppolicies")
            )
            namespaces: list[Any] = client.CoreV1Api(api).list_namespace().items
        ec2, s3 = self.aws("ec2"), self.aws("s3")
        vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"flash-ticket-{self.stack}"]}])["Vpcs"][0]
        groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["SecurityGroups"]
        ids = [group["GroupId"] for group in groups]
        rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": ids}])["SecurityGroupRules"]
        flow_logs = ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [vpc["VpcId"]]}])["FlowLogs"]
        kms = self.aws("kms")
        keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
        return Sight(
            {each["metadata"]["name"]: each for each in policies if each["metadata"]["namespace"] == NAMESPACE},
            {each["metadata"]["name"]: each for each in attachments if each["metadata"]["namespace"] == NAMESPACE},
            frozenset(
                f"{each['metadata']['namespace']}/{each['metadata']['name']}"
                for each in policies
                if each["metadata"]["namespace"] != NAMESPACE
            ),
            {each.metadata.name: each.metadata.uid for each in namespaces},
            {group["GroupId"]: group for group in groups},
            frozenset(tag["Value"] for rule in rules for tag in rule.get("Tags", ()) if tag["Key"] == "Name"),
            frozenset(bucket["Name"] for bucket in s3.list_buckets()["Buckets"]),
            frozenset(group["logGroupName"] for group in self.aws("logs").describe_log_groups()["logGroups"]),
            {log["FlowLogId"]: log for log in flow_logs},
            {key["KeyId"]: key["KeyState"] for key in keys},
        )


def _items(found: object) -> list[dict[str, Any]]:
    listed: Any = found
    return list(listed["items"])


def changed_matrix(*changes: tuple[str, str]) -> dict[str, str]:
    """Return the committed traffic.yaml with some text replaced, as files for ``copy_program``."""
    text = (REPOSITORY / "traffic.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return {"traffic.yaml": text}
