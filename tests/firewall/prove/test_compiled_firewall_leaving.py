"""While the attachment changes, pods have either group: all pairs of old and new pods must pass, and nothing more."""

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
from tests.support.declared.at_random.matrices import shops


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
def test_the_rules_cover_both_attachments_and_pods_of_one_to_pods_of_the_other(left: Attachment) -> None:
    rules = {rule.name for rule in changing(left).vpc.rules}

    assert rules > {rule.name for each in Attachment for rule in only_on(each).vpc.rules}
    assert {
        "api-egress-tcp-3100-to-flash-ticket-dev-nodes",
        "flash-ticket-dev-nodes-ingress-tcp-3100-from-api",
        "flash-ticket-dev-nodes-egress-tcp-1-65535-to-pods.flash-ticket",
        "pay-ingress-tcp-3100-from-flash-ticket-dev-nodes",
    } <= rules


@pytest.mark.parametrize("left", Attachment)
def test_new_pods_have_the_new_attachment_and_the_services_groups_stay(left: Attachment) -> None:
    firewall = changing(left).vpc

    assert bool(firewall.attachments) == (left is Attachment.NODES)
    assert {group.label for group in firewall.groups} == {"alb", "api", "gateway", "pay", "pods.flash-ticket"}


@pytest.mark.parametrize("left", Attachment)
def test_the_proof_holds_and_reports_what_only_the_pod_layer_stops(left: Attachment) -> None:
    proof = changing(left).proof()
    resting = {(rest.source, rest.destination) for rest in proof.rests}

    assert proof.holds
    assert any("before its restart" in one + other for one, other in resting)
    assert not any("the kubelet" in {blur.source, blur.destination} for blur in proof.blurs)


@given(shops())
def test_pods_before_and_after_their_restart_have_the_same_reachability(drawn: tuple[Matrix, Environment]) -> None:
    matrix, environment = drawn
    former = replace(environment, cluster=replace(environment.cluster, leaving=None))
    (left,) = set(Attachment) - {former.cluster.attachment}
    layers = compile_firewall(matrix, replace(former, cluster=replace(former.cluster, leaving=left))).layers()
    passing = {(one.name, other.name): ports for (one, other), ports in layers.passing.items()}

    for flow in matrix.flows:
        for source in {flow.source, before_restart(flow.source)} & set(layers.named):
            for target in {flow.target, before_restart(flow.target)} & set(layers.named):
                assert passing[source, target].covers(PortSet.of(flow.ports))


def test_the_proof_fails_without_a_rule_between_pods_of_different_attachments() -> None:
    right = changing(Attachment.NODES)
    (nodes,) = right.environment.cluster.nodes
    between = [rule for rule in right.vpc.rules if rule.holder == OwnGroup("pay") and rule.peer == nodes]
    (cut,) = (rule for rule in between if "api to pay" in rule.flows)
    narrower = replace(right.vpc, rules=tuple(rule for rule in right.vpc.rules if rule is not cut))

    assert not replace(right, vpc=narrower).proof().holds


@pytest.mark.parametrize("left", Attachment)
def test_a_notice_reminds_to_remove_the_key(left: Attachment) -> None:
    (notice,) = (each for each in changing(left).notices() if each.where == f"cluster.leaving {left.value}")

    assert "for pods with the nodes' group only the pod layer decides between services" in notice.what
    assert notice.remedy == (
        "Restart every pod of the namespace (kubectl rollout restart), then remove cluster.leaving"
    )


@pytest.mark.parametrize("attachment", Attachment)
def test_leaving_the_declared_attachment_is_refused(attachment: Attachment) -> None:
    content = binding_content("dev")
    content["cluster"] |= {"attachment": attachment.value, "leaving": attachment.value}

    with pytest.raises(InputError) as refused:
        parse_binding(content, "dev")

    assert str(refused.value) == (
        f"Pulumi.dev.yaml: flash-ticket-firewall:binding.cluster.leaving: {attachment.value} is already the "
        "attachment. Write the previous attachment, or remove the key."
    )
