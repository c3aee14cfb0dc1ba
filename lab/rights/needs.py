"""The rights that a call to AWS needs.

Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service, with the dependent
actions. For the bucket's parts: Amazon S3 API Reference. For flow logs: VPC User Guide, "IAM policy for IAM principals
that publish flow logs to Amazon S3", "Pass a role to the service".
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from lab.aws_api.call import Call
from lab.rights.policy import Need

_FLOW_LOG, _RULE = "vpc-flow-log", "security-group-rule"
_EC2_KINDS = {"sg": "security-group", "sgr": _RULE, "fl": _FLOW_LOG}
_EXISTING = ("GroupId", "SecurityGroupRule.1.SecurityGroupRuleId", "FlowLogId.1")
"""The parameters of EC2 that name a resource that exists."""

_MADE = {
    "CreateSecurityGroup": "security-group",
    "AuthorizeSecurityGroupEgress": _RULE,
    "AuthorizeSecurityGroupIngress": _RULE,
    "CreateFlowLogs": _FLOW_LOG,
}
"""The calls of EC2 that make a resource, with its kind."""

_OF_BUCKETS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "metrics": "MetricsConfiguration",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
"""The parts of a bucket as queries name them, and as actions do."""

_WHOLE_BUCKETS = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}


class Account(Protocol):
    """What AWS knows about the resources of the account, beside what a call says."""

    def tags(self, resource: str) -> Mapping[str, str]:
        """Return the tags of a resource of EC2, or of a key, by its id."""

    def vpc(self, group: str) -> str:
        """Return the id of the VPC of a security group."""

    def bucket_of(self, flow_log: str) -> str:
        """Return the ARN of the bucket of a flow log; empty if it delivers elsewhere."""

    def workgroup(self, query: str) -> str:
        """Return the name of the workgroup of a saved query, by the query's id."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Says what calls need in one account.

    Attributes:
        account: What AWS knows about the resources.
        number: The account's number.
    """

    account: Account
    number: str

    def of(self, call: Call) -> list[Need]:
        """Return the rights that a call needs; none for a call that everybody may make.

        Raises:
            ValueError: The call's service is unknown here.
        """
        services: dict[str, Callable[[Call], Iterator[Need]]] = {
            "ec2": self._ec2,
            "eks": self._eks,
            "iam": self._iam,
            "kms": self._kms,
            "logs": self._logs,
            "monitoring": self._cloudwatch,
            "athena": self._athena,
            "glue": self._glue,
            "s3": self._s3,
        }
        if call.service in {"", "sts"}:
            return []
        if call.service not in services:
            raise ValueError(f"{call.service} {call.action}: it is not written down what it needs")
        return list(services[call.service](call))

    def _arn(self, call: Call, resource: str) -> str:
        return f"arn:aws:{call.service}:{call.region}:{self.number}:{resource}"

    def _ec2(self, call: Call) -> Iterator[Need]:
        action, asked = f"ec2:{call.action}", call.parameters
        given = tuple((f"aws:RequestTag/{key}", value) for key, value in _tags(asked))
        if call.action.startswith(("Describe", "Get")):
            yield Need(action, "*", (("aws:RequestedRegion", call.region),))
            return
        if call.action in {"CreateTags", "DeleteTags"}:
            for each in _numbered(asked, "ResourceId."):
                found = self._standing(call, each)
                yield Need(action, found.resource, (*found.facts, *given))
            return
        yield from (self._standing(call, asked[key]) for key in _EXISTING if key in asked)
        yield from (
            Need(action, self._arn(call, f"vpc/{asked[key]}")) for key in ("VpcId", "ResourceId.1") if key in asked
        )
        if made := _MADE.get(call.action):
            yield Need(action, self._arn(call, f"{made}/*"), given)
            yield Need("ec2:CreateTags", self._arn(call, f"{made}/*"), (*given, ("ec2:CreateAction", call.action)))
        if made == _FLOW_LOG or call.action == "DeleteFlowLogs":
            yield from self._delivery(call)

    def _delivery(self, call: Call) -> Iterator[Need]:
        """Yield what a flow log needs for its destination."""
        asked = call.parameters
        if role := asked.get("DeliverLogsPermissionArn"):
            yield Need("iam:PassRole", role)
        if asked.get("LogDestinationType") == "s3":
            yield Need("logs:CreateLogDelivery", "*")
        if "FlowLogId.1" in asked and self.account.bucket_of(asked["FlowLogId.1"]):
            yield Need("logs:DeleteLogDelivery", "*")

    def _standing(self, call: Call, resource: str) -> Need:
        """Return the need of a call for a resource of EC2 that exists."""
        kind = _EC2_KINDS[resource.partition("-")[0]]
        facts = [(f"aws:ResourceTag/{key}", value) for key, value in self.account.tags(resource).items()]
        if kind == "security-group":
            facts.append(("ec2:Vpc", self._arn(call, f"vpc/{self.account.vpc(resource)}")))
        return Need(f"ec2:{call.action}", self._arn(call, f"{kind}/{resource}"), tuple(facts))

    def _eks(self, call: Call) -> Iterator[Need]:
        _, cluster, *rest = urlsplit(call.action.partition(" ")[2]).path.strip("/").split("/")
        action = "ListPodIdentityAssociations" if rest else "DescribeCluster"
        yield Need(f"eks:{action}", self._arn(call, f"cluster/{cluster}"))

    def _iam(self, call: Call) -> Iterator[Need]:
        role = f"arn:aws:iam::{self.number}:role/{call.parameters['RoleName']}"
        yield Need(f"iam:{call.action}", role)
        if call.action == "CreateRole" and any(key.startswith("Tags.") for key in call.parameters):
            yield Need("iam:TagRole", role)

    def _kms(self, call: Call) -> Iterator[Need]:
        asked = _content(call)
        if call.action == "CreateKey":
            given = tuple((f"aws:RequestTag/{tag['TagKey']}", tag["TagValue"]) for tag in asked.get("Tags", ()))
            later = tuple((key.replace("Request", "Resource"), value) for key, value in given)
            yield Need("kms:CreateKey", "*", given)
            yield Need("kms:TagResource", self._arn(call, "key/*"), given)
            yield Need("kms:PutKeyPolicy", self._arn(call, "key/*"), later)
        else:
            key = asked["KeyId"].rpartition("/")[2]
            facts = tuple((f"aws:ResourceTag/{name}", value) for name, value in self.account.tags(key).items())
            yield Need(f"kms:{call.action}", self._arn(call, f"key/{key}"), facts)

    def _logs(self, call: Call) -> Iterator[Need]:
        asked = _content(call)
        group = self._arn(call, f"log-group:{asked.get('logGroupName', '*')}")
        match call.action:
            case "DescribeLogGroups":
                yield Need("logs:DescribeLogGroups", self._arn(call, "log-group:*"))
            case "ListTagsForResource":
                yield Need("logs:ListTagsForResource", asked["resourceArn"])
            case _:
                yield Need(f"logs:{call.action}", f"{group}:*")
        if call.action == "CreateLogGroup" and asked.get("tags"):
            yield Need("logs:TagResource", group)

    def _cloudwatch(self, call: Call) -> Iterator[Need]:
        asked, action = call.parameters, f"cloudwatch:{call.action}"
        for name in (*_numbered(asked, "AlarmNames.member."), *_numbered(asked, "AlarmName")):
            yield Need(action, self._of_cloudwatch(call, f"alarm:{name}"))
        for name in (*_numbered(asked, "RuleNames.member."), *_numbered(asked, "RuleName")):
            yield Need(action, self._of_cloudwatch(call, f"insight-rule/{name}"))
        for name in (*_numbered(asked, "DashboardNames.member."), *_numbered(asked, "DashboardName")):
            yield Need(action, f"arn:aws:cloudwatch::{self.number}:dashboard/{name}")
        if "ResourceARN" in asked:
            yield Need(action, asked["ResourceARN"])
        if call.action == "DescribeInsightRules":
            yield Need(action, "*")
        if any(key.startswith("Tags.") for key in asked):
            name = f"alarm:{asked['AlarmName']}" if "AlarmName" in asked else f"insight-rule/{asked['RuleName']}"
            yield Need("cloudwatch:TagResource", self._of_cloudwatch(call, name))

    def _of_cloudwatch(self, call: Call, resource: str) -> str:
        """Return an ARN of CloudWatch, which signs its requests with another name."""
        return f"arn:aws:cloudwatch:{call.region}:{self.number}:{resource}"

    def _athena(self, call: Call) -> Iterator[Need]:
        asked = _content(call)
        name = asked.get("WorkGroup") or (asked.get("Name") if call.action == "CreateWorkGroup" else None)
        if "NamedQueryId" in asked:
            name = self.account.workgroup(asked["NamedQueryId"])
        resource = asked.get("ResourceARN") or self._arn(call, f"workgroup/{name}")
        yield Need(f"athena:{call.action}", resource)
        if call.action == "CreateWorkGroup" and asked.get("Tags"):
            yield Need("athena:TagResource", resource)

    def _glue(self, call: Call) -> Iterator[Need]:
        asked = _content(call)
        if "ResourceArn" in asked:
            yield Need(f"glue:{call.action}", asked["ResourceArn"])
            return
        table = asked.get("TableName") or asked.get("TableInput", {}).get("Name", "")
        database = asked.get("DatabaseName") or asked.get("DatabaseInput", {}).get("Name", "")
        if "Name" in asked:
            table, database = (asked["Name"], database) if database else ("", asked["Name"])
        places = ["catalog", f"database/{database}", *([f"table/{database}/{table}"] if table else ())]
        yield from (Need(f"glue:{call.action}", self._arn(call, place)) for place in places)
        if call.action == "CreateDatabase" and asked.get("Tags"):
            yield Need("glue:TagResource", self._arn(call, f"database/{database}"))

    def _s3(self, call: Call) -> Iterator[Need]:
        method, _, target = call.action.partition(" ")
        parts = urlsplit(target)
        bucket, _, key = parts.path.strip("/").partition("/")
        asked = parse_qs(parts.query, keep_blank_values=True)
        if not bucket:
            yield Need("s3:ListAllMyBuckets", "*")
        elif "delete" in asked:
            versions = b"<VersionId>" in call.body
            yield Need(f"s3:DeleteObject{'Version' if versions else ''}", f"arn:aws:s3:::{bucket}/*")
        elif key:
            yield Need(f"s3:{method.capitalize()}Object", f"arn:aws:s3:::{bucket}/{key}")
        else:
            yield Need(f"s3:{_of_bucket(method, asked)}", f"arn:aws:s3:::{bucket}")


def _of_bucket(method: str, asked: Mapping[str, object]) -> str:
    if "versions" in asked:
        return "ListBucketVersions"
    for name, part in _OF_BUCKETS.items():
        if name in asked:
            if method == "DELETE" and name == "policy":
                return "DeleteBucketPolicy"
            return f"{'Get' if method in {'GET', 'HEAD'} else 'Put'}{part}"
    return _WHOLE_BUCKETS[method]


def _content(call: Call) -> dict[str, Any]:
    return dict(json.loads(call.body or b"{}"))


def _numbered(asked: Mapping[str, str], name: str) -> list[str]:
    """Return the values of a list, or of one parameter."""
    return [value for key, value in asked.items() if key == name or (name.endswith(".") and key.startswith(name))]


def _tags(asked: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, name in asked.items():
        if ("Tag." in key) and key.endswith(".Key"):
            yield name, asked.get(f"{key.removesuffix('.Key')}.Value", "")
