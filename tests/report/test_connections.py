"""A listing has the same content in every format."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from flash_ticket.firewall.declare.choices import Attachment, CniName
from flash_ticket.firewall.declare.matrix import External, Flow
from flash_ticket.firewall.prove.address_ends import Question
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.changes import Change, changes_between
from flash_ticket.firewall.terms.connections import Block, Connections
from flash_ticket.firewall.terms.ports import ALL_PORTS, PortRange, PortSet, Protocol, tcp, udp
from flash_ticket.report.changes import ChangeFormat, written_changes
from flash_ticket.report.connections import Focus, Format, project_listing, written
from flash_ticket.report.explanation import explained
from flash_ticket.report.json_form import AnswerFormat
from tests.support.declared.stacks import two_namespaces

TEN = AddressRange.of("10.0.0.0/8")
SOME = PortSet.of([tcp(80), PortRange(Protocol.TCP, 90, 99), udp(53)])
CONNECTIONS = Connections(
    ["shop/a[Pod]", "shop/b[Pod]", "other/c[Pod]", TEN, "{ingress-controller}"],
    [
        Block(("shop/a[Pod]", "shop/b[Pod]"), ("shop/a[Pod]", "shop/b[Pod]"), SOME),
        Block((TEN, "{ingress-controller}"), ("shop/a[Pod]",), ALL_PORTS),
    ],
)
LINES = [
    ("10.0.0.0-10.255.255.255[External]", "shop/a[Pod]", "All Connections"),
    ("shop/a[Pod]", "shop/b[Pod]", "TCP 80,90-99,UDP 53"),
    ("shop/b[Pod]", "shop/a[Pod]", "TCP 80,90-99,UDP 53"),
    ("{ingress-controller}", "shop/a[Pod]", "All Connections"),
]


def text(form: Format) -> str:
    return "".join(written(CONNECTIONS, form))


def test_lines_are_sorted_and_no_party_connects_to_itself() -> None:
    assert text(Format.TXT).splitlines() == [f"{src} => {dst} : {conn}" for src, dst, conn in LINES]


def test_json_has_text_and_port_ranges() -> None:
    found = json.loads(text(Format.JSON))
    assert [(entry["src"], entry["dst"], entry["conn"]) for entry in found] == LINES
    assert found[1]["ports"] == [
        {"protocol": "TCP", "first": 80, "last": 80},
        {"protocol": "TCP", "first": 90, "last": 99},
        {"protocol": "UDP", "first": 53, "last": 53},
    ]


def test_csv_reads_back() -> None:
    assert list(csv.reader(io.StringIO(text(Format.CSV)))) == [["src", "dst", "conn"], *map(list, LINES)]


def test_markdown_is_a_table() -> None:
    rows = text(Format.MD).splitlines()
    assert rows[:2] == ["| src | dst | conn |", "|-----|-----|------|"]
    assert rows[3] == "| shop/a[Pod] | shop/b[Pod] | TCP 80,90-99,UDP 53 |"
    assert len(rows) == 2 + len(LINES)


def test_dot_groups_workloads_by_namespace_and_includes_those_without_connections() -> None:
    found = text(Format.DOT)
    assert found.startswith("digraph {\n")
    assert re.findall(r'subgraph "cluster_(\w+)"', found) == ["other", "shop"]
    assert '"other/c[Pod]" [label="c[Pod]"' in found
    assert '"shop/a[Pod]" -> "shop/b[Pod]" [label="TCP 80,90-99,UDP 53"]' in found
    assert found.count(" -> ") == len(LINES)


@pytest.mark.parametrize(("form", "nothing"), [(Format.TXT, ""), (Format.JSON, "[]\n"), (Format.CSV, "src,dst,conn\n")])
def test_an_empty_listing_is_well_formed(form: Format, nothing: str) -> None:
    assert "".join(written(Connections([], []), form)) == nothing


CHANGES = changes_between({("a", "b"): PortSet.of([tcp(80)])}, {("a", "b"): PortSet.of([tcp(443)])})


def changes(form: ChangeFormat, found: tuple[Change, ...] = CHANGES) -> str:
    return "".join(written_changes(found, form))


def test_changes_show_the_state_before_and_after() -> None:
    assert changes(ChangeFormat.TXT) == "changed  a => b : TCP 80 -> TCP 443\n"
    assert changes(ChangeFormat.CSV) == "change,src,dst,before,after\nchanged,a,b,TCP 80,TCP 443\n"
    assert changes(ChangeFormat.MD).splitlines()[2] == "| changed | a | b | TCP 80 | TCP 443 |"
    (entry,) = json.loads(changes(ChangeFormat.JSON))
    assert (entry["change"], entry["before"], entry["after"]) == ("changed", "TCP 80", "TCP 443")
    assert entry["opened"] == [{"protocol": "TCP", "first": 443, "last": 443}]
    assert entry["closed"] == [{"protocol": "TCP", "first": 80, "last": 80}]


def test_no_change_is_a_sentence_in_text_and_an_empty_list_in_json() -> None:
    assert changes(ChangeFormat.TXT, ()) == "no connection differs\n"
    assert json.loads(changes(ChangeFormat.JSON, ())) == []


def test_a_listing_of_the_project_says_why_a_flow_is_there() -> None:
    firewall = compile_firewall(*two_namespaces())
    layers, focus = firewall.layers(), Focus(sources=("prometheus",), destinations=("api",))
    listed = {
        form: "".join(project_listing(firewall, layers, form, focus)) for form in (Format.TXT, Format.JSON, Format.CSV)
    }

    assert listed[Format.TXT] == "prometheus => api : TCP 9090 (scrapes)\n"
    assert json.loads(listed[Format.JSON])[0]["because"] == "scrapes"
    assert "scrapes" not in listed[Format.CSV]
    assert "because" not in "".join(project_listing(firewall, layers, Format.JSON, Focus(sources=("gateway",))))


def test_a_listing_of_the_project_gives_the_domain_names_of_a_destination() -> None:
    matrix, environment = two_namespaces()
    cluster = replace(environment.cluster, cni=CniName.CILIUM, attachment=Attachment.NODES)
    payments = External("payments", (tcp(443),), None, (), domains=("*.stripe.com", "api.x.com"))
    flow = Flow("api", "payments", (tcp(443),), "ticket 12")
    paying = replace(matrix, externals=(*matrix.externals, payments), flows=(*matrix.flows, flow))
    firewall = compile_firewall(paying, replace(environment, cluster=cluster))
    layers, focus = firewall.layers(), Focus(sources=("api",), destinations=("payments",))
    listed = {form: "".join(project_listing(firewall, layers, form, focus)) for form in (Format.TXT, Format.JSON)}

    assert listed[Format.TXT] == "api => payments : TCP 443 (*.stripe.com, api.x.com; ticket 12)\n"
    assert json.loads(listed[Format.JSON])[0]["domains"] == ["*.stripe.com", "api.x.com"]


def test_an_explanation_says_why_a_flow_is_there() -> None:
    firewall = compile_firewall(*two_namespaces())
    answers = Question(firewall.layers()).answers("prometheus", "api", "9090")
    reasons = firewall.matrix.reasons

    assert explained(answers, AnswerFormat.TXT, reasons).splitlines()[1] == "  because: scrapes"
    assert json.loads(explained(answers, AnswerFormat.JSON, reasons))["because"] == "scrapes"
    assert "because" not in explained(answers, AnswerFormat.TXT)
