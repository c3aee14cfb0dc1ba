"""Peers that no stack binds: built-in ones, and services of AWS by name."""

from datetime import UTC, datetime
from typing import Any

import pytest

from flash_ticket.firewall.declare.built_in import AwsService, BuiltIn, key_of_list, key_of_place, written_name
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import declaration, parse_matrix
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp

Content = dict[str, Any]

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def matrix(*flows: Content, externals: Content | None = None, **services: Content) -> Matrix:
    content = {
        "namespace": "jobs",
        "services": {"job": {"pods": {"app": "job"}}, **services},
        "externals": externals or {},
        "flows": list(flows),
    }
    return parse_matrix(content, "traffic.yaml")


def refusals(*flows: Content, externals: Content | None = None, **services: Content) -> list[str]:
    with pytest.raises(InputError) as refused:
        matrix(*flows, externals=externals, **services)
    return [str(each) for each in refused.value.each]


@pytest.mark.parametrize("built_in", BuiltIn)
def test_a_flow_may_name_a_built_in_peer_without_a_declaration(built_in: BuiltIn) -> None:
    found = matrix({"from": "job", "to": built_in.value})

    (external,) = found.externals
    assert (external.name, external.looked_up, external.namespace) == (built_in.value, built_in, None)
    assert type(external.name) is str
    (flow,) = found.flows
    assert flow.ports == built_in.ports


def test_a_declared_external_or_service_of_the_same_name_is_meant_instead() -> None:
    found = matrix({"from": "job", "to": "kubernetes-api"}, externals={"kubernetes-api": {"ports": [6443]}})
    service = {"pods": {"app": "x"}, "ports": [81]}
    other = matrix({"from": "job", "to": "pod-identity"}, **{"pod-identity": service})

    assert [(each.looked_up, each.ports) for each in found.externals] == [(None, (tcp(6443),))]
    assert other.externals == ()


def test_a_built_in_peer_that_no_flow_names_is_not_there() -> None:
    found = matrix({"from": "job", "to": "kubernetes-api", "stacks": ["dev"]})

    assert [each.name for each in found.within("dev", NOW).externals] == ["kubernetes-api"]
    assert found.within("prod", NOW).externals == ()


def test_each_service_of_aws_is_an_endpoint_of_its_own_and_a_flow_goes_to_all_of_them() -> None:
    found = matrix({"from": "job", "to": "aws"}, externals={"aws": {"services": ["sqs", "ecr.api", "sqs"]}})

    assert [(each.name, each.looked_up) for each in found.externals] == [
        ("aws.ecr.api", AwsService("ecr.api")),
        ("aws.sqs", AwsService("sqs")),
    ]
    assert [(flow.target, flow.ports) for flow in found.flows] == [
        ("aws.ecr.api", (tcp(443),)),
        ("aws.sqs", (tcp(443),)),
    ]


def test_a_service_of_aws_may_have_other_ports() -> None:
    found = matrix({"from": "job", "to": "mail"}, externals={"mail": {"services": ["email-smtp"], "ports": [587]}})
    assert found.flows[0].ports == (tcp(587),)


@pytest.mark.parametrize("limit", [{}, {"stacks": ["dev"]}, {"until": "2026-12-31"}])
def test_a_declaration_is_written_with_the_names_of_the_file(limit: dict[str, Any]) -> None:
    found = matrix(
        {"from": "job", "to": ["aws", "kubernetes-api"], "because": "reports", **limit},
        externals={"aws": {"services": ["sqs", "s3"], "stacks": ["dev"]}},
    )

    written = declaration(found)

    assert written["externals"] == {
        "aws": {"ports": [{"port": 443, "protocol": "TCP"}], "services": ["s3", "sqs"], "stacks": ["dev"]}
    }
    assert [each["to"] for each in written["flows"]] == ["aws", "kubernetes-api"]
    assert parse_matrix(written, "traffic.yaml") == found


@pytest.mark.parametrize(
    ("flow", "said"),
    [
        (
            {"from": "aws", "to": "job"},
            "traffic.yaml: flows[0].from: aws is an AWS service, and it opens no connections. Name another source.",
        ),
        (
            {"from": "pod-identity", "to": "job"},
            (
                "traffic.yaml: flows[0].from: pod-identity is the built-in pod-identity, and it opens no connections. "
                "Name another source."
            ),
        ),
        (
            {"from": "job", "to": "pod-identity", "ports": [81]},
            (
                "traffic.yaml: flows[0].ports[0]: pod-identity does not listen on TCP 81. Write ports of pod-identity "
                "(TCP 80), or add this one there."
            ),
        ),
        (
            {"from": "job", "to": "kubernets-api"},
            (
                "traffic.yaml: flows[0].to: kubernets-api is neither a service nor an external. Declare it, or write "
                "one of: kubernetes-api, aws, job."
            ),
        ),
    ],
)
def test_a_flow_that_cannot_be_is_refused_once(flow: dict[str, Any], said: str) -> None:
    job = {"pods": {"app": "job"}, "ports": [8080]}
    assert refusals(flow, externals={"aws": {"services": ["sqs", "sts"]}}, job=job) == [said]


def test_the_api_server_may_call_webhooks_in_pods() -> None:
    hook = {"pods": {"app": "hook"}, "ports": [8443]}
    (flow,) = matrix({"from": "kubernetes-api", "to": "hook"}, hook=hook).flows
    assert (flow.source, flow.target) == ("kubernetes-api", "hook")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"services": []}, ".services: it is empty. Add at least one entry."),
        (
            {"services": ["SQS"]},
            (
                ".services[0]: 'SQS' is not the name of an AWS service. Write the last part of the endpoint's service "
                "name, such as sqs, s3 or ecr.api."
            ),
        ),
        (
            {"services": ["com.amazonaws.eu-west-1.sqs"]},
            (
                ".services[0]: 'com.amazonaws.eu-west-1.sqs' is a whole service name, and its region differs by stack. "
                "Write sqs."
            ),
        ),
        (
            {"services": ["sqs"], "namespace": "x"},
            (
                ": services of AWS and a namespace of the cluster are given together. Declare two externals, one with "
                "services and one with namespace."
            ),
        ),
    ],
)
def test_an_external_with_wrong_services_is_refused(entry: dict[str, Any], said: str) -> None:
    assert refusals(externals={"aws": entry}) == [f"traffic.yaml: externals.aws{said}"]


def test_the_keys_of_places_are_those_of_the_files() -> None:
    assert (key_of_place("redis"), key_of_list("redis")) == ("places.redis", "places.redis.prefixList")
    assert (key_of_place("aws.s3"), key_of_list("aws.s3")) == ("externals.aws.services",) * 2
    assert (written_name("aws.ecr.api"), written_name("redis")) == ("aws", "redis")
