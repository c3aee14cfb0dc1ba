"""The pods of one service among themselves, in the proof, the listing, the answers and the difference."""

from dataclasses import replace

import pytest

from flash_ticket.firewall.change.impact import difference
from flash_ticket.firewall.declare.choices import Attachment
from flash_ticket.firewall.declare.matrix import Flow
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.prove.violation import Fault
from flash_ticket.firewall.terms.ports import tcp
from tests.support.declared.accounts import environment_of, shop_matrix


@pytest.mark.parametrize("attachment", Attachment)
def test_pods_of_a_service_reach_each_other_exactly_where_a_flow_says_so(attachment: Attachment) -> None:
    shop, environment = shop_matrix(), environment_of("dev")
    environment = replace(environment, cluster=replace(environment.cluster, attachment=attachment))
    declared = replace(shop, flows=(*shop.flows, Flow("api", "api", (tcp(4000),))))
    closed, opened = (compile_firewall(each, environment) for each in (shop, declared))

    for firewall, passes in ((closed, False), (opened, True)):
        said = firewall.layers().verdicts("api", "api", "4000")
        listed = [str(each.ports) for each in firewall.layers().connections() if each.source == each.destination]
        assert firewall.proof().holds
        assert all(verdict.passes for verdict in said) is passes
        assert listed == (["TCP 4000"] if passes else [])
    changes = difference(closed.layers(), opened.layers()).through_both
    assert [(each.source, each.destination, str(each.after)) for each in changes] == [("api", "api", "TCP 4000")]
    pairs = [
        (replace(opened, pods=closed.pods), Fault.CUT),
        (replace(closed, pods=opened.pods), Fault.OPEN),
        (replace(opened, vpc=closed.vpc), Fault.CUT),
        (replace(closed, vpc=opened.vpc), Fault.OPEN),
    ]
    for firewall, fault in pairs if attachment is Attachment.PODS else pairs[:2]:  # nodes share one group
        found = firewall.proof().violations
        assert [(each.fault, each.source, each.destination) for each in found] == [(fault, "api", "api")] * 2
