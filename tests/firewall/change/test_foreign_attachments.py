"""Preview and verify name SecurityGroupPolicies of others on our pods; one with a name of ours is a refusal."""

from typing import Any

import pytest

from flash_ticket.firewall.change.foreign_attachments import attachment_notices, refuse_taken_names
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.verify.finding import FindingKind
from tests.support.declared.described import attachment, deployed
from tests.support.declared.stacks import two_namespaces
from tests.support.refusal import refusal
from tests.support.verify.standing import only, shop, standing, with_deployed, without


def foreign(name: str, *groups: str, **selector: Any) -> dict[str, Any]:  # noqa: ANN401 - a selector
    return {"metadata": {"name": name}, "spec": {**selector, "securityGroups": {"groupIds": list(groups)}}}


PAY = {"matchLabels": {"app": "flash-pay"}}


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (foreign("debug", "sg-open", "sg-2", podSelector=PAY), "it puts sg-open, sg-2 on pods of pay"),
        (
            foreign("debug", "sg-open", serviceAccountSelector={"matchLabels": {"team": "a"}}),
            "it puts sg-open on pods of api, gateway, pay",
        ),
        (foreign("debug", "sg-open", podSelector={}), "it puts sg-open on pods of api, gateway, pay"),
    ],
    ids=["by label", "by service account", "every pod"],
)
def test_a_policy_of_others_is_a_warning_with_its_groups_and_services(policy: dict[str, Any], said: str) -> None:
    ((_, notice),) = attachment_notices(deployed(shop(), foreign_attachments=(policy,)), shop().matrix)
    warning = str(notice)

    assert warning.startswith("SecurityGroupPolicy flash-ticket/debug: this program did not create it, and ")
    assert said in warning
    assert "kubectl delete securitygrouppolicy --namespace flash-ticket debug" in warning


def test_a_policy_of_others_for_other_pods_is_no_warning() -> None:
    policy = foreign("debug", "sg-open", podSelector={"matchLabels": {"app": "mail"}})

    assert not list(attachment_notices(deployed(shop(), foreign_attachments=(policy,)), shop().matrix))


def test_a_policy_of_others_with_a_name_of_ours_is_refused_with_what_to_do() -> None:
    policy = foreign("pay", "sg-open", podSelector=PAY)
    stands = deployed(shop(), attachments=(), foreign_attachments=(policy,))

    line = refusal(lambda: refuse_taken_names(stands, shop().layers()))

    assert line == (
        "Kubernetes: SecurityGroupPolicy flash-ticket/pay: this program did not create it, and it has the name of one "
        "of ours; it puts sg-open on app=flash-pay. Create it again under another name if you need it, and run kubectl "
        "delete securitygrouppolicy --namespace flash-ticket pay. If it was ours, run kubectl label "
        "securitygrouppolicy --namespace flash-ticket pay app.kubernetes.io/managed-by=flash-ticket-firewall."
    )


def test_a_policy_of_ours_that_has_lost_its_label_is_not_refused() -> None:
    pay = next(each for each in shop().vpc.attachments if each.service == "pay")
    bare = {**attachment(pay), "metadata": {"name": "pay"}}

    refuse_taken_names(deployed(shop(), attachments=(), foreign_attachments=(bare,)), shop().layers())


def test_with_groups_on_nodes_no_name_is_ours() -> None:
    on_nodes = shop("prod")
    taken = foreign("pay", "sg-open", podSelector=PAY)

    assert bool(on_nodes.vpc.attachments) == (on_nodes.environment.cluster.attachment.value == "pods")
    if not on_nodes.vpc.attachments:
        refuse_taken_names(deployed(on_nodes, foreign_attachments=(taken,)), on_nodes.layers())


def test_a_verification_names_it_once_with_the_same_words() -> None:
    before = standing(shop())
    left = without(before.deployed.attachments, "pay")
    taken = foreign("pay", "sg-own-pay", "sg-open", podSelector=PAY)

    found = only(shop(), with_deployed(before, attachments=left, foreign_attachments=(taken,)))

    assert (found.kind, found.where) == (FindingKind.WIDENING, "SecurityGroupPolicy flash-ticket/pay")
    assert "it has the name of one of ours; it puts sg-own-pay, sg-open on app=flash-pay" in found.what


def test_a_policy_of_others_in_another_namespace_concerns_the_services_there() -> None:
    firewall = compile_firewall(*two_namespaces())
    policy = foreign("pay", "sg-open", podSelector={})
    policy["metadata"]["namespace"] = "monitoring"
    stands = deployed(firewall, foreign_attachments=(policy,))
    ((_, notice),) = attachment_notices(stands, firewall.matrix)

    refuse_taken_names(stands, firewall.layers())
    assert "it puts sg-open on pods of prometheus." in str(notice)
    assert "--namespace monitoring pay" in str(notice)
