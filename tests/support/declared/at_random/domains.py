"""Random declarations with domain names, in clusters that enforce them."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.choices import CniName, Compute, DnsMode
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from tests.support.declared.at_random.matrices import NOW, environments, ports, traffic_files

_LABELS = ("a", "b", "pay", "api-1", "x_y")
_ENDS = ("example.com", "stripe.com", "b.stripe.com", "co.kr")

names = st.builds(
    lambda labels, end: ".".join([*labels, end]),
    st.lists(st.sampled_from(_LABELS), max_size=3),
    st.sampled_from(_ENDS),
)
"""Domain names of few labels, so that patterns cover them."""

patterns = st.one_of(names, names.map(lambda name: f"*.{name}"))
"""Names and patterns as in a file."""


@st.composite
def traffic_files_with_domains(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the content of a traffic file where services reach one or two externals by domain names."""
    content = draw(traffic_files())
    for external in ("payments", "mail")[: draw(st.integers(1, 2))]:
        listening = draw(st.lists(ports(), min_size=1, max_size=3))
        found = draw(st.lists(patterns, min_size=1, max_size=4))
        content["externals"][external] = {"domains": found, "ports": listening}
        for source in draw(st.sets(st.sampled_from(sorted(content["services"])))):
            flow = {"from": source, "to": external}
            if draw(st.booleans()):
                flow["ports"] = draw(st.lists(st.sampled_from(listening), min_size=1, max_size=2))
            content["flows"].append(flow)
    return content


@st.composite
def shops_with_domains(draw: st.DrawFn) -> tuple[Matrix, Environment]:
    """Draw a shop of `traffic_files_with_domains`, with Cilium or in Auto Mode."""
    matrix = parse_matrix(draw(traffic_files_with_domains()), "traffic.yaml").within("dev", NOW)
    drawn = draw(environments(matrix))
    cilium = replace(drawn.cluster, cni=CniName.CILIUM, dns=DnsMode.CLUSTER, resolvers=())
    auto = replace(drawn.cluster, cni=CniName.VPC_CNI, compute=Compute.AUTO_MODE)
    return matrix, replace(drawn, cluster=draw(st.sampled_from((cilium, auto))))
