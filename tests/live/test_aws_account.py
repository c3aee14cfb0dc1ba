"""Look-ups in an account by tag, name or id, and one line for each refusal."""

import os
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, ReadTimeoutError

from flash_ticket.firewall.bind.environment import Group
from flash_ticket.firewall.compile.owner import STACK_TAG
from flash_ticket.firewall.declare.sections.selection import One, Some
from flash_ticket.live.asking.aws_session import PATIENCE
from flash_ticket.live.aws_account import AwsAccount
from lab.running.lab import Lab
from lab.surroundings import REGION
from tests.support.clouds.stubbed_session import Session
from tests.support.declared.owners import DEV, owner_of
from tests.support.refusal import refusal

CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"


def tagged(**tags: str) -> One:
    return One.model_validate({"tags": tags})


def some(**tags: str) -> Some:
    return Some.model_validate({"tags": tags})


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove all AWS settings, as on a machine where nobody has signed in."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def account(lab: Lab, bare: None, monkeypatch: pytest.MonkeyPatch) -> AwsAccount:  # noqa: ARG001 - it removes other settings
    """The lab's account, through the same variables as ``pulumi``."""
    for name, value in lab.variables("dev").items():
        if name.startswith("AWS_") or name.lower() == "no_proxy":
            monkeypatch.setenv(name, value)
    return AwsAccount.connect(REGION, None, DEV)


@pytest.fixture
def ec2(account: AwsAccount) -> Any:  # noqa: ANN401 - boto3's clients have no static type
    make: Any = account.session.client
    return make("ec2")


@pytest.fixture
def group(ec2: Any, account: AwsAccount, request: pytest.FixtureRequest) -> Iterator[str]:  # noqa: ANN401 - likewise
    """A new security group in the VPC of dev, without rules."""
    (vpc,) = account.vpcs(tagged(Name="flash-ticket-dev"))
    made = ec2.create_security_group(GroupName=request.node.name[:60], Description="test", VpcId=vpc.id)["GroupId"]
    egress = ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"][0]["IpPermissionsEgress"]
    ec2.revoke_security_group_egress(GroupId=made, IpPermissions=egress)
    yield made
    ec2.delete_security_group(GroupId=made)


def open_port(ec2: Any, group: str, port: int, peer: dict[str, Any], **tags: str) -> None:  # noqa: ANN401 - likewise
    specification = [
        {"ResourceType": "security-group-rule", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    ]
    permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}
    more = {"TagSpecifications": specification} if tags else {}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission], **more)


@pytest.mark.engine
def test_a_vpc_is_found_by_tag_by_name_and_by_id(account: AwsAccount) -> None:
    (by_tag,) = account.vpcs(tagged(Name="flash-ticket-dev", Environment="dev"))

    assert by_tag.networks == (ip_network("10.10.0.0/16"),)
    assert list(account.vpcs(One(name="flash-ticket-dev"))) == [by_tag]
    assert list(account.vpcs(One(id=by_tag.id))) == [by_tag]
    assert list(account.vpcs(tagged(Name="flash-ticket-dev", Environment="prod"))) == []
    assert list(account.vpcs(One(id="vpc-00000000"))) == []


@pytest.mark.engine
def test_subnets_are_found_only_in_their_vpc(account: AwsAccount) -> None:
    (vpc,) = account.vpcs(One(name="flash-ticket-dev"))
    by_tag = account.subnets(vpc.id, some(Tier="data"))

    assert sorted(str(network) for subnet in by_tag for network in subnet.networks) == [
        "10.10.20.0/24",
        "10.10.21.0/24",
    ]
    names = Some(names=["flash-ticket-dev-data-a", "flash-ticket-dev-data-c"])
    ids = Some(ids=[subnet.id for subnet in by_tag])
    for selection in (names, ids):
        assert sorted(each.id for each in account.subnets(vpc.id, selection)) == sorted(each.id for each in by_tag)
    assert list(account.subnets(vpc.id, some(Environment="prod"))) == []


@pytest.mark.engine
def test_a_group_is_found_by_tag_by_its_own_name_and_by_id(account: AwsAccount) -> None:
    (vpc,) = account.vpcs(One(name="flash-ticket-dev"))
    (by_tag,) = account.groups(vpc.id, tagged(Name="flash-ticket-dev-redis"))

    assert by_tag.label == "flash-ticket-dev-redis"
    assert list(account.groups(vpc.id, One(name="flash-ticket-dev-redis"))) == [by_tag]
    assert list(account.groups(vpc.id, One(id=by_tag.id))) == [by_tag]
    assert len(account.groups(vpc.id, tagged(Environment="dev"))) > 1


@pytest.mark.engine
def test_only_rules_of_others_are_counted_by_direction_and_family(
    account: AwsAccount,
    ec2: Any,  # noqa: ANN401 - boto3's clients have no static type
    group: str,
) -> None:
    v4, v6 = {"IpRanges": [{"CidrIp": "192.0.2.0/24"}]}, {"Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]}
    open_port(ec2, group, 1, v6)
    open_port(ec2, group, 2, {"UserIdGroupPairs": [{"GroupId": group}]})
    others = owner_of("dev", "other-shop").tags, owner_of("dev", cluster="other-cluster").tags, {STACK_TAG: "prod"}
    for port, marks in enumerate(({}, {"Name": "somebody's"}, *others, DEV.tags, {STACK_TAG: "dev"}), 3):
        open_port(ec2, group, port, v4, **marks)
    (vpc,) = account.vpcs(One(name="flash-ticket-dev"))

    (found,) = account.groups(vpc.id, One(id=group))

    assert found.foreign_rules == (("ingress", 4, 6), ("ingress", 6, 2))


@pytest.mark.engine
def test_a_prefix_list_counts_with_its_maximum_and_an_aws_managed_one_with_its_weight(
    account: AwsAccount,
    ec2: Any,  # noqa: ANN401 - likewise
) -> None:
    made = ec2.create_managed_prefix_list(
        PrefixListName="offices",
        MaxEntries=20,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "192.0.2.0/25"}, {"Cidr": "203.0.113.0/24"}],
    )["PrefixList"]["PrefixListId"]
    try:
        (by_name,) = account.prefix_lists(One(name="offices"))
        (by_id,) = account.prefix_lists(One(id=made))
    finally:
        ec2.delete_managed_prefix_list(PrefixListId=made)

    assert by_name == by_id
    assert (by_name.family, by_name.weight) == (4, 20)
    assert set(by_name.networks) == {ip_network("192.0.2.0/25"), ip_network("203.0.113.0/24")}
    (cloudfront,) = account.prefix_lists(One(name=CLOUDFRONT))
    assert cloudfront.weight == 55


@pytest.mark.engine
def test_a_cluster_is_found_by_name_with_its_eks_security_group(account: AwsAccount) -> None:
    (vpc,) = account.vpcs(One(name="flash-ticket-dev"))
    cluster = account.cluster("flash-ticket-dev")

    assert cluster
    assert (cluster.vpc, cluster.services) == (vpc.id, (ip_network("172.20.0.0/16"),))
    assert len(account.groups(vpc.id, One(id=cluster.group))) == 1
    assert account.cluster("flash-ticket-qa") is None


@pytest.mark.engine
def test_groups_and_rules_of_a_stack_are_recognised_by_their_tag(
    account: AwsAccount,
    ec2: Any,  # noqa: ANN401 - likewise
    group: str,
) -> None:
    v4 = {"IpRanges": [{"CidrIp": "192.0.2.0/24"}]}
    ec2.create_tags(Resources=[group], Tags=[{"Key": STACK_TAG, "Value": "qa"}])
    open_port(ec2, group, 1, v4, **{STACK_TAG: "qa"})
    open_port(ec2, group, 2, v4)
    staging = AwsAccount.connect(REGION, None, owner_of("qa"))

    assert [each["GroupId"] for each in staging.tagged_groups()] == [group]
    assert [each["FromPort"] for each in staging.tagged_rules()] == [1]
    assert group not in {each["GroupId"] for each in account.tagged_groups()}


@pytest.mark.engine
def test_the_identity_comes_from_sts(account: AwsAccount) -> None:
    assert (len(account.id), account.partition, account.region) == (12, "aws", REGION)


@pytest.mark.parametrize(
    "code", ["ExpiredToken", "RequestExpired", "InvalidClientTokenId", "AuthFailure", "UnrecognizedClientException"]
)
def test_refused_credentials_are_reported_with_the_command_that_renews_them(code: str) -> None:
    session = Session("ec2")
    session.answers["ec2"].add_client_error("describe_vpcs", code, "The security token is expired.")

    assert refusal(lambda: session.account().vpcs(One(id="vpc-1"))) == (
        "AWS: credentials: AWS refuses them: The security token is expired. Sign in again (aws sso login)."
    )


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"])
def test_a_missing_right_is_reported_with_the_action_to_allow(code: str) -> None:
    session = Session("ec2")
    session.answers["ec2"].add_client_error("describe_security_group_rules", code, "You are not authorized.")

    assert refusal(session.account().tagged_rules) == (
        f"AWS: ec2:DescribeSecurityGroupRules: {code}: You are not authorized. "
        "Allow ec2:DescribeSecurityGroupRules to this identity."
    )


def test_other_refusals_are_reported_in_the_words_of_aws() -> None:
    session = Session("sts")
    session.answers["sts"].add_client_error("get_caller_identity", "Throttling", "Rate exceeded")

    assert refusal(lambda: session.account().id) == (
        "AWS: sts:GetCallerIdentity: Throttling: Rate exceeded. Try again, or fix what it says."
    )


def test_every_page_is_read() -> None:
    session = Session("ec2")
    for rule, token in (("sgr-1", "more"), ("sgr-2", "still more"), ("sgr-3", "")):
        page: dict[str, Any] = {"SecurityGroupRules": [{"SecurityGroupRuleId": rule}]}
        session.answers["ec2"].add_response(
            "describe_security_group_rules", page | ({"NextToken": token} if token else {})
        )

    assert [rule["SecurityGroupRuleId"] for rule in session.account().tagged_rules()] == ["sgr-1", "sgr-2", "sgr-3"]


@pytest.mark.parametrize("found", [["subnet-b", "subnet-a", "subnet-a"], []])
def test_pods_are_in_the_subnets_with_interfaces_of_nodes_and_of_the_vpc_cni(found: list[str]) -> None:
    session, subnet = Session("ec2"), {"SubnetId": "subnet-a", "CidrBlock": "10.0.0.0/20"}
    interfaces = {"NetworkInterfaces": [{"SubnetId": each} for each in found]}
    for chosen in (("group-id", "sg-nodes"), ("tag-key", "node.k8s.amazonaws.com/instance_id")):
        asked = [{"Name": name, "Values": [value]} for name, value in (("vpc-id", "vpc-1"), chosen)]
        session.answers["ec2"].add_response("describe_network_interfaces", interfaces, {"Filters": asked})
    session.answers["ec2"].add_response("describe_subnets", {"Subnets": [subnet]})
    assert len(session.account().pod_subnets("vpc-1", [Group("sg-nodes", "nodes")])) == len(found[:1])


def test_a_cluster_in_creation_is_reported() -> None:
    session = Session("eks")
    described = {
        "resourcesVpcConfig": {"vpcId": "vpc-1"},
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16"},
    }
    session.answers["eks"].add_response("describe_cluster", {"cluster": {"status": "CREATING", **described}})

    assert refusal(lambda: session.account().cluster("shop")) == (
        "AWS: EKS cluster shop: it is still being created. Wait until it is active."
    )


def test_the_service_addresses_of_a_cluster_may_be_ipv6() -> None:
    session = Session("eks")
    described = {
        "resourcesVpcConfig": {"vpcId": "vpc-1", "clusterSecurityGroupId": "sg-1"},
        "kubernetesNetworkConfig": {"ipFamily": "ipv6", "serviceIpv6Cidr": "fd00::/108"},
    }
    session.answers["eks"].add_response("describe_cluster", {"cluster": described})

    found = session.account().cluster("shop")

    assert found
    assert found.services == (ip_network("fd00::/108"),)


def test_a_vpc_has_all_its_blocks_of_both_families() -> None:
    session = Session("ec2")
    described = {
        "VpcId": "vpc-1",
        "CidrBlock": "10.0.0.0/16",
        "CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16"}, {"CidrBlock": "100.64.0.0/16"}],
        "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": "2001:db8::/56"}],
    }
    session.answers["ec2"].add_response("describe_vpcs", {"Vpcs": [described]})

    (vpc,) = session.account().vpcs(One(id="vpc-1"))

    assert [str(network) for network in vpc.networks] == ["10.0.0.0/16", "100.64.0.0/16", "2001:db8::/56"]


@pytest.mark.usefixtures("bare")
def test_missing_credentials_are_reported_with_the_command_to_sign_in() -> None:
    account = AwsAccount.connect(REGION, None, DEV)

    assert refusal(lambda: account.vpcs(One(id="vpc-1"))) == (
        "AWS: credentials: Unable to locate credentials. Sign in (aws sso login), or set AWS_PROFILE or the AWS_* "
        "variables."
    )


@pytest.mark.usefixtures("bare")
def test_partial_credentials_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")

    account = AwsAccount.connect(REGION, None, DEV)

    assert refusal(lambda: account.vpcs(One(id="vpc-1"))).startswith(
        "AWS: credentials: Partial credentials found in env"
    )


@pytest.mark.usefixtures("bare")
def test_a_missing_profile_is_reported() -> None:
    assert refusal(lambda: AwsAccount.connect(REGION, "acme-prod", DEV)) == (
        "AWS: profile: The config profile (acme-prod) could not be found. Set AWS_PROFILE or aws:profile to one that "
        "exists."
    )


@pytest.mark.usefixtures("bare")
def test_an_endpoint_without_a_listener_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)

    line = refusal(lambda: AwsAccount.connect(REGION, None, DEV).vpcs(One(id="vpc-1")))

    assert line.startswith(
        'AWS: ec2: it cannot be reached (Could not connect to the endpoint URL: "http://127.0.0.1:9/"'
    )
    assert line.endswith("Check the network, the region and AWS_ENDPOINT_URL.")


def test_the_timeout_for_a_silent_endpoint_is_at_most_30_seconds() -> None:
    """There are two attempts, each with a connect and a read timeout, and up to a second between them."""
    patience: Any = PATIENCE
    attempts = patience.retries["total_max_attempts"]

    assert attempts * (patience.connect_timeout + patience.read_timeout) + 1 < 30


@pytest.mark.parametrize("kind", [ConnectTimeoutError, ReadTimeoutError])
def test_a_silent_endpoint_is_reported(kind: type[BotoCoreError], monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session("ec2")

    def silent(*_: object, **__: object) -> object:
        raise kind(endpoint_url="https://ec2.example")

    monkeypatch.setattr(session.client("ec2"), "describe_vpcs", silent)

    assert refusal(lambda: session.account().vpcs(One(id="vpc-1"))).startswith("AWS: ec2: it cannot be reached (")


def test_the_identity_is_asked_only_once() -> None:
    session = Session("sts")
    identity = {"Account": "111122223333", "Arn": "arn:aws-cn:iam::111122223333:user/x", "UserId": "x"}
    session.answers["sts"].add_response("get_caller_identity", identity)
    account = session.account()

    assert Counter((account.id, account.partition, account.id)) == {"111122223333": 2, "aws-cn": 1}
