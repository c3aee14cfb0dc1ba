"""While the attachment changes, pods carry either group: both ways and each to the other must pass, and no more."""

from dataclasses import replace

import pytest
from hypothesis import given

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.vpc_layer import OwnGroup
from flash_ticket.firewall.declare.binding import parse_binding
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.prove.endpoint import before_restart
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import PortSet
from tests.support.declared.accounts import binding_content, environment_of, shop_matrix
from tests.support.declared.matrices import shops


def changing(left: Attachment) -> CompiledFirewall:
    content = binding_content("dev")
    (content["cluster"]["attachment"],) = (each.value for each in Attachment if each is not left)
    content["cluster"]["leaving"] = left.value
    return compile_firewall(shop_matrix(), environment_of("dev", content))


def only_on(attachment: Attachment) -> CompiledFirewall:
    content = binding_content("dev")
    content["cluster"]["attachment"] = attachment.value
    return compile_firewall(shop_matrix(), environment_of("dev", content))


@pytest.mark.parametrize("left", Attachment)
def test_the_rules_of_both_attachments_stand_and_those_between_pods_of_either(left: Attachment) -> None:
    rules = {rule.name for rule in changing(left).vpc.rules}

    assert rules > {rule.name for each in Attachment for rule in only_on(each).vpc.rules}
    assert {
        "api-egress-tcp-3100-to-flash-ticket-dev-nodes",
        "flash-ticket-dev-nodes-ingress-tcp-3100-from-api",
        "flash-ticket-dev-nodes-egress-tcp-3100-to-pay",
        "pay-ingress-tcp-3100-from-flash-ticket-dev-nodes",
    } <= rules


@pytest.mark.parametrize("left", Attachment)
def test_new_pods_are_attached_as_attachment_says_and_the_services_groups_stay(left: Attachment) -> None:
    firewall = changing(left).vpc

    assert bool(firewall.attachments) == (left is Attachment.NODES)
    assert {group.label for group in firewall.groups} == {"alb", "api", "gateway", "pay"}


@pytest.mark.parametrize("left", Attachment)
def test_the_proof_holds_and_says_what_rests_on_the_pod_layer_alone(left: Attachment) -> None:
    proof = changing(left).proof()
    resting = {(rest.source, rest.destination) for rest in proof.rests}

    assert proof.holds
    assert any("before its restart" in one + other for one, other in resting)
    assert not any("the kubelet" in {blur.source, blur.destination} for blur in proof.blurs)


@given(shops())
def test_a_pod_before_its_restart_reaches_and_is_reached_as_one_after_it(drawn: tuple[Matrix, Environment]) -> None:
    matrix, environment = drawn
    former = replace(environment, cluster=replace(environment.cluster, leaving=None))
    (left,) = set(Attachment) - {former.cluster.attachment}
    layers = compile_firewall(matrix, replace(former, cluster=replace(former.cluster, leaving=left))).layers()
    passing = {(one.name, other.name): ports for (one, other), ports in layers.passing()}

    for flow in matrix.flows:
        for source in {flow.source, before_restart(flow.source)} & set(layers.named):
            for target in {flow.target, before_restart(flow.target)} & set(layers.named):
                assert passing[source, target].covers(PortSet.of(flow.ports))


def test_without_the_rules_between_pods_of_either_the_proof_fails() -> None:
    right = changing(Attachment.NODES)
    nodes = right.environment.cluster.nodes
    between = [rule for rule in right.vpc.rules if rule.holder == OwnGroup("pay") and rule.peer == nodes]
    (cut,) = (rule for rule in between if "api to pay" in rule.flows)
    narrower = replace(right.vpc, rules=tuple(rule for rule in right.vpc.rules if rule is not cut))

    assert not replace(right, vpc=narrower).proof().holds


@pytest.mark.parametrize("left", Attachment)
def test_a_notice_reminds_that_the_key_is_to_be_removed(left: Attachment) -> None:
    (notice,) = (each for each in changing(left).notices() if each.where == f"cluster.leaving {left.value}")

    assert "for pods that carry the nodes' group the pod layer alone decides between services" in notice.what
    assert notice.remedy == (
        "Restart every pod of the namespace (kubectl rollout restart), then remove cluster.leaving"
    )


@pytest.mark.parametrize("attachment", Attachment)
def test_to_leave_the_attachment_that_is_declared_is_refused(attachment: Attachment) -> None:
    content = binding_content("dev")
    content["cluster"] |= {"attachment": attachment.value, "leaving": attachment.value}

    with pytest.raises(InputError) as refused:
        parse_binding(content, "dev")

    assert str(refused.value) == (
        f"Pulumi.dev.yaml: flash-ticket-firewall:binding.cluster.leaving: {attachment.value} is already the "
        "attachment. Write the previous attachment, or remove the key."
    )
