"""The interfaces of pods in the account: one address has one interface, whatever address a pod gets."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from flash_ticket.firewall.declare.choices import CniName
from lab.packets.declarations import ADDRESSES, with_attachment
from lab.packets.vpc_layer.account import new_account
from lab.restarts.interfaces import COOLING_SECONDS, PodInterfaces
from lab.restarts.situation import Standing
from lab.vpc.account import read
from lab.vpc.owners import owners_of
from lab.vpc.pods import Pods

ROOT = Path(__file__).parents[3]
FIRST, SECOND, THIRD = "198.18.101.3", "198.18.101.4", "198.18.101.5"


class Clock:
    """A clock that stands until somebody moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def interfaces(clock: Clock) -> Iterator[PodInterfaces]:
    declaration = with_attachment(ROOT / "traffic.yaml", ROOT, "dev", CniName.VPC_CNI, Standing.PODS)
    with new_account(ip_network(ADDRESSES.network)) as account:
        account.prepare([declaration.firewall.environment], declaration.others)
        compiled = account.bound(declaration.firewall)
        account.deploy(compiled)
        yield PodInterfaces(compiled, account, clock)


def addresses(interfaces: PodInterfaces) -> list[str]:
    """Return the addresses that interfaces have; the imitation of the VPC can tell which packet meets which of them."""
    account = read(interfaces.account.ec2, interfaces.account.vpc)
    owners_of(account, Pods(ADDRESSES.node, (ADDRESSES.pods,)))
    return sorted(str(each.primary) for each in account.interfaces)


def test_a_pod_that_gets_another_address_keeps_an_interface_with_the_groups_of_its_service(
    interfaces: PodInterfaces,
) -> None:
    interfaces.expect("api", [FIRST, SECOND])
    interfaces.follow("api", [FIRST, SECOND], [THIRD, SECOND])

    account, compiled = interfaces.account, interfaces.compiled
    groups = next(each.groups for each in compiled.vpc.attachments if each.service == "api")
    found = {str(each.primary): each.groups for each in read(account.ec2, account.vpc).interfaces}
    assert found[THIRD] == found[SECOND] == tuple(sorted(account.groups_of(compiled.owner, groups)))


def test_an_address_is_given_again_once_the_interface_of_the_pod_that_is_gone_has_cooled_down(
    interfaces: PodInterfaces, clock: Clock
) -> None:
    interfaces.expect("api", [FIRST])
    interfaces.follow("api", [FIRST], [SECOND])
    interfaces.forget([SECOND])
    assert addresses(interfaces) == [FIRST, SECOND]

    clock.seconds += COOLING_SECONDS
    interfaces.expect("pay", [FIRST])

    assert addresses(interfaces) == [FIRST]


def test_two_interfaces_never_have_one_address(interfaces: PodInterfaces) -> None:
    interfaces.expect("api", [FIRST])
    interfaces.forget([FIRST])

    with pytest.raises(ClientError, match=r"InvalidIPAddress\.InUse.*198\.18\.101\.3"):
        interfaces.expect("pay", [FIRST])

    assert addresses(interfaces) == [FIRST]
