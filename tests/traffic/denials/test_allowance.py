"""The line that would allow what was denied opens exactly that connection, through both layers."""

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.ports import PortSet, Protocol
from flash_ticket.firewall.terms.verdict import Layer
from flash_ticket.traffic.attribution.attributed_traffic import attribute_logs
from flash_ticket.traffic.denials.allowance import Allowance
from flash_ticket.traffic.denials.denied import Denial, denied
from flash_ticket.traffic.records.record import Evidence, PodIdentity, Record
from tests.support.declared.accounts import binding_content, environment_of
from tests.support.declared.stacks import traffic_content
from tests.support.traffic import incident
from tests.support.traffic.incident import INVENTORY, SHOP, Heard, line

ENTRY = re.compile(r"Add to (externals of traffic\.yaml|places of Pulumi\.dev\.yaml): (.*)")
PORT = re.compile(r"Add (.*?) to (services|externals)\.([a-z0-9-]+)\.ports(;.*)?")


def denial_of(record: Record) -> Denial:
    (denial,) = denied(attribute_logs(SHOP, INVENTORY, [Heard((record,))])).denials
    return denial


def allowed(record: Record) -> Allowance:
    found = denial_of(record).allowance
    assert found
    return found


def followed(advice: Allowance) -> BothLayers:
    """Return both layers after somebody followed the advice word by word."""
    content, binding = traffic_content(), binding_content("dev")
    for each in advice.before:
        if entry := ENTRY.fullmatch(each):
            target = content["externals"] if entry[1].startswith("externals") else binding["places"]
            target |= yaml.safe_load(f"{{{entry[2]}}}")
        else:
            port = PORT.fullmatch(each)
            assert port, each
            content[port[2]][port[3]].setdefault("ports", []).append(yaml.safe_load(port[1]))
    content["flows"] += yaml.safe_load(advice.line)
    matrix = parse_matrix(content, "traffic.yaml")
    return compile_firewall(matrix, environment_of("dev", binding, matrix)).layers()


def ends_of(advice: Allowance) -> tuple[str, str]:
    flow: dict[str, Any] = yaml.safe_load(advice.line)[0]
    return flow["from"], flow["to"]


ADDRESSES = [
    *(each.addresses[0] for each in incident.PODS),
    *(incident.REDIS, incident.ALB, incident.BASTION, incident.STRANGER, incident.UNKNOWN_STORE, incident.CLIENT),
    *(incident.API_SERVICE, incident.CONTROL_PLANE, "169.254.169.254", incident.NODE),
]


@given(
    st.sampled_from(ADDRESSES),
    st.sampled_from(ADDRESSES),
    st.sampled_from([22, 53, 80, 443, 4000, 6379]),
    st.booleans(),
)
def test_following_the_advice_opens_what_was_denied_through_both_layers(
    source: str, destination: str, port: int, protocol: int
) -> None:
    result = denied(
        attribute_logs(SHOP, INVENTORY, [Heard((line(source, destination, port, protocol=protocol, at=3000),))])
    )
    for denial in result.denials:
        assert denial.allowance or denial.causes
        if denial.allowance and denial.allowance.line:
            layers = followed(denial.allowance)
            ends = [layers.endpoint(name) for name in ends_of(denial.allowance)]
            assert denial.port
            assert all(layers.opened(layer, *ends).covers(PortSet((denial.port,))) for layer in Layer)


@given(st.sampled_from(ADDRESSES), st.sampled_from(ADDRESSES), st.sampled_from([22, 53, 443, 4000, 6379]))
def test_advice_without_a_line_says_what_to_do_first(source: str, destination: str, port: int) -> None:
    for denial in denied(attribute_logs(SHOP, INVENTORY, [Heard((line(source, destination, port, at=3000),))])).denials:
        if denial.allowance and not denial.allowance.line:
            assert denial.allowance.before


def test_between_declared_endpoints_one_line_is_enough() -> None:
    assert allowed(line(incident.GATEWAY.addresses[0], incident.REDIS, 6379)) == Allowance(
        "- {from: gateway, to: redis, ports: [6379]}", ()
    )


def test_an_undeclared_port_comes_first_with_the_other_flows_that_it_opens() -> None:
    advice = allowed(line(incident.GATEWAY.addresses[0], incident.API.addresses[0], 9090))

    assert advice.line == "- {from: gateway, to: api, ports: [9090]}"
    assert advice.before == (
        "Add 9090 to services.api.ports; this also opens it for every flow to api without ports (from gateway)",
    )


@pytest.mark.parametrize(
    ("address", "port", "name"),
    [
        ("169.254.170.23", 80, "pod-identity"),
        ("169.254.169.254", 80, "instance-metadata"),
        (incident.CONTROL_PLANE, 443, "kubernetes-api"),
    ],
)
def test_what_every_cluster_has_needs_no_declaration(address: str, port: int, name: str) -> None:
    advice = allowed(line(incident.API.addresses[0], address, port))
    assert advice == Allowance(f"- {{from: api, to: {name}, ports: [{port}]}}", ())


def test_another_port_of_such_an_address_becomes_an_external_with_a_place() -> None:
    advice = allowed(line(incident.API.addresses[0], "169.254.170.23", 8080))
    assert advice.before[1].endswith("{cidrs: [169.254.170.23/32]}")


def test_udp_is_written_in_the_form_of_the_file() -> None:
    advice = allowed(line(incident.GATEWAY.addresses[0], incident.API.addresses[0], 9090, protocol=17))

    assert advice.line == "- {from: gateway, to: api, ports: [{port: 9090, protocol: UDP}]}"


def test_a_pod_of_another_namespace_becomes_an_external_by_the_label_that_names_it() -> None:
    advice = allowed(line(incident.PROMETHEUS.addresses[0], incident.API.addresses[0], 4000))

    assert advice.line == "- {from: prometheus, to: api, ports: [4000]}"
    assert advice.before == (
        "Add to externals of traffic.yaml: prometheus: {namespace: monitoring, pods: {app: prometheus}}",
    )


def test_a_host_becomes_an_external_with_a_place() -> None:
    advice = allowed(line(incident.API.addresses[0], incident.STRANGER, 443))

    assert advice.before == (
        "Add to externals of traffic.yaml: host-192-0-2-66: {ports: [443]}",
        "Add to places of Pulumi.dev.yaml: host-192-0-2-66: {cidrs: [192.0.2.66/32]}",
    )


def by_cilium(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return what to declare before a pod may reach an address, if Cilium enforces policies and knows these names."""
    cluster = replace(incident.DEV.cluster, cni=CniName.CILIUM)
    inventory = replace(INVENTORY, environment=replace(incident.DEV, cluster=cluster))
    record = line(incident.API.addresses[0], incident.STRANGER, 443, evidence=Evidence.HUBBLE, reason="POLICY_DENIED")
    record = record._replace(destination=replace(record.destination, names=names))
    (denial,) = denied(attribute_logs(SHOP, inventory, [Heard((record,))])).denials
    assert denial.allowance
    return denial.allowance.before


def test_a_host_that_hubble_knows_by_name_becomes_an_external_by_that_name() -> None:
    declared = "Add to externals of traffic.yaml: api-stripe-com: {domains: [api.stripe.com], ports: [443]}"

    assert by_cilium(("api.stripe.com",)) == (declared,)
    assert by_cilium(("api.stripe.com", "x.svc.cluster.local")) == (declared,)


def test_several_names_of_a_host_are_a_choice() -> None:
    declared, choice = by_cilium(("api.stripe.com", "cdn.example.com"))

    assert declared.endswith("{domains: [api.stripe.com, cdn.example.com], ports: [443]}")
    assert choice == "Keep only the names that the pods need: they asked DNS for all of them, and got 192.0.2.66"


@pytest.mark.parametrize("names", [(), ("x.svc.cluster.local",), ("api stripe",), ("x" * 300,)])
def test_a_host_without_a_name_that_can_be_declared_becomes_an_external_with_a_place(names: tuple[str, ...]) -> None:
    assert by_cilium(names)[0].endswith("host-192-0-2-66: {ports: [443]}")


@pytest.mark.parametrize(
    ("source", "destination", "port", "words"),
    [
        (incident.DEBUG.addresses[0], incident.PAY.addresses[0], 3100, "Declare the pod under services by its labels"),
        (incident.CLIENT, incident.ALB, 80, "Add 80 to loadBalancer.listeners in Pulumi.dev.yaml"),
    ],
)
def test_an_end_without_a_name_gets_advice_on_what_to_declare(
    source: str, destination: str, port: int, words: str
) -> None:
    advice = allowed(line(source, destination, port))

    assert advice.line == ""
    assert advice.before[0].startswith(words)


def test_pods_of_one_service_get_a_flow_from_the_service_to_itself() -> None:
    advice = allowed(line(incident.API.addresses[0], incident.API_BARE.addresses[0], 4000))

    assert (advice.line, advice.before) == ("- {from: api, to: api, ports: [4000]}", ())


@pytest.mark.parametrize(("protocol", "port"), [(1, 0), (132, 4000)])
def test_protocols_that_the_matrix_does_not_support_cannot_be_allowed(protocol: int, port: int) -> None:
    advice = allowed(line(incident.GATEWAY.addresses[0], incident.REDIS, port, protocol=protocol))

    assert advice.line == ""
    assert "TCP and UDP" in advice.before[0]


labels = st.dictionaries(
    st.sampled_from(["app", "app.kubernetes.io/name", "k8s-app", "tier", "pod-template-hash"]),
    st.from_regex(r"\A[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\Z"),
    min_size=1,
    max_size=3,
)


@given(labels, st.sampled_from(["monitoring", "kube-system", "argocd"]))
def test_the_advice_is_valid_for_any_labels_of_a_pod(written: dict[str, str], namespace: str) -> None:
    pod = PodIdentity(namespace, "x-1", tuple(sorted(written.items())))
    record = line(pod, incident.API.addresses[0], 4000)

    advice = allowed(record)

    if set(written) == {"pod-template-hash"}:
        assert advice.line == ""
        assert "Give the pod a label" in advice.before[0]
        return
    layers = followed(advice)
    ends = [layers.endpoint(name) for name in ends_of(advice)]
    assert all(layers.opened(layer, *ends).holds(Protocol.TCP, 4000) for layer in Layer)
