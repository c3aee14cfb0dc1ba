"""Random shops with what few have: load balancers without a group, and nodes of EKS Auto Mode."""

from dataclasses import replace
from ipaddress import ip_network

from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.choices import CniName, Compute, LoadBalancerGroup, LoadBalancerKind
from flash_ticket.firewall.declare.matrix import Matrix
from tests.support.declared.at_random.matrices import shops_beside_others


@st.composite
def shops_of_all_kinds(draw: st.DrawFn) -> tuple[Matrix, Environment]:
    """Draw a shop beside others; its load balancers may be NLBs without a group, and Auto Mode may run its nodes."""
    matrix, environment = draw(shops_beside_others())
    if draw(st.booleans()):
        kind, group = LoadBalancerKind.NLB, LoadBalancerGroup.NONE
        bare = (
            replace(each, kind=kind, group=group, listeners=(), clients=()) if draw(st.booleans()) else each
            for each in environment.load_balancers
        )
        environment = replace(environment, load_balancers=tuple(bare))
    if draw(st.booleans()):
        drawn = environment.cluster
        resolvers = drawn.resolvers or tuple(ip_network(each[10]) for each in drawn.services)
        auto = replace(drawn, compute=Compute.AUTO_MODE, cni=CniName.VPC_CNI, leaving=None, resolvers=resolvers)
        environment = replace(environment, cluster=auto)
    return matrix, environment
