"""A stack that is as declared has no finding; a finding names each object that is removed or changed."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.verification import written_verification
from flash_ticket.verify.finding import FindingKind
from flash_ticket.verify.left_behind import RecordParts
from flash_ticket.verify.verification import verify
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.json_values import Path, paths, put
from tests.support.declared.stacks import CASES, as_eks_makes_groups
from tests.support.verify.standing import found, shop, standing, with_deployed, with_inventory


@pytest.mark.parametrize("case", CASES)
def test_a_stack_that_is_as_declared_has_no_finding(case: str) -> None:
    firewall = compile_firewall(*CASES[case]())

    verification = verify(firewall, standing(firewall))

    assert verification.findings == ()
    assert verification.holds
    assert verification.unseen == ()


def test_what_a_broken_deployment_left_behind_is_found_with_the_commands_that_remove_it() -> None:
    firewall = shop()
    parts = RecordParts(flow_logs=({},), roles=(("arn:aws:iam::1:role/orphan", ("write",)),))

    (left,) = found(firewall, replace(standing(firewall), left_behind=tuple(parts.left())))

    assert (left.kind, left.where, left.is_drift) == (FindingKind.LEFT_BEHIND, "role orphan", True)
    assert left.remedy.startswith("pulumi up; if it is still named after an update that succeeds: ")
    assert left.remedy.endswith(
        "aws iam delete-role-policy --role-name orphan --policy-name write && aws iam delete-role --role-name orphan"
    )


def test_what_the_account_refuses_to_answer_is_named_as_not_looked_at() -> None:
    firewall = shop()
    refusal = InputError("AWS", "list_roles", "this identity may not", "Grant iam:ListRoles")

    verification = verify(firewall, replace(standing(firewall), left_behind=refusal))

    assert verification.holds
    assert verification.unseen == (f"what a broken deployment left behind ({refusal})",)


def test_rules_of_others_that_only_the_pod_layer_makes_up_for_are_named_and_are_no_drift() -> None:
    firewall = compile_firewall(*as_eks_makes_groups("dev-nodes"))
    verification = verify(firewall, standing(firewall))
    text, document = (written_verification(verification, form) for form in (AnswerFormat.TXT, AnswerFormat.JSON))

    assert verification.holds
    assert "  sgr-anywhere in flash-ticket-dev-nodes: egress to 0.0.0.0/0 : All Connections\n" in text
    assert "Rules of others open the VPC layer, so that only the pod layer stops 226 of these. They are:" in text
    assert json.loads(document)["rules_of_others"]["stopped_by_the_pod_layer_alone"] == 226
    assert json.loads(document)["indistinguishable"][0]["by_rules_of_others"] == [
        "sgr-anywhere in flash-ticket-dev-nodes"
    ]


@given(shops())
def test_any_stack_that_is_as_declared_has_no_finding(drawn: tuple[Matrix, Environment]) -> None:
    firewall = compile_firewall(*drawn)

    assert found(firewall, standing(firewall)) == []


@given(shops(min_flows=1), st.data())
def test_any_missing_object_is_found_by_its_name(drawn: tuple[Matrix, Environment], data: st.DataObject) -> None:
    firewall = compile_firewall(*drawn)
    before = standing(firewall)
    part = data.draw(st.sampled_from(["policies", "attachments", "rules"]))
    objects: tuple[Any, ...] = getattr(before.deployed, part)
    if not objects:
        return  # groups on nodes: nothing is attached
    index = data.draw(st.integers(0, len(objects) - 1))
    left = (*objects[:index], *objects[index + 1 :])

    missing = [
        each for each in found(firewall, with_deployed(before, **{part: left})) if each.kind is FindingKind.MISSING
    ]

    gone = objects[index]
    tags = {tag["Key"]: tag["Value"] for tag in gone.get("Tags", ())}
    name = tags["Name"] if part == "rules" else gone["metadata"]["name"]
    assert [name in each.where for each in missing] == [True]


@given(shops(min_flows=1), st.data())
def test_any_changed_label_or_annotation_is_found_with_both_values(
    drawn: tuple[Matrix, Environment], data: st.DataObject
) -> None:
    firewall = compile_firewall(*drawn)
    before = standing(firewall)
    policies = deepcopy(before.deployed.policies)
    chosen = policies[data.draw(st.integers(0, len(policies) - 1))]
    part: dict[str, str] = chosen["metadata"][data.draw(st.sampled_from(["labels", "annotations"]))]
    key = data.draw(st.sampled_from([each for each in sorted(part) if not each.endswith("managed-by")]))
    old, part[key] = part[key], "somebody else's words"

    changed = [
        each for each in found(firewall, with_deployed(before, policies=policies)) if each.kind is FindingKind.CHANGED
    ]

    assert [each.where.endswith(f"/{chosen['metadata']['name']}") for each in changed] == [True]
    (difference,) = changed[0].differences
    assert key in difference.path
    assert (difference.declared, difference.live) == (json.dumps(old), json.dumps("somebody else's words"))


def other(value: Any) -> Any:  # noqa: ANN401 - JSON's scalars
    """Return a different value that is valid in the same place."""
    swapped = {"TCP": "UDP", "UDP": "TCP", "tcp": "udp", "udp": "tcp", "Ingress": "Egress", "Egress": "Ingress"}
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value % 65_535 + 1
    return swapped.get(value) or ("198.51.100.0/24" if "/" in value else f"{value}-x")


def leaves(content: Any) -> list[Path]:  # noqa: ANN401 - JSON
    """Return the paths of the scalars that decide what an object does."""
    scalars = [place for place in paths(content) if not isinstance(at(content, place), dict | list | tuple)]
    silent = {"apiVersion", "kind", "name", "namespace", "SecurityGroupRuleId", "UserId", "creationTimestamp", "Tags"}
    return [place for place in scalars if not silent & set(place)]


def at(content: Any, place: Path) -> Any:  # noqa: ANN401 - JSON
    for part in place:
        content = content[part]
    return content


@given(shops(min_flows=1), st.data())
def test_any_changed_value_that_decides_is_drift(drawn: tuple[Matrix, Environment], data: st.DataObject) -> None:
    firewall = compile_firewall(*drawn)
    before = standing(firewall)
    part = data.draw(st.sampled_from(["policies", "attachments", "rules"]))
    objects = [dict(each) for each in getattr(before.deployed, part)]
    if not objects:
        return  # groups on nodes: nothing is attached
    place = data.draw(st.sampled_from(leaves(objects)))

    changed = put(objects, place, other(at(objects, place)))
    try:
        drift = found(firewall, with_deployed(before, **{part: tuple(changed)}))
    except InputError as refused:  # a range that ends before it begins: no API server accepts it
        assert "endPort" in str(refused)  # noqa: PT017 - most changes are not refused
        return

    assert drift != []


def test_the_most_urgent_finding_comes_first() -> None:
    firewall = shop()
    before = standing(firewall)

    kinds = [each.kind for each in found(firewall, with_deployed(before, policies=(), groups=(), rules=()))]

    assert kinds == sorted(kinds, key=list(FindingKind).index)
    assert kinds[0] is FindingKind.OPEN


def test_a_saved_inventory_is_verified_as_far_as_possible_and_the_rest_is_listed() -> None:
    firewall = shop()
    saved = replace(standing(firewall), group_rules=None, flow_logs=None, others=None)

    verification = verify(firewall, saved)

    assert verification.holds
    assert verification.unseen == (
        "rules that others put in the stack's groups",
        "the flow log and its destination",
        "policies of other APIs",
    )


@pytest.mark.parametrize("part", ["environment", "deployed"])
def test_an_incomplete_inventory_is_refused(part: str) -> None:
    observed = with_inventory(standing(shop()), **{part: None})

    with pytest.raises(InputError, match="does not contain it"):
        _ = getattr(observed, part)
