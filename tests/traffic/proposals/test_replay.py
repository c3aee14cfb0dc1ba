"""Recorded traffic compared with a proposed matrix: what worked is cut or kept, and nothing else counts as working."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.declare.matrix import Flow, Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.firewall.terms.verdict import Direction, Layer
from flash_ticket.traffic.proposals.proposal import Proposal
from flash_ticket.traffic.proposals.replay import LineKind, Replay, Today, replay
from flash_ticket.traffic.records.record import Disposition, Evidence
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.stacks import CASES, traffic_content
from tests.support.traffic.recorded_traffic import NOON, attributed, every_flow, said, unchanged

SHOP = shop_matrix()
DEV = environment_of("dev")
OF_PAY = "flash-ticket/04-allow-egress-pay"
PAY_TO_REDIS = Flow("pay", "redis", (tcp(6379),))


def proposal(proposed: Matrix, today: Matrix = SHOP) -> Proposal:
    return Proposal(today, proposed, DEV, "new.yaml")


def without(flow: Flow, matrix: Matrix = SHOP) -> Matrix:
    assert flow in matrix.flows
    return replace(matrix, flows=tuple(each for each in matrix.flows if each != flow))


def changed(**keys: Any) -> Matrix:  # noqa: ANN401 - parsed YAML has any shape
    return parse_matrix({**traffic_content(), **keys}, "new.yaml")


def replayed(what: Proposal, *traffic: tuple[str, str, int], **fields: Any) -> Replay:  # noqa: ANN401 - those of ``said``
    return replay(attributed(said(what.after, one, other, tcp(port), **fields) for one, other, port in traffic), what)


def pairs(found: Replay) -> list[tuple[str, str, str]]:
    return [(cut.seen.source, cut.seen.destination, str(cut.seen.port)) for cut in found.cuts]


@pytest.mark.parametrize("case", CASES)
def test_the_same_matrix_cuts_nothing_and_has_no_unused_flow(case: str) -> None:
    matrix, environment = CASES[case]()
    same = unchanged(matrix, environment)

    found = replay(attributed(every_flow(same.after, matrix)), same)

    assert found.holds
    assert not found.unused
    assert found.kept == found.lines[LineKind.KEPT] == sum(len(flow.ports) for flow in matrix.flows)


def each_flow() -> Iterator[Any]:
    for case, made in CASES.items():
        matrix, environment = made()
        for flow in matrix.flows:
            yield pytest.param(matrix, environment, flow, id=f"{case}-{flow.source}-{flow.target}")


@pytest.mark.parametrize(("matrix", "environment", "flow"), list(each_flow()))
def test_removing_a_flow_cuts_exactly_its_traffic(matrix: Matrix, environment: Any, flow: Flow) -> None:  # noqa: ANN401
    less = Proposal(matrix, without(flow, matrix), environment, "new.yaml")

    found = replay(attributed(every_flow(less.after, matrix)), less)

    assert sorted(pairs(found)) == sorted((flow.source, flow.target, str(port)) for port in flow.ports)
    assert {cut.today for cut in found.cuts} == {Today.ALLOWED}


def test_a_cut_names_the_layers_that_would_stop_it_and_what_decides_there() -> None:
    """Redis shares subnets with the other datastores: policies for their ports name it too, groups do not."""
    (cut,) = replayed(proposal(without(PAY_TO_REDIS)), ("pay", "redis", 6379)).cuts

    pod, vpc = cut.stops
    assert (pod.layer, vpc.layer) == (Layer.POD, Layer.VPC)
    assert [side.governors for side in pod.sides] == [("flash-ticket/00-default-deny", OF_PAY)]
    assert [str(rule) for side in pod.sides for rule in side.rules] == [f"{OF_PAY} egress[0]", f"{OF_PAY} egress[1]"]
    assert [str(side) for side in vpc.sides] == ["Egress: pay, pods.flash-ticket govern pay, and no rule names redis"]


def test_with_shared_groups_the_vpc_layer_stops_nothing_that_another_flow_keeps_open() -> None:
    """Both services have the nodes' group: as long as api may reach Redis, no group distinguishes pay from it."""
    matrix, environment = CASES["dev-nodes"]()
    less = without(PAY_TO_REDIS, matrix)
    neither = without(Flow("api", "redis", (tcp(6379),)), less)

    layers = []
    for proposed in (less, neither):
        what = Proposal(matrix, proposed, environment, "new.yaml")
        (cut,) = replayed(what, ("pay", "redis", 6379)).cuts
        layers.append([stop.layer for stop in cut.stops])

    assert layers == [[Layer.POD], [Layer.POD, Layer.VPC]]


def test_traffic_without_a_reply_and_stopped_traffic_are_never_cut() -> None:
    what = proposal(without(PAY_TO_REDIS))

    unanswered = replayed(what, ("pay", "redis", 6379), disposition=Disposition.UNANSWERED, count=7)
    stopped = replayed(what, ("pay", "redis", 6379), disposition=Disposition.STOPPED, count=7)

    assert unanswered.holds
    assert stopped.holds
    assert [each.count for each in unanswered.unanswered] == [7]
    assert (unanswered.lines[LineKind.UNANSWERED], stopped.lines[LineKind.STOPPED]) == (7, 7)
    assert not stopped.opened


def test_a_flow_with_only_failed_attempts_is_unused_and_counts_them() -> None:
    found = replayed(unchanged(SHOP, DEV), ("pay", "redis", 6379), disposition=Disposition.STOPPED, count=7)

    (redis,) = [each for each in found.unused if (each.source, each.target) == ("pay", "redis")]
    assert redis.tried == 7
    assert {each.tried for each in found.unused if each is not redis} == {0}


def test_stopped_traffic_that_would_pass_comes_first_if_it_is_undeclared_today() -> None:
    more = replace(SHOP, flows=tuple(sorted((*SHOP.flows, Flow("gateway", "pay", (tcp(3100),))))))

    found = replayed(proposal(more), ("pay", "redis", 6379), ("gateway", "pay", 3100), disposition=Disposition.STOPPED)

    assert [(each.seen.source, each.today) for each in found.opened] == [
        ("gateway", Today.NOT_ALLOWED),
        ("pay", Today.ALLOWED),
    ]


def test_traffic_that_passed_against_todays_matrix_is_cut_and_marked() -> None:
    """Before the first deployment, and if a policy is missing, everything is recorded as accepted."""
    found = replayed(proposal(without(PAY_TO_REDIS)), ("gateway", "redis", 6379), ("pay", "redis", 6379))

    assert [(cut.seen.source, cut.today) for cut in found.cuts] == [
        ("pay", Today.ALLOWED),
        ("gateway", Today.NOT_ALLOWED),
    ]


def test_default_deny_cuts_the_traffic_of_an_undeclared_pod() -> None:
    found = replayed(unchanged(SHOP, DEV), ("another pod of flash-ticket", "the internet", 443))

    assert [[stop.layer for stop in cut.stops] for cut in found.cuts] == [[Layer.POD]]


def test_a_service_that_the_proposal_removes_keeps_its_name() -> None:
    content = traffic_content()
    del content["services"]["pay"]
    flows = [{"from": "alb", "to": "gateway"}, {"from": "gateway", "to": "api"}]
    what = proposal(parse_matrix({**content, "flows": flows}, "new.yaml"))

    found = replayed(what, ("api", "pay", 3100), ("gateway", "api", 4000))

    assert pairs(found) == [("api", "pay", "TCP 3100")]


def test_a_service_that_the_proposal_adds_has_its_name_and_is_judged_by_todays_matrix_too() -> None:
    content = traffic_content()
    services = {**content["services"], "mailer": {"pods": {"app": "flash-mailer"}, "ports": [2525]}}
    what = proposal(changed(services=services, flows=[*content["flows"], {"from": "api", "to": "mailer"}]))

    found = replayed(what, ("api", "mailer", 2525), ("mailer", "redis", 6379))

    assert pairs(found) == [("mailer", "redis", "TCP 6379")]
    assert found.cuts[0].today is Today.NOT_ALLOWED


def test_a_renamed_service_has_its_new_name() -> None:
    content = traffic_content()
    content["services"]["payment"] = content["services"].pop("pay")
    content["flows"] = [
        {"from": "alb", "to": "gateway"},
        {"from": "gateway", "to": "api"},
        {"from": "api", "to": "payment"},
        {"from": "payment", "to": "redis"},
    ]
    what = proposal(parse_matrix(content, "new.yaml"))

    assert "pay" not in what.after.named
    assert replayed(what, ("api", "payment", 3100), ("payment", "redis", 6379)).holds


def test_a_reused_name_is_distinguished_from_the_one_of_today() -> None:
    content = traffic_content()
    content["externals"]["redis"] = {"ports": [6379], "namespace": "data"}
    what = proposal(parse_matrix(content, "new.yaml"))

    assert replayed(what, ("api", "redis", 6379)).holds
    assert pairs(replayed(what, ("api", "redis of today", 6379))) == [("api", "redis of today", "TCP 6379")]


def test_traffic_that_was_stopped_after_its_departure_did_not_work() -> None:
    """A scan from another namespace leaves the scanner's side and is dropped at the pod: nothing is lost."""
    same = unchanged(SHOP, DEV)
    scan = ("a pod elsewhere in the cluster", "pay", tcp(3100))
    out = said(same.after, *scan, evidence=Evidence.HUBBLE, direction=Direction.EGRESS, count=5)
    dropped = said(
        same.after,
        *scan,
        evidence=Evidence.HUBBLE,
        direction=Direction.INGRESS,
        disposition=Disposition.STOPPED,
        count=5,
    )
    arrived = said(same.after, *scan, evidence=Evidence.HUBBLE, direction=Direction.INGRESS)

    assert replay(attributed([out, dropped]), same).lines[LineKind.STOPPED] == 10
    assert replay(attributed([out, dropped]), same).holds
    assert not replay(attributed([out]), same).holds
    assert not replay(attributed([out, dropped, arrived]), same).holds


def test_traffic_that_the_firewall_does_not_govern_is_counted_separately() -> None:
    same = unchanged(SHOP, DEV)
    foreign = said(same.after, "a pod elsewhere in the cluster", "the internet", tcp(443), count=3)
    ping = said(same.after, "gateway", "api", None, count=2)
    kept = said(same.after, "clients of alb", "alb", tcp(443), count=4)

    found = replay(attributed([foreign, ping, kept]), same)

    assert found.holds
    assert {kind: count for kind, count in found.lines.items() if count} == {
        LineKind.ELSEWHERE: 3,
        LineKind.WITHOUT_PORT: 2,
        LineKind.KEPT: 4,
    }


def test_dns_and_probes_are_neither_cut_nor_unused() -> None:
    same = unchanged(SHOP, DEV)

    found = replayed(same, ("gateway", "DNS", 53), ("the kubelet", "pay", 3100))

    assert found.holds
    assert not {each.target for each in found.unused} & {"DNS"}


def test_without_a_kubelet_endpoint_traffic_from_nodes_to_service_ports_counts_as_probes() -> None:
    """With the nodes' group, both layers see a kubelet as any other host, but no policy stops its probes."""
    matrix, environment = CASES["dev-nodes"]()
    same = unchanged(matrix, environment)
    node, bastion = "10.10.10.2", "10.10.0.9"

    def from_hosts(port: int, *sources: str) -> Replay:
        heard = said(same.after, "another host of the VPC", "api", tcp(port), sources=sources)
        return replay(attributed([heard]), same, [node])

    assert from_hosts(4000, node).lines[LineKind.PROBES] == 1
    assert from_hosts(4000, node).holds
    assert not from_hosts(22, node).holds
    assert not from_hosts(4000, bastion, node).holds
    assert not from_hosts(4000).holds


def test_the_period_covers_all_recorded_traffic() -> None:
    same = unchanged(SHOP, DEV)
    early, late = (said(same.after, "gateway", "api", tcp(4000), first=NOON + hour * 3600) for hour in (0, 5))

    assert replay(attributed([late, early]), same).period == (NOON, NOON + 5 * 3600 + 60)
    assert replay(attributed([]), same).period is None


def test_an_external_without_a_place_is_one_clear_error() -> None:
    content = traffic_content()
    content["externals"]["smtp"] = {"ports": [25]}

    with pytest.raises(InputError) as error:
        replay(attributed([]), proposal(parse_matrix(content, "new.yaml")))

    assert str(error.value) == (
        "new.yaml: externals.smtp: it has no place in the environment dev. "
        "Bind it in the stack's settings, and take the inventory again."
    )


def test_a_load_balancer_that_is_not_declared_is_one_clear_error() -> None:
    content = traffic_content()
    del content["externals"]["alb"]
    flows = [flow for flow in content["flows"] if flow["from"] != "alb"]

    with pytest.raises(
        InputError,
        match=r"new\.yaml: externals\.alb: it is a load balancer of the environment dev, but is not declared",
    ):
        replay(attributed([]), proposal(parse_matrix({**content, "flows": flows}, "new.yaml")))


def test_a_matrix_for_another_namespace_is_refused() -> None:
    with pytest.raises(InputError, match="shop is not the namespace of today's matrix, flash-ticket"):
        proposal(replace(SHOP, namespace="shop"))


def test_an_undeclared_host_in_the_subnets_of_the_datastores_is_judged_by_its_address() -> None:
    """Policies allow the subnets of the datastores; with the nodes' group nothing more is known about a host there."""
    matrix, environment = CASES["dev-nodes"]()
    same = unchanged(matrix, environment)

    inside = replayed(same, ("api", "another host of the VPC", 6379), destinations=("10.10.20.7",))
    outside = replayed(same, ("api", "another host of the VPC", 6379), destinations=("10.10.99.7",))

    assert inside.holds
    assert not outside.holds
