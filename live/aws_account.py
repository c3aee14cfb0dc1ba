"""The AWS account and region of a stack, asked for what the binding names."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_network
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import (
    ConnectionError as UnreachableError,
)

from segmentation.bind import FoundCluster, FoundSubnet, FoundVpc
from segmentation.binding import One, Some
from segmentation.direction import Direction
from segmentation.environment import Group, Network, PrefixList
from segmentation.input_error import InputError
from segmentation.quota import AWS_PREFIX_LIST_WEIGHTS
from segmentation.security_group import STACK_TAG

# One retry: an endpoint that is not there is told within 30 seconds, not after minutes.
_PATIENCE = Config(connect_timeout=4, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})

_FILTER_VALUES = 200

_EXPIRED = {
    *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "AuthFailure"),
    *("UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch"),
}
_FORBIDDEN = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"}


@dataclass(frozen=True)
class AwsAccount:
    """The account that credentials lead to, in one region.

    Implements ``segmentation.bind.Account``. Every question may raise InputError: no or expired credentials, a right
    that is missing, an endpoint that does not answer within 30 seconds.
    """

    session: boto3.Session
    stack: str

    @staticmethod
    def connect(region: str, profile: str | None, stack: str) -> "AwsAccount":
        """Return the account; nothing is asked of AWS yet.

        Raises:
            InputError: There is no such profile.
        """
        try:
            return AwsAccount(boto3.Session(region_name=region, profile_name=profile), stack)
        except ProfileNotFound as error:
            raise InputError(
                "AWS", "profile", str(error), "Set AWS_PROFILE or aws:profile to one that exists"
            ) from None

    @property
    def region(self) -> str:
        """Such as ``ap-northeast-2``."""
        return str(self.session.region_name)

    @property
    def id(self) -> str:
        """Twelve digits."""
        return self._identity[0]

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` or ``aws-us-gov``."""
        return self._identity[1]

    def vpcs(self, selection: One) -> Sequence[FoundVpc]:
        """Return every VPC that the selection fits; its name is its tag Name."""
        chosen = _filters(selection, "vpc-id")
        found = self._pages("ec2", "describe_vpcs", "Vpcs", Filters=chosen)
        return [FoundVpc(vpc["VpcId"], _networks(vpc)) for vpc in found]

    def subnets(self, vpc: str, selection: One | Some) -> Sequence[FoundSubnet]:
        """Return every subnet of the VPC that the selection fits; its name is its tag Name."""
        chosen = [{"Name": "vpc-id", "Values": [vpc]}, *_filters(selection, "subnet-id")]
        found = self._pages("ec2", "describe_subnets", "Subnets", Filters=chosen)
        return [FoundSubnet(subnet["SubnetId"], _networks(subnet)) for subnet in found]

    def groups(self, vpc: str, selection: One) -> Sequence[Group]:
        """Return every security group of the VPC that the selection fits; its name is its own, not a tag."""
        of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
        listed = self._pages("ec2", "describe_security_groups", "SecurityGroups", Filters=of_vpc)
        chosen = [Group(group["GroupId"], group["GroupName"]) for group in listed if _fits(selection, group)]
        if len(chosen) != 1:
            return chosen
        known = [group["GroupId"] for group in listed]
        # One question for all groups, as far as a filter takes them (EC2 API reference, Filter: 200 values).
        asked = known if len(known) <= _FILTER_VALUES else [chosen[0].id]
        return [replace(chosen[0], foreign_rules=self._foreign_rules(chosen[0].id, asked))]

    def prefix_lists(self, selection: One) -> Sequence[PrefixList]:
        """Return every managed prefix list that the selection fits, with its entries."""
        chosen = _filters(selection, "prefix-list-id", "prefix-list-name")
        found = self._pages("ec2", "describe_managed_prefix_lists", "PrefixLists", Filters=chosen)
        return [self._prefix_list(described) for described in found]

    def cluster(self, name: str) -> FoundCluster | None:
        """Return the EKS cluster, or None if there is none of that name."""
        try:
            described = self._ask("eks", "describe_cluster", name=name)["cluster"]
        except _NoSuchClusterError:
            return None
        placed, addressed = described["resourcesVpcConfig"], described["kubernetesNetworkConfig"]
        if not placed.get("clusterSecurityGroupId"):
            raise InputError("AWS", f"EKS cluster {name}", "it is still being created", "Wait until it is active")
        services = addressed.get("serviceIpv4Cidr") or addressed["serviceIpv6Cidr"]
        return FoundCluster(placed["vpcId"], placed["clusterSecurityGroupId"], ip_network(services))

    def own_groups(self) -> Sequence[dict[str, Any]]:
        """Return the security groups that this program made for the stack, as DescribeSecurityGroups tells them."""
        return self._pages("ec2", "describe_security_groups", "SecurityGroups", Filters=[self._of_stack])

    def own_rules(self) -> Sequence[dict[str, Any]]:
        """Return the rules that this program made for the stack, as DescribeSecurityGroupRules tells them."""
        return self._pages("ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=[self._of_stack])

    @property
    def _of_stack(self) -> dict[str, Any]:
        return {"Name": f"tag:{STACK_TAG}", "Values": [self.stack]}

    @cached_property
    def _identity(self) -> tuple[str, str]:
        identity = self._ask("sts", "get_caller_identity")
        return identity["Account"], identity["Arn"].split(":")[1]

    @cached_property
    def _answers(self) -> dict[str, list[Any]]:
        return {}

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def _prefix_list(self, described: dict[str, Any]) -> PrefixList:
        entries = self._pages(
            "ec2", "get_managed_prefix_list_entries", "Entries", PrefixListId=described["PrefixListId"]
        )
        networks = tuple(ip_network(entry["Cidr"]) for entry in entries)
        name = described["PrefixListName"]
        weight = AWS_PREFIX_LIST_WEIGHTS.get(name) or described.get("MaxEntries") or len(networks)
        family = 6 if described.get("AddressFamily") == "IPv6" else 4
        return PrefixList(described["PrefixListId"], name, family, weight, networks)

    def _foreign_rules(self, group: str, asked: list[str]) -> tuple[tuple[str, int, int], ...]:
        chosen = [{"Name": "group-id", "Values": asked}]
        rules = self._pages("ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=chosen)
        counted: Counter[tuple[str, int]] = Counter()
        for rule in rules:
            if rule["GroupId"] != group:
                continue
            direction = Direction.EGRESS if rule["IsEgress"] else Direction.INGRESS
            for family, weight in () if self._is_ours(rule) else self._weights(rule):
                counted[direction.value, family] += weight
        return tuple((direction, family, count) for (direction, family), count in sorted(counted.items()))

    def _weights(self, rule: dict[str, Any]) -> tuple[tuple[int, int], ...]:
        """Return what a rule counts, by family: one, or what a prefix list weighs."""
        if rule.get("PrefixListId"):
            listed = self.prefix_lists(One(id=rule["PrefixListId"]))
            return tuple((each.family, each.weight) for each in listed)
        if rule.get("CidrIpv4"):
            return ((4, 1),)
        return ((6, 1),) if rule.get("CidrIpv6") else ((4, 1), (6, 1))

    def _is_ours(self, rule: dict[str, Any]) -> bool:
        return {"Key": STACK_TAG, "Value": self.stack} in rule.get("Tags", ())

    def _pages(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:  # noqa: ANN401 - the SDK's
        """Return all pages of an answer; the same question is asked once."""
        question = f"{operation} {arguments}"
        if question not in self._answers:
            found: list[Any] = []
            while True:
                page = self._ask(service, operation, **arguments)
                found += page[key]
                if not page.get("NextToken"):
                    break
                arguments["NextToken"] = page["NextToken"]
            self._answers[question] = found
        return self._answers[question]

    def _ask(self, service: str, operation: str, **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's
        try:
            if service not in self._clients:
                make_client: Any = self.session.client
                self._clients[service] = make_client(service, config=_PATIENCE)
            return getattr(self._clients[service], operation)(**arguments)
        except ClientError as error:
            raise self._refused(service, operation, error) from None
        except (NoCredentialsError, PartialCredentialsError, TokenRetrievalError, SSOError) as error:
            remedy = "Sign in (aws sso login), or set AWS_PROFILE or the AWS_* variables"
            raise InputError("AWS", "credentials", str(error).rstrip("."), remedy) from None
        except (UnreachableError, HTTPClientError) as error:
            remedy = "Check the network, the region and AWS_ENDPOINT_URL"
            raise InputError("AWS", service, f"it cannot be reached ({error})".rstrip("."), remedy) from None
        except BotoCoreError as error:
            raise InputError("AWS", f"{service} {operation}", str(error).rstrip("."), "Mend the AWS settings") from None

    def _refused(self, service: str, operation: str, error: ClientError) -> Exception:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"].rstrip(".")
        if code == "ResourceNotFoundException" and service == "eks":
            return _NoSuchClusterError()
        if code in _EXPIRED:
            return InputError("AWS", "credentials", f"AWS refuses them: {message}", "Sign in again (aws sso login)")
        what = "".join(word.capitalize() for word in operation.split("_"))
        remedy = f"Allow {service}:{what} to this identity" if code in _FORBIDDEN else "Try again, or mend what it says"
        return InputError("AWS", f"{service}:{what}", f"{code}: {message}", remedy)


class _NoSuchClusterError(Exception):
    pass


def _filters(selection: One | Some, id_key: str, name_key: str = "tag:Name") -> list[dict[str, Any]]:
    if selection.tags:
        return [{"Name": f"tag:{key}", "Values": [value]} for key, value in selection.tags]
    if isinstance(selection, Some):
        names, ids = selection.names, selection.ids
    else:
        names, ids = [selection.name] if selection.name else None, [selection.id] if selection.id else None
    return [{"Name": name_key if names else id_key, "Values": names or ids or []}]


def _fits(selection: One, group: dict[str, Any]) -> bool:
    if selection.tags:
        tags = {tag["Key"]: tag["Value"] for tag in group.get("Tags", ())}
        return all(tags.get(key) == value for key, value in selection.tags)
    if selection.name:
        return bool(group["GroupName"] == selection.name)
    return bool(group["GroupId"] == selection.id)


def _networks(described: dict[str, Any]) -> tuple[Network, ...]:
    return tuple(ip_network(block) for block in _blocks(described))


def _blocks(described: dict[str, Any]) -> Iterator[str]:
    associated = described.get("CidrBlockAssociationSet")
    if associated is None:
        yield described["CidrBlock"]
    for block in associated or ():
        yield block["CidrBlock"]
    for block in described.get("Ipv6CidrBlockAssociationSet", ()):
        yield block["Ipv6CidrBlock"]
