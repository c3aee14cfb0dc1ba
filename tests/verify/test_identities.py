"""Which pods get AWS credentials, and whether traffic.yaml opens the way that they need for it."""

from typing import Any

import pytest

from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.verify.identities import Accounts, Identity, accounts_of, identity_notices
from tests.support.verify.identities import account, planned, pod

JOB, WEB = {"app": "job", "hash": "1"}, {"app": "web"}


def accounts(*kinds: Identity, pods: tuple[tuple[str, dict[str, str]], ...] | None = (("reports", JOB),)) -> Accounts:
    return Accounts({"reports": frozenset(kinds)}, pods)


def notices_of(firewall: CompiledFirewall, found: Accounts) -> list[str]:
    return [str(each) for each in identity_notices(firewall, found)]


def test_an_annotation_and_an_association_give_an_account_its_credentials() -> None:
    found = accounts_of(
        [account("reports", "arn:aws:iam::1:role/x"), account("default")],
        [{"serviceAccount": "reports"}, {"serviceAccount": "default"}],
        [pod(JOB, "reports"), pod(WEB, None), {"metadata": {}, "spec": {}}],
    )

    assert found.identities == {
        "reports": frozenset(Identity),
        "default": frozenset({Identity.POD_IDENTITY}),
    }
    assert found.pods == (("reports", JOB), ("default", WEB), ("default", {}))
    assert accounts_of([account("default")], [], None) == Accounts({}, None)


def test_a_service_without_a_way_to_pod_identity_is_named_with_the_flow_to_add() -> None:
    (line,) = notices_of(planned(), accounts(Identity.POD_IDENTITY))
    assert line == (
        "ServiceAccount reports: pods of job get AWS credentials by EKS Pod Identity, and traffic.yaml opens no way to "
        "the agent of EKS Pod Identity: they will get none. Add {from: job, to: pod-identity} to flows."
    )
    assert notices_of(planned("pod-identity"), accounts(Identity.POD_IDENTITY)) == []


def test_the_way_to_pod_identity_may_be_a_place_with_its_address() -> None:
    place = {"agent": {"cidrs": ["169.254.170.23/32"]}}
    assert notices_of(planned("agent", places=place, agent={"ports": [80]}), accounts(Identity.POD_IDENTITY)) == []
    assert notices_of(planned("agent", places=place, agent={"ports": [81]}), accounts(Identity.POD_IDENTITY)) != []


def test_a_service_without_a_way_to_sts_is_named_with_what_to_add() -> None:
    (line,) = notices_of(planned("pod-identity"), accounts(Identity.IRSA))
    assert line == (
        "ServiceAccount reports: pods of job get AWS credentials by IRSA, and traffic.yaml opens no way to STS: they "
        "will get none. Add {aws: {services: [sts]}} to externals, and {from: job, to: aws} to flows."
    )


@pytest.mark.parametrize(
    ("entry", "places", "notices"),
    [
        ({"services": ["sqs", "sts"]}, {}, 0),
        ({"services": ["sqs"]}, {}, 1),
        ({"ports": [443]}, {"aws": {"cidrs": ["0.0.0.0/0"]}}, 0),
        ({"ports": [443]}, {"aws": {"cidrs": ["10.10.20.0/24"]}}, 0),
        ({"ports": [80]}, {"aws": {"cidrs": ["0.0.0.0/0"]}}, 1),
        ({"ports": [443], "namespace": "proxy"}, {}, 1),
    ],
)
def test_sts_may_be_an_endpoint_or_any_address_outside_the_cluster_on_its_port(
    entry: dict[str, Any], places: dict[str, Any], notices: int
) -> None:
    assert len(notices_of(planned("aws", places=places, aws=entry), accounts(Identity.IRSA))) == notices


def test_the_kubernetes_api_is_no_way_to_sts() -> None:
    assert notices_of(planned("kubernetes-api"), accounts(Identity.IRSA)) != []


def test_only_services_whose_pods_use_the_account_need_a_way() -> None:
    both = (("reports", JOB), ("reports", WEB), ("default", {"app": "x"}))

    (line,) = notices_of(planned("pod-identity"), accounts(Identity.POD_IDENTITY, pods=both))
    assert line.startswith("ServiceAccount reports: pods of web get AWS credentials")
    (line,) = notices_of(planned(), accounts(Identity.POD_IDENTITY, pods=both))
    assert "pods of job, web get AWS credentials" in line
    assert line.endswith("Add {from: [job, web], to: pod-identity} to flows.")


@pytest.mark.parametrize("pods", [None, (), (("default", JOB),)])
def test_an_account_whose_pods_are_not_known_needs_one_service_with_a_way(
    pods: tuple[tuple[str, dict[str, str]], ...] | None,
) -> None:
    found = accounts(Identity.POD_IDENTITY, pods=pods)

    (line,) = notices_of(planned(), found)
    assert "pods that use it get AWS credentials" in line
    assert notices_of(planned("pod-identity"), found) == []


def test_pods_of_no_service_are_not_mentioned() -> None:
    assert notices_of(planned(), accounts(Identity.IRSA, pods=(("reports", {"app": "other"}),))) == []


def test_an_account_with_both_ways_needs_both() -> None:
    assert len(notices_of(planned(), accounts(*Identity))) == 2
    assert len(notices_of(planned("pod-identity"), accounts(*Identity))) == 1
