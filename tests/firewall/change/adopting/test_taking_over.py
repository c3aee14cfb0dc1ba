"""What a deployment takes over, what that changes, and what of others is left over, as a preview shows it."""

from dataclasses import replace

from flash_ticket.firewall.change.adopting.taking_over import left_over, taking_over
from flash_ticket.report.taking_over import taking_over_text
from tests.support.declared.described import nothing_deployed
from tests.support.declared.kubernetes.old_policies import LEFT, TAKEN, old_policies
from tests.support.declared.kubernetes.old_policies import taking_over as shop_of_the_folder

STANDS = nothing_deployed(foreign_policies=old_policies())
LEFT_ALONE = tuple(each for each in old_policies() if each["metadata"]["name"] in LEFT)


def test_there_is_no_warning_without_the_key() -> None:
    assert taking_over(shop_of_the_folder(adopt=None), STANDS) is None
    assert left_over(shop_of_the_folder(adopt=None), STANDS) == ()


def test_a_preview_names_what_it_takes_over_what_changes_and_what_to_delete_when() -> None:
    found = taking_over(shop_of_the_folder(), STANDS)
    assert found
    first, heading, *changes, stay, when, warning = taking_over_text(found).splitlines()

    assert (found.policies, found.left_over) == (TAKEN, LEFT)
    assert first == (
        "This takes over 3 NetworkPolicies of flash-ticket: api-both, gateway-from-alb, pay-from-api. One write "
        "changes each of them in place, after the policies that this creates. From then on they belong to this stack, "
        "and pulumi destroy deletes them."
    )
    assert heading == "  in the pod layer, compared with all policies that are there now:"
    assert any(each.startswith("    removed  ") and "=> gateway : TCP 3000" in each for each in changes)
    assert stay.startswith("These NetworkPolicies stay, and nothing declared needs them: backend-out, deny-in, ")
    assert when == (
        "Delete them when this update has succeeded: kubectl delete networkpolicy --namespace flash-ticket backend-out "
        "deny-in deny-out inside-out"
    )
    assert warning.startswith("Do not delete the folder that they came from as a whole")


def test_a_policy_that_does_what_ours_of_its_name_does_needs_no_place_in_the_list() -> None:
    listed, unlisted = TAKEN[0], TAKEN[1]
    planned = shop_of_the_folder(adopt=[listed])
    equal = next(each.manifest() for each in planned.pods.policies if each.name == unlisted)
    old = (each for each in old_policies() if each["metadata"]["name"] in {listed, *LEFT})
    found = taking_over(planned, nothing_deployed(foreign_policies=(*old, equal)))

    assert found
    assert (found.policies, found.left_over) == ((listed,), LEFT)
    assert taking_over_text(found).startswith(
        f"This takes over 1 NetworkPolicy of flash-ticket: {listed}. One write changes it in place"
    )


def test_after_the_takeover_only_what_is_left_over_is_named_and_then_nothing() -> None:
    planned = shop_of_the_folder()
    ours = tuple(policy.manifest() for policy in planned.pods.policies)
    stands = nothing_deployed(policies=ours, foreign_policies=LEFT_ALONE)
    then, clean = taking_over(planned, stands), taking_over(planned, replace(stands, foreign_policies=()))
    assert then
    assert clean

    assert taking_over_text(then).splitlines()[1].startswith("Delete them now: kubectl delete networkpolicy ")
    assert taking_over_text(clean) == ""
