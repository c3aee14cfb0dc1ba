"""A piece of a real export: Cilium 1.20.2 on the lab's node, where connections, names and packets were refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from flash_ticket.traffic.attribution.attributed_traffic import AttributedTraffic, attribute_logs
from flash_ticket.traffic.attribution.totals import counts
from flash_ticket.traffic.denials.denied import denied
from flash_ticket.traffic.records.record import Disposition
from flash_ticket.traffic.source import logs_in
from tests.support.traffic.incident import INVENTORY, SHOP, without_pods

EXPORT = Path(__file__).parents[2] / "support" / "traffic" / "hubble_export.jsonl"
LINES = 34


@pytest.fixture(scope="module", params=["with an inventory of pods", "without one"])
def traffic(request: pytest.FixtureRequest) -> AttributedTraffic:
    inventory = replace(INVENTORY, interfaces=())
    found = inventory if request.param.startswith("with an") else without_pods(inventory)
    return attribute_logs(SHOP, found, logs_in(EXPORT))


def test_every_line_is_attributed_and_the_totals_add_up(traffic: AttributedTraffic) -> None:
    total = counts(traffic.totals)
    (reading,) = [each.reading for each in traffic.totals]

    assert (total["read"], total["attributed"], total["unattributed"], total["malformed"]) == (20, 20, 0, 0)
    assert (total["read"] + total["other"], reading.lost, reading.notes) == (LINES, 0, [])
    assert reading.repeated == 9
    assert reading.aside == {"router solicitation": 2, "multicast listener discovery": 1}


def test_each_denied_packet_counts_once_and_a_deny_rule_is_the_cause(traffic: AttributedTraffic) -> None:
    answer = denied(traffic)

    found = {(each.source.name, each.destination.name, str(each.port)): each.count for each in answer.denials}
    assert found == {
        ("api", "redis", "TCP 6379"): 3,
        **{("api", "gateway", port): 1 for port in ("TCP 3000", "TCP 9", "UDP 9")},
        **{("a pod elsewhere in the cluster", "api", port): 1 for port in ("TCP 4000", "TCP 9", "UDP 9")},
    }
    assert [cause.problem for cause in answer.denials[0].causes] == [
        "a deny rule of CiliumNetworkPolicy flash-ticket/no-api-to-redis stopped it"
    ]


def test_queries_that_a_rule_refused_are_names(traffic: AttributedTraffic) -> None:
    refused = traffic.attribution.refused

    assert {each.name: each.count for each in refused} == {"api.stripe.com": 2, "example.org": 1}
    assert {pod.name for each in refused for pod in each.callers} == {"stranger-699c99fbcb-rzhn2"}
    # They are another namespace's.
    assert (denied(traffic).refused, denied(traffic).beside) == ((), 3)


def test_probes_from_the_address_of_the_router_are_the_kubelets(traffic: AttributedTraffic) -> None:
    passed = [each for each in traffic.attribution.conversations if each.disposition is Disposition.PASSED]

    found = {(each.source.name, each.destination.name): each.count for each in passed if "10.10.10.153" in each.sources}
    assert found == {("the kubelet", "api"): 2, ("another host of the VPC", "DNS"): 1}
