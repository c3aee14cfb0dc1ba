"""A preview asks cluster and account which pods get AWS credentials, and where the API server answers."""

import json
from typing import Any

import pytest

from flash_ticket.live.beside.identities import api_warnings, identity_warnings
from tests.support.clouds.api_server import answering, connected
from tests.support.clouds.stubbed_session import Session
from tests.support.verify.identities import account, planned, pod

NAMESPACE = "/api/v1/namespaces/jobs"
PAGE = "?limit=500"
ACCOUNTS, PODS = f"{NAMESPACE}/serviceaccounts{PAGE}", f"{NAMESPACE}/pods{PAGE}"
SLICES = (
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    f"{PAGE}&labelSelector=kubernetes.io/service-name%3Dkubernetes"
)
Answers = dict[str, tuple[int, bytes]]


def listed(*items: Any) -> tuple[int, bytes]:  # noqa: ANN401 - objects of the API
    return 200, json.dumps({"items": items}).encode()


def eks(*accounts: str) -> Session:
    """Return a session of EKS that answers in two pages, as EKS may."""
    session = Session("eks")
    of_job = {"clusterName": "flash-ticket-dev", "namespace": "jobs"}
    pages = [[{"serviceAccount": each} for each in accounts[:1]], [{"serviceAccount": each} for each in accounts[1:]]]
    stub = session.answers["eks"]
    first = {"associations": pages[0], "nextToken": "more"} if pages[1] else {"associations": pages[0]}
    stub.add_response("list_pod_identity_associations", first, of_job)
    if pages[1]:
        stub.add_response("list_pod_identity_associations", {"associations": pages[1]}, {**of_job, "nextToken": "more"})
    return session


def warned(answers: Answers, session: Session, *targets: str) -> list[str]:
    with answering(answers) as url:
        return list(identity_warnings(connected(url), session.account(), planned(*targets)))


def test_a_preview_names_the_services_whose_credentials_default_deny_would_cut() -> None:
    answers = {
        ACCOUNTS: listed(account("uploads", "arn:aws:iam::1:role/uploads"), account("default")),
        PODS: listed(pod({"app": "job"}, "reports"), pod({"app": "web"}, "uploads")),
    }

    of_nobody, by_agent, by_sts = warned(answers, eks("other", "reports"), "kubernetes-api")

    assert of_nobody.startswith("ServiceAccount other: pods that use it get AWS credentials by EKS Pod Identity")
    assert by_agent.startswith("ServiceAccount reports: pods of job get AWS credentials by EKS Pod Identity")
    assert by_sts.startswith("ServiceAccount uploads: pods of web get AWS credentials by IRSA")


def test_without_credentials_of_pods_nothing_is_said_and_no_pod_is_listed() -> None:
    assert warned({ACCOUNTS: listed(account("default"))}, eks()) == []


def test_without_the_right_to_list_pods_one_service_with_a_way_is_enough() -> None:
    answers = {ACCOUNTS: listed(), PODS: (403, b"{}")}

    assert warned(answers, eks("reports"), "pod-identity") == []
    assert len(warned(answers, eks("reports"))) == 1


def test_what_may_not_be_read_is_reported_and_does_not_end_the_preview() -> None:
    refused = Session("eks")
    refused.answers["eks"].add_client_error("list_pod_identity_associations", "AccessDeniedException")
    (by_cluster,) = warned({ACCOUNTS: (403, b"{}")}, eks())
    (by_account,) = warned({ACCOUNTS: listed()}, refused)

    said = "Nothing compares traffic.yaml with the AWS credentials of pods ("
    assert by_cluster.startswith(f"{said}Kubernetes: {NAMESPACE}/serviceaccounts: this identity may not read it")
    assert by_account.startswith(said)
    assert "eks:ListPodIdentityAssociations" in by_account


def endpoints(*addresses: str) -> tuple[int, bytes]:
    return listed({"endpoints": [{"addresses": [each]} for each in addresses]})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (endpoints("198.18.0.3"), ""),
        (listed(), ""),
        (endpoints("198.18.0.3", "10.9.9.9"), "kubernetes-api: the API server answers at 10.9.9.9 (EndpointSlice"),
        ((403, b"{}"), "kubernetes-api: nothing compares its addresses with the EndpointSlice default/kubernetes ("),
    ],
)
def test_a_preview_compares_the_addresses_of_the_api_with_those_that_the_cluster_knows(
    answer: tuple[int, bytes], said: str
) -> None:
    firewall = planned("kubernetes-api")
    networks = firewall.environment.place("kubernetes-api").networks
    answer = (answer[0], answer[1].replace(b"198.18.0.3", str(networks[0][0]).encode()))
    with answering({SLICES: answer}) as url:
        found = list(api_warnings(connected(url), firewall))

    assert [each[: len(said)] for each in found] == ([said] if said else [])


def test_without_a_flow_to_the_api_the_cluster_is_not_asked_where_it_is() -> None:
    with answering({}) as url:
        assert list(api_warnings(connected(url), planned("pod-identity"))) == []
