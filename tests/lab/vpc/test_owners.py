from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from lab.vpc.owners import OwnerError, owners_of
from lab.vpc.pods import Pods
from tests.support.vpc.accounts import NODE, account, interface

PODS = Pods(ip_address(NODE), (ip_network("10.0.1.16/29"), ip_network("fd00::/126")))
OWN = interface("pod", "10.0.1.17 fd00::1", "sg-pod")
NODES = interface("node", f"{NODE} 10.0.1.18", "sg-nodes")
ELSEWHERE = interface("db", "10.0.1.40", "sg-db")


def test_the_nodes_interface_answers_for_the_pods_that_have_none() -> None:
    owners = owners_of(account((OWN, NODES, ELSEWHERE), ()), PODS)
    answered = {str(each) for each in owners.networks["eni-node"]}
    assert answered == {
        *("10.0.1.10/32", "10.0.1.16/32", "10.0.1.18/31", "10.0.1.20/30"),
        *("fd00::/128", "fd00::2/127"),
    }
    assert owners.networks["eni-pod"] == OWN.networks
    assert ip_network("10.0.1.18/31") in owners.sharing
    assert ip_network("10.0.1.10/32") not in owners.sharing


def test_the_members_of_a_group_are_all_that_its_interfaces_answer_for() -> None:
    both = interface("both", "10.0.1.41", "sg-db", "sg-nodes")
    owners = owners_of(account((OWN, NODES, ELSEWHERE, both), ()), PODS)
    assert set(map(str, owners.members("sg-db"))) == {"10.0.1.40/31"}
    assert ip_network("10.0.1.41/32") in owners.members("sg-nodes")
    assert ip_network("10.0.1.17/32") not in owners.members("sg-nodes")
    assert owners.members("sg-nobody") == ()


def test_without_an_interface_of_the_node_nothing_answers_for_pods_that_have_none() -> None:
    owners = owners_of(account((OWN, ELSEWHERE), ()), PODS)
    assert owners.node is None
    assert owners.networks == {"eni-pod": OWN.networks, "eni-db": ELSEWHERE.networks}


def test_a_delegated_prefix_belongs_to_its_interface() -> None:
    delegated = replace(NODES, networks=(*NODES.networks, ip_network("10.0.1.16/28")))
    assert owners_of(account((delegated,), ()), replace(PODS, networks=())).members("sg-nodes") == (
        ip_network("10.0.1.10/32"),
        ip_network("10.0.1.16/28"),
    )


def test_two_interfaces_with_one_address_are_an_error() -> None:
    twice = replace(ELSEWHERE, identifier="eni-twice")
    with pytest.raises(OwnerError, match=r"eni-db and eni-twice both have 10\.0\.1\.40: read the account with the id"):
        owners_of(account((ELSEWHERE, twice), ()), PODS)
