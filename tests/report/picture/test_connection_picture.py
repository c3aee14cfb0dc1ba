"""Connections of any manifests as a picture: one by one, in groups of the alike, or one clear word."""

from itertools import pairwise

import pytest

from flash_ticket.firewall.terms.addresses import AddressRange, Family, whole
from flash_ticket.firewall.terms.connections import Block, Connections
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import ALL_PORTS, PortSet, tcp, udp
from flash_ticket.report.picture.connection_picture import MOST, connections_svg
from tests.support.report.drawn_diagram import Diagram

HTTP = PortSet.of([tcp(80)])
ANYWHERE = whole(Family.V4)


def workloads(count: int, namespace: str = "shop") -> tuple[str, ...]:
    return tuple(f"{namespace}/w{number:03}[Deployment]" for number in range(count))


def drawn(connections: Connections) -> Diagram:
    return Diagram(connections_svg(connections))


def test_each_connection_is_a_line_with_its_ports() -> None:
    one, other, third = workloads(3)
    connections = Connections(
        [one, other, third, ANYWHERE],
        [
            Block((one, other), (third,), PortSet.of([tcp(80), udp(53)])),
            Block((third,), (one,), HTTP),
            Block((ANYWHERE,), (one,), ALL_PORTS),
        ],
    )
    assert {(line.source, line.target, line.ports) for line in drawn(connections).lines()} == {
        (one, third, "TCP 80, UDP 53"),
        (other, third, "TCP 80, UDP 53"),
        (third, one, "TCP 80"),
        (f"{ANYWHERE}[External]", one, "all ports"),
    }


def test_a_workload_that_connects_to_nothing_is_shown_and_a_range_is_not() -> None:
    (lonely,) = workloads(1)
    names = drawn(Connections([lonely, AddressRange.of("10.0.0.0/8")], [])).words("name")

    assert names == ["w000"]


def test_nothing_at_all_is_a_picture_too() -> None:
    assert drawn(Connections([], [])).lines() == []


def test_alike_workloads_become_one_when_there_are_many_connections() -> None:
    clients, servers = workloads(30, "a"), workloads(30, "b")
    diagram = drawn(Connections([*clients, *servers], [Block(clients, servers, HTTP), Block(servers, servers, HTTP)]))

    assert [(line.source, line.target, line.ports) for line in diagram.lines()] == [(clients[0], servers[0], "TCP 80")]
    assert diagram.words("name") == ["30 alike", "30 alike"]
    assert "each other: TCP 80" in diagram.words("detail")
    assert "and 27 more" in diagram.words("detail")


def test_a_million_connections_between_alike_workloads_are_one_station() -> None:
    every = workloads(1000)

    assert drawn(Connections(every, [Block(every, every, ALL_PORTS)])).words("name") == ["1000 alike"]


def test_too_many_connections_between_unlike_workloads_are_refused_with_a_way_out() -> None:
    every = workloads(MOST + 2)
    blocks = [Block((one,), (other,), HTTP) for one, other in pairwise(every)]

    with pytest.raises(InputError, match=r"201 connections.*--output dot"):
        connections_svg(Connections(every, blocks))


def test_names_from_manifests_cannot_break_out_of_the_picture() -> None:
    hostile = "shop/<script>alert('&')</script>\x07[Pod]"
    text = connections_svg(Connections([hostile, "b"], [Block((hostile,), ("b",), HTTP)]))

    assert "<script" not in text
    assert "alert" in " ".join(Diagram(text).words("name"))
