"""Load balancers by name: what each kind needs, and what contradicts it."""

from typing import Any

import pytest

from flash_ticket.firewall.declare.binding import parse_binding
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import binding_content

ALB: dict[str, Any] = {"kind": "alb", "listeners": [443], "clients": {"cidrs": ["0.0.0.0/0"]}}
NLB: dict[str, Any] = {**ALB, "kind": "nlb"}
UDP = {"port": 53, "protocol": "UDP"}
LISTED = {"prefixList": {"name": "office"}}


def with_balancers(**named: object) -> dict[str, Any]:
    """Return the binding of dev with load balancers by name."""
    content = binding_content("dev")
    del content["loadBalancer"]
    return {**content, "loadBalancers": named}


def without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    """Return an entry without one of its keys."""
    return {name: value for name, value in entry.items() if name != key}


@pytest.mark.parametrize(
    "entry",
    [
        ALB,
        {**ALB, "group": "own"},
        NLB,
        {**NLB, "clientAddresses": "preserved"},
        {**NLB, "clientAddresses": "preserved", "listeners": [443, UDP]},
        {"kind": "nlb", "group": "none"},
        {"kind": "nlb", "group": "none", "clientAddresses": "preserved", "clients": {"cidrs": ["10.0.0.0/8"]}},
        {**NLB, "clients": LISTED},
    ],
)
def test_each_possible_load_balancer_is_accepted(entry: dict[str, Any]) -> None:
    assert [*parse_binding(with_balancers(alb=entry), "dev").load_balancers] == ["alb"]


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({**ALB, "kind": "gateway"}, ".kind: 'gateway' is not known here. Write 'alb' or 'nlb'."),
    (without(ALB, "kind"), ".kind: this key is missing. Add it: 'alb' or 'nlb'."),
    ({**ALB, "group": "none"}, ": each application load balancer has a group. Remove group, or write kind: nlb."),
    (
        {**ALB, "clientAddresses": "preserved"},
        (
            ": the targets of an application load balancer always see the addresses of the load balancer. Remove "
            "clientAddresses."
        ),
    ),
    (
        {**ALB, "listeners": [443, UDP]},
        ": an application load balancer cannot listen on UDP 53. Write its TCP ports.",
    ),
    (
        without(ALB, "listeners"),
        ": listeners is missing, and its group needs both listeners and clients. Add listeners.",
    ),
    (without(NLB, "clients"), ": clients is missing, and its group needs both listeners and clients. Add clients."),
    (
        {**NLB, "listeners": [UDP]},
        (
            ": it listens on UDP 53, and with UDP the targets always see the clients' addresses. Write "
            "clientAddresses: preserved."
        ),
    ),
    (
        {**NLB, "clientAddresses": "preserved", "clients": LISTED},
        (
            ": its targets see the clients' addresses, and policies cannot follow a prefix list. Write the addresses "
            "under clients.cidrs, or clientAddresses: hidden."
        ),
    ),
    (
        {"kind": "nlb", "group": "none", "listeners": [443]},
        (
            ": it has no group, so nothing here decides on which ports clients reach it. Remove listeners, or write "
            "group: own."
        ),
    ),
    (
        {"kind": "nlb", "group": "none", "clients": {"cidrs": ["10.0.0.0/8"]}},
        (
            ": it has no group, and its targets see only its own addresses, so nothing here decides who may reach it. "
            "Remove clients, or write clientAddresses: preserved or group: own."
        ),
    ),
    (
        {"kind": "nlb", "group": "none", "clientAddresses": "preserved"},
        ": its targets see the clients' addresses, and clients is missing. Add clients: {cidrs: ...}.",
    ),
]


@pytest.mark.parametrize(("entry", "line"), MISTAKES)
def test_a_load_balancer_that_cannot_be_is_one_clear_error(entry: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_binding(with_balancers(alb=entry), "dev")
    assert str(refused.value) == f"Pulumi.dev.yaml: flash-ticket-firewall:binding.loadBalancers.alb{line}"


def test_one_load_balancer_and_several_are_not_given_together() -> None:
    with pytest.raises(InputError, match=r"loadBalancer and loadBalancers are given together\. Write the first one "):
        parse_binding({**binding_content("dev"), "loadBalancers": {"web": ALB}}, "dev")


def test_a_stack_may_have_no_load_balancer() -> None:
    assert parse_binding(with_balancers(), "dev").load_balancers == {}
    assert parse_binding(without(binding_content("dev"), "loadBalancer"), "dev").load_balancer is None
