"""What is remembered of moto is what moto itself answers."""

from types import SimpleNamespace
from typing import Any

import pytest
from moto.core.serialize import AttributePicker, AttributePickerContext, XFormedAttributePicker
from moto.core.utils import get_service_model
from moto.ec2.models import ec2_backends
from moto.ec2.models.core import TaggedEC2Resource

from lab.aws_api.remembered import known_keys, remembered, tags_of

CLASSES = (dict, SimpleNamespace, type("SecurityGroupRule", (), {}), type("SecurityGroup", (), {}))


def test_tags_are_those_of_the_one_resource() -> None:
    backend: Any = ec2_backends["123456789012"]["eu-west-1"]
    one, other = (backend.create_vpc(f"10.{number}.0.0/16") for number in (1, 2))
    one.add_tags({"Name": "shop", "tier": "data"})
    other.add_tags({"Name": "another"})

    for vpc, names in ((one, {"Name": "shop", "tier": "data"}), (other, {"Name": "another"})):
        assert tags_of(vpc) == backend.describe_tags(filters={"resource-id": [vpc.id]})
        assert {tag["key"]: tag["value"] for tag in tags_of(vpc)} == names


def test_a_resource_without_an_id_has_no_tags() -> None:
    nameless: Any = TaggedEC2Resource()
    nameless.id = None

    assert tags_of(nameless) == []


@pytest.mark.parametrize("picker", [AttributePicker(), XFormedAttributePicker()])
@pytest.mark.parametrize("of", CLASSES)
def test_a_field_is_looked_for_under_the_same_names_in_the_same_order(picker: AttributePicker, of: type) -> None:
    model: Any = get_service_model("ec2")
    keys = type(picker).get_possible_keys
    known = known_keys(keys)
    for operation in ("DescribeSecurityGroupRules", "DescribeSecurityGroups", "DescribeVpcs"):
        shape = model.operation_model(operation).output_shape
        for _ in range(2):
            for key, member in shape.members.items():
                member.parent = shape
                asked = AttributePickerContext(of(), key, member)
                assert list(known(picker, asked)) == list(dict.fromkeys(keys(picker, asked)))


def test_an_answer_is_found_once_even_if_it_is_an_iterator() -> None:
    calls = []

    def numbers(last: int) -> Any:  # noqa: ANN401 - moto's functions have any type
        calls.append(last)
        yield from range(last)

    known = remembered(numbers)

    assert [tuple(known(3)), tuple(known(3)), tuple(known(2))] == [(0, 1, 2), (0, 1, 2), (0, 1)]
    assert calls == [3, 2]
