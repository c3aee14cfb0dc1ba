"""The test harness itself: if it let a wrong test pass, every other test here would be worthless."""

import pulumi
import pytest

from tests.support.pulumi.pulumi_mocks import deploy


class Thing(pulumi.CustomResource):
    def __init__(self, name: str, props: dict[str, object], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index/thing:Thing", name, {"arn": None, **props}, opts)

    @property
    def arn(self) -> pulumi.Output[str]:
        return pulumi.get(self, "arn")  # type: ignore[no-any-return]


class Holder(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Holder", name, None, opts)


def test_an_assertion_that_fails_inside_an_apply_fails_the_deployment() -> None:
    def program() -> None:
        Thing("a", {}).arn.apply(lambda arn: pytest.fail(f"seen {arn}"))

    with pytest.raises(pytest.fail.Exception, match="seen arn:aws:index"):
        deploy(program)


def test_an_error_of_the_program_is_raised_unchanged() -> None:
    def program() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        deploy(program)


def test_two_resources_with_one_urn_fail() -> None:
    def program() -> None:
        Thing("a", {})
        Thing("a", {})

    with pytest.raises(AssertionError, match=r"two resources are urn:.*test:index/thing:Thing::a"):
        deploy(program)


def test_a_component_that_never_registers_its_outputs_fails() -> None:
    with pytest.raises(AssertionError, match=r"without register_outputs: \['urn:.*::holder'\]"):
        deploy(lambda: Holder("holder"))


def test_a_component_that_registers_its_outputs_twice_fails() -> None:
    def program() -> None:
        holder = Holder("holder")
        holder.register_outputs({})
        holder.register_outputs({})

    with pytest.raises(AssertionError, match="register_outputs twice"):
        deploy(program)


def test_the_options_of_a_resource_are_recorded() -> None:
    def program() -> None:
        first = Thing("first", {})
        holder = Holder("holder")
        Thing(
            "second",
            {"from": first.arn, "nested": {"some_key": 60}},
            pulumi.ResourceOptions(
                parent=holder,
                protect=True,
                retain_on_delete=True,
                delete_before_replace=True,
                aliases=[pulumi.Alias(name="old")],
                ignore_changes=["nested"],
            ),
        )
        holder.register_outputs({"count": 1})

    deployment = deploy(program)
    first, second = deployment.all("test:index/thing:Thing")[::-1]
    if first.name == "second":
        first, second = second, first
    holder = deployment.only("test:index:Holder")

    assert second.parent == holder.urn
    assert deployment.children(holder) == (second,)
    assert (second.protect, second.retain_on_delete, second.delete_before_replace) == (True, True, True)
    assert (first.protect, first.retain_on_delete, first.delete_before_replace) == (False, False, False)
    assert second.aliases == ("old",)
    assert second.ignore_changes == ("nested",)
    assert second.inputs["from"] == "arn:aws:index:ap-northeast-2:111122223333:first"
    assert deployment.outputs(holder) == {"count": 1}


def test_dependencies_are_followed_through_other_resources() -> None:
    def program() -> None:
        first = Thing("first", {})
        second = Thing("second", {"from": first.arn})
        Thing("third", {}, pulumi.ResourceOptions(depends_on=[second]))

    deployment = deploy(program)
    first, second, third = (deployment.only("test:index/thing:Thing", name) for name in ("first", "second", "third"))

    assert deployment.waits_for(third, first)
    assert not deployment.waits_for(first, third)
    assert not deployment.waits_for(second, third)


def test_exports_and_results_are_resolved() -> None:
    def program() -> dict[str, pulumi.Output[str]]:
        thing = Thing("a", {})
        pulumi.export("arn", thing.arn)
        return {"result": thing.arn}

    deployment = deploy(program)

    assert deployment.exports == {"arn": "arn:aws:index:ap-northeast-2:111122223333:a"}
    assert deployment.result == {"result": "arn:aws:index:ap-northeast-2:111122223333:a"}


def test_tests_can_set_computed_attributes_and_answers_of_provider_functions() -> None:
    def program() -> pulumi.Output[str]:
        answer: dict[str, str] = pulumi.runtime.invoke("test:index/ask:ask", {"q": 1}).value
        return pulumi.Output.concat(answer["text"], " ", Thing("a", {}).arn, " ", pulumi.Config("x").require("y"))

    deployment = deploy(
        program,
        computed={"test:index/thing:Thing": {"arn": "given"}},
        calls={"test:index/ask:ask": {"text": "answered"}},
        config={"x:y": "configured"},
    )

    assert deployment.result == "answered given configured"


def test_deployments_are_independent() -> None:
    deploy(lambda: Thing("a", {}), config={"x:y": "1"})

    deployment = deploy(lambda: pulumi.Config("x").get("y"))

    assert deployment.resources == ()
    assert deployment.result is None
