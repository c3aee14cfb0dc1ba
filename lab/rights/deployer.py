"""Somebody who deploys with the rights of one IAM policy, in front of a lab's AWS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.recording.aws import AwsApi, called
from lab.recording.message import Forward, Handler, Request, Response
from lab.rights.needs import Needs
from lab.rights.policy import Need, Policy
from lab.running.aws_session import aws_client

ACCOUNT = "123456789012"
"""The number of a lab's account."""


@dataclass(frozen=True, slots=True)
class LabAccount:
    """The account of a lab.

    Attributes:
        endpoint: The URL of its AWS.
    """

    endpoint: str

    def tags(self, resource: str) -> Mapping[str, str]:
        """Return the tags of a resource of EC2, or of a key, by its id."""
        if not resource.startswith(("sg", "fl-")):
            found = self._aws("kms").list_resource_tags(KeyId=resource)["Tags"]
            return {each["TagKey"]: each["TagValue"] for each in found}
        found = self._aws("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [resource]}])["Tags"]
        return {each["Key"]: each["Value"] for each in found}

    def vpc(self, group: str) -> str:
        """Return the id of the VPC of a security group."""
        (found,) = self._aws("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
        return str(found["VpcId"])

    def bucket_of(self, flow_log: str) -> str:
        """Return the ARN of the bucket of a flow log; empty if it delivers elsewhere."""
        (found,) = self._aws("ec2").describe_flow_logs(FlowLogIds=[flow_log])["FlowLogs"]
        return str(found["LogDestination"]) if found["LogDestinationType"] == "s3" else ""

    def workgroup(self, query: str) -> str:
        """Return the name of the workgroup of a saved query, by the query's id."""
        return str(self._aws("athena").get_named_query(NamedQueryId=query)["NamedQuery"]["WorkGroup"])

    def _aws(self, service: str) -> Any:  # noqa: ANN401 - boto3 clients have no static type
        return aws_client(self.endpoint, service)


@dataclass(frozen=True, slots=True)
class Deployer:
    """Refuses the calls that a policy does not allow, as AWS would, and notes what all calls need.

    Attributes:
        policy: The policy.
        endpoint: The URL of the lab's AWS.
        token: The token for the cluster; empty for that of an administrator.
        needed: The rights that the calls so far needed.
        refused: Those of them that the policy does not allow.
    """

    policy: Policy
    endpoint: str
    token: str = ""
    needed: set[Need] = field(default_factory=set)
    refused: set[Need] = field(default_factory=set)

    def before(self, handler: Handler) -> Handler:
        """Return a handler that passes on only what the policy allows."""

        def handle(request: Request, forward: Forward) -> Response | None:
            needs = Needs(LabAccount(self.endpoint), ACCOUNT).of(called(request))
            self.needed.update(needs)
            for need in needs:
                if not self.policy.allows(need):
                    self.refused.add(need)
                    return AwsApi().unauthorized(request, need.action, need.resource)
            return handler(request, forward)

        return handle
