"""Both layers in a cluster of IPv6, whose pods reach IPv4 addresses in another way."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from flash_ticket.firewall.declare.choices import CniName, Ipv4Egress
from flash_ticket.firewall.prove.address_ends import Question
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.prove.endpoint import THROUGH_NODE
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import ALL_PORTS
from flash_ticket.firewall.terms.verdict import Layer
from flash_ticket.report.proof import proof_text
from tests.support.declared.accounts import environment_of, shop_matrix


def test_pods_of_ipv6_reach_ipv4_addresses_through_their_node_where_no_layer_applies() -> None:
    """Network plug-ins but Cilium do not look at the second interface, unless the VPC CNI makes none."""
    environment = environment_of("dev")
    cluster = replace(environment.cluster, services=(ip_network("fd00:10::/108"),), cni=CniName.VPC_CNI)
    vpc = (*environment.vpc_networks, ip_network("2001:db8::/56"))

    def firewall(**changed: Any) -> CompiledFirewall:  # noqa: ANN401 - the fields of Cluster
        bound = replace(environment, cluster=replace(cluster, **changed), vpc_networks=vpc)
        return compile_firewall(shop_matrix(), bound)

    found, none = firewall(), firewall(ipv4_egress=Ipv4Egress.NONE)
    proof, without = found.proof(), none.proof()
    listed = {str(blur) for blur in proof.blurs if blur.destination == THROUGH_NODE}

    assert listed == {f"{service} => {THROUGH_NODE} : All Connections" for service in ("api", "gateway", "pay")}
    assert (proof.violations, proof.stopped[1], proof.others) == ((), without.stopped[1], without.others)
    assert found.layers().connections().as_map()["api", THROUGH_NODE] == ALL_PORTS
    assert "where neither policies nor the pods' groups apply:" in proof_text(proof)
    assert THROUGH_NODE not in none.layers().named
    assert THROUGH_NODE not in firewall(cni=CniName.CILIUM).layers().named
    assert THROUGH_NODE not in compile_firewall(shop_matrix(), environment).layers().named
    with pytest.raises(InputError, match=r"pods reach 192\.0\.2\.1 through their node"):
        Question(found.layers()).answers("api", "192.0.2.1", "443")
    assert Question(none.layers()).answers("api", "192.0.2.1", "443")


def test_a_place_of_ipv6_alone_is_open_where_no_policy_governs_whatever_families_the_policies_name() -> None:
    environment = environment_of("dev")
    places = dict(environment.places)
    places["database"] = replace(places["database"], networks=(ip_network("2001:db8:20::/64"),))
    bound = replace(environment, places=tuple(places.items()))
    bare = replace(compile_firewall(shop_matrix(), bound).layers(), manifests=())
    api, database = bare.named["api"], bare.named["database"]

    assert bare.opened(Layer.POD, api, database) == bare.opened(Layer.POD, database, api) == ALL_PORTS
