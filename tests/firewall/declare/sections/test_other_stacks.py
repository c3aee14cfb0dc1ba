"""A binding takes what other stacks export; what it cannot take is one error each, before anything is touched."""

from copy import deepcopy
from typing import Any

import pytest

from flash_ticket.firewall.bind.symbolic_account import is_symbolic
from flash_ticket.firewall.declare.binding import Binding, parse_binding
from flash_ticket.firewall.declare.choices import ClusterGroup
from flash_ticket.firewall.declare.sections.other_stacks import Outputs, Unreadable, Withheld
from flash_ticket.firewall.declare.sections.selection import One
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import binding_content
from tests.support.declared.json_values import put

NETWORK = "acme/network/prod"
OUTPUTS: dict[str, object] = {
    "vpcId": "vpc-1",
    "clusterName": "shop",
    "subnetIds": ["subnet-1", "subnet-2"],
    "blocks": ["10.0.0.0/8", "2001:db8::/32"],
    "groupIds": ["sg-1", "sg-2"],
    "groupId": "sg-3",
    "count": 3,
    "empty": [],
    "token": Withheld.SECRET,
}


def output(name: object, stack: object = NETWORK) -> dict[str, Any]:
    return {"from": {"stack": stack, "output": name}}


def read(stack: str) -> Outputs:
    return OUTPUTS if stack == NETWORK else Unreadable(f"no stack named '{stack}' found.")


def content(*path: str | int, value: object) -> dict[str, Any]:
    found: dict[str, Any] = put(deepcopy(binding_content("dev")), path, value)
    return found


def parsed(*path: str | int, value: object) -> Binding:
    return parse_binding(content(*path, value=value), "dev", read)


def test_the_id_of_one_resource_is_an_output() -> None:
    assert parsed("vpc", value=output("vpcId")).vpc == One(id="vpc-1")
    assert parsed("vpc", value={"id": output("vpcId")}).vpc == One(id="vpc-1")


def test_a_name_is_an_output() -> None:
    assert parsed("cluster", "name", value=output("clusterName")).cluster.name == "shop"


@pytest.mark.parametrize(("name", "ids"), [("subnetIds", ["subnet-1", "subnet-2"]), ("vpcId", ["vpc-1"])])
def test_a_list_of_ids_is_an_output_or_a_single_one(name: str, ids: list[str]) -> None:
    found = parsed("cluster", "podSubnets", value=output(name)).cluster.pod_subnets

    assert found
    assert found.ids == ids


def test_blocks_are_an_output_of_both_families() -> None:
    place = parsed("places", "redis", value={"cidrs": output("blocks")}).places["redis"]

    assert list(map(str, place.cidrs or ())) == OUTPUTS["blocks"]


def test_groups_are_an_output_as_a_whole_or_one_by_one() -> None:
    place = {"cidrs": ["10.0.0.0/8"], "groups": output("groupIds")}
    assert parsed("places", "redis", value=place).places["redis"].groups == [One(id="sg-1"), One(id="sg-2")]

    groups = parsed("cluster", "dns", "groups", value=["cluster", output("groupId")]).cluster.dns.groups
    assert groups == [ClusterGroup.CLUSTER, One(id="sg-3")]


def test_a_place_may_have_the_name_of_the_key() -> None:
    assert "from" in parsed("places", "from", value={"cidrs": ["10.0.0.0/8"]}).places


def test_without_outputs_made_up_values_stand_for_them_the_same_for_the_same() -> None:
    redis = {"cidrs": output("blocks"), "groups": output("groupIds")}
    whole = put(content("places", "redis", value=redis), ("places", "database"), {"cidrs": output("others")})
    binding = parse_binding(put(whole, ("places", "rabbitmq"), redis), "dev")
    blocks = {name: tuple(place.cidrs or ()) for name, place in binding.places.items()}

    assert blocks["redis"] == blocks["rabbitmq"] != blocks["database"]
    assert all(is_symbolic(AddressRange.of_network(each)) for name in ("redis", "database") for each in blocks[name])
    assert binding.places["redis"].groups == [One(id="acme-network-prod-groupIds")]


@pytest.mark.parametrize(
    ("path", "value", "key", "problem"),
    [
        (("vpc",), output("nope"), "vpc.from.output", f"{NETWORK} has no output 'nope'. Write one of its outputs: "),
        (("vpc",), output("token"), "vpc.from.output", f"the output token of {NETWORK} is a secret"),
        (
            ("vpc",),
            output("count"),
            "vpc.from.output",
            f"the output count of {NETWORK} is 3, and the id of one resource",
        ),
        (("vpc",), output("subnetIds"), "vpc.from.output", "the output subnetIds of acme/network/prod is a list"),
        (("cluster", "podSubnets"), output("empty"), "cluster.podSubnets.from.output", "the output empty of acme"),
        (("vpc",), output("x", "acme/x/dev"), "vpc.from.stack", "the outputs of acme/x/dev cannot be read: no stack "),
        (("vpc",), output("x", "dev"), "vpc.from.stack", "'dev' is not the full name of a stack. Write organization/"),
        (("vpc",), output("x", 5), "vpc.from.stack", "5 is not the full name of a stack"),
        (
            ("vpc",),
            {"from": {"stack": NETWORK}},
            "vpc.from",
            "{'stack': 'acme/network/prod'} does not name a stack and",
        ),
        (("vpc",), {"from": "x"}, "vpc.from", "'x' does not name a stack and its output. Write {from: {stack: "),
        (("vpc",), {**output("vpcId"), "id": "x"}, "vpc", "from and id are given together. Keep one of them"),
        (("flowLogs",), output("vpcId"), "flowLogs", "no value of another stack can stand here"),
        (("cluster", "attachment"), output("vpcId"), "cluster.attachment", "no value of another stack can stand here"),
    ],
    ids=str,
)
def test_what_the_binding_cannot_take_is_one_error(
    path: tuple[str, ...], value: object, key: str, problem: str
) -> None:
    with pytest.raises(InputError) as refused:
        parsed(*path, value=value)

    (error,) = refused.value.each
    assert str(error).startswith(f"Pulumi.dev.yaml: flash-ticket-firewall:binding.{key}: {problem}")
    assert error.remedy


def test_an_output_that_is_not_a_block_is_refused_as_if_it_were_written() -> None:
    with pytest.raises(InputError, match=r"places\.redis\.cidrs\[0\]: 'sg-1' is not a CIDR"):
        parsed("places", "redis", value={"cidrs": output("groupIds")})


def test_a_stack_that_cannot_be_read_is_named_once_and_other_mistakes_beside_it() -> None:
    whole = put(content("vpc", value=output("x", "acme/x/dev")), ("cluster", "name"), output("y", "acme/x/dev"))
    with pytest.raises(InputError) as refused:
        parse_binding(put(whole, ("cluster", "podSubnets"), output("nope")), "dev", read)

    assert [each.key.partition("binding.")[2] for each in refused.value.each] == [
        "vpc.from.stack",
        "cluster.podSubnets.from.output",
    ]


def test_each_stack_is_asked_once() -> None:
    asked: list[str] = []

    def count(stack: str) -> Outputs:
        asked.append(stack)
        return OUTPUTS

    parse_binding(put(content("vpc", value=output("vpcId")), ("cluster", "name"), output("clusterName")), "dev", count)
    parse_binding(binding_content("dev"), "dev", count)

    assert asked == [NETWORK]
