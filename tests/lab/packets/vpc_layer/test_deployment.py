"""What is put into the account is what the compiled VPC layer says."""

from collections.abc import Callable
from typing import Any

import pytest

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.compile.vpc_layer import VpcFirewall
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.stack.settings import read_stack_file
from lab.packets.vpc_layer.deployment import deployed
from tests.support.declared.accounts import ROOT


@pytest.fixture
def shop(account: AwsAccount) -> CompiledFirewall:
    """The shop's firewall in dev, with the ids of the lab's account."""
    matrix, settings = read_matrix(ROOT / MATRIX_FILE), read_stack_file(ROOT, "dev")
    return compile_firewall(matrix, bind(matrix, settings.binding, "dev", account))


def rules_in(ec2: Any, vpc: str) -> list[tuple[object, ...]]:  # noqa: ANN401 - boto3 clients have no static type
    """Return the rules of the VPC's groups, each by its holder, peer and ports."""
    groups = [each["GroupId"] for each in ec2.describe_security_groups(Filters=vpc_filter(vpc))["SecurityGroups"]]
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": groups}])["SecurityGroupRules"]
    return sorted(
        (
            each["GroupId"],
            each["IsEgress"],
            each.get("ReferencedGroupInfo", {}).get("GroupId", ""),
            each.get("CidrIpv4", ""),
            each["IpProtocol"],
            each.get("FromPort", -1),
            each.get("ToPort", -1),
        )
        for each in found
    )


def vpc_filter(vpc: str) -> list[dict[str, object]]:
    return [{"Name": "vpc-id", "Values": [vpc]}]


def test_the_groups_hold_the_compiled_rules_alone_and_leave_nothing_behind(
    aws: Callable[[str], Any], vpc: str, shop: CompiledFirewall
) -> None:
    ec2, before = aws("ec2"), rules_in(aws("ec2"), vpc)

    with deployed(ec2, vpc, Owner.of("flash-ticket", shop.environment), shop.vpc) as deployment:
        made = [each for each in rules_in(ec2, vpc) if each not in before]
        fewer = VpcFirewall(shop.vpc.groups, shop.vpc.rules[1:], shop.vpc.attachments)
        deployment.put(fewer)
        left = [each for each in rules_in(ec2, vpc) if each not in before]
        assert set(deployment.groups) == {group.label for group in shop.vpc.groups}
        assert deployment.attached(shop.vpc)["pay"] == [
            deployment.groups["pay"],
            deployment.groups["pods.flash-ticket"],
        ]

    assert len(made) == len(shop.vpc.rules)
    assert len(left) == len(made) - 1
    assert set(left) < set(made)
    assert rules_in(ec2, vpc) == before
