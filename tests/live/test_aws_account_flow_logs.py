"""A flow log as the account describes it, for a stack that reads one of others."""

import pytest

from flash_ticket.firewall.bind.account import FoundFlowLog
from flash_ticket.firewall.declare.choices import LogDestination, RecordedTraffic
from tests.support.clouds.moto_account import MotoAccount
from tests.support.declared.owners import DEV, tags


@pytest.mark.parametrize("is_own", [False, True])
def test_a_flow_log_is_found_by_its_id_with_its_fields_and_its_owner(moto: MotoAccount, *, is_own: bool) -> None:
    ec2 = moto.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    marked = tags(DEV) if is_own else [{"Key": "Name", "Value": "landing-zone"}]
    (id_,) = ec2.create_flow_logs(
        ResourceType="VPC",
        ResourceIds=[vpc],
        TrafficType="REJECT",
        LogDestinationType="cloud-watch-logs",
        LogDestination="arn:aws:logs:ap-northeast-2:123456789012:log-group:/landing-zone",
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/delivery",
        LogFormat="${srcaddr} ${pkt-srcaddr}",
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": marked}],
    )["FlowLogIds"]
    account = moto.connect()

    fields = ("srcaddr", "pkt-srcaddr")
    expected = FoundFlowLog(id_, vpc, LogDestination.CLOUDWATCH, fields, RecordedTraffic.REJECT, is_own)
    assert account.flow_log(id_) == expected
    assert account.flow_log("fl-0123456789abcdef0") is None
