"""Before a deployment the interfaces of kube-dns' pods say whether the rules let DNS pass to them."""

from collections.abc import Iterator
from typing import Any

import pytest

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.resolvers import resolver_warnings
from tests.support.declared.accounts import environment_of
from tests.support.declared.owners import DEV

RESOLVER = {
    "metadata": {"namespace": "kube-system", "name": "coredns-1", "labels": {"k8s-app": "kube-dns"}},
    "status": {"podIP": "10.10.10.5", "hostIP": "10.10.10.9"},
}
ADDRESS = {"PrivateIpAddresses": [{"PrivateIpAddress": "10.10.10.5"}]}


def warnings(monkeypatch: pytest.MonkeyPatch, pods: list[dict[str, Any]] | InputError, group: str) -> list[str]:
    """Return what a preview of dev says if the cluster lists these pods, and their interface has this group."""

    def objects(_: KubernetesCluster, path: str, **query: str) -> Iterator[dict[str, Any]]:
        assert (path, query) == ("/api/v1/namespaces/kube-system/pods", {"labelSelector": "k8s-app=kube-dns"})
        if isinstance(pods, InputError):
            raise pods
        yield from pods

    described = {"NetworkInterfaceId": "eni-1", **ADDRESS, "Groups": [{"GroupId": group}]}
    monkeypatch.setattr(KubernetesCluster, "objects", objects)
    monkeypatch.setattr(AwsAccount, "pages", lambda *_, **__: [described])
    cluster: Any = object.__new__(KubernetesCluster)
    return list(resolver_warnings(cluster, AwsAccount.connect("eu-west-1", None, DEV), environment_of("dev")))


def test_dns_in_the_declared_group_needs_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warnings(monkeypatch, [RESOLVER], "sg-dev-cluster") == []
    assert warnings(monkeypatch, [], "sg-dev-nodes") == []


def test_dns_in_another_group_is_a_warning_with_the_line_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    (warning,) = warnings(monkeypatch, [RESOLVER], "sg-dev-nodes")

    assert "coredns-1 at eni-1 has sg-dev-nodes" in warning
    assert "write groups: [nodes] under cluster.dns in Pulumi.dev.yaml" in warning


def test_a_cluster_that_does_not_list_the_pods_is_a_warning_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = InputError("Kubernetes", "/api/v1/namespaces/kube-system/pods", "this identity may not read it", "Ask")

    (warning,) = warnings(monkeypatch, refusal, "sg-dev-nodes")

    assert warning == (
        "flash-ticket-firewall:binding.cluster.dns.groups: nothing compares it with the pods of kube-dns (Kubernetes: "
        "/api/v1/namespaces/kube-system/pods: this identity may not read it. Ask.)."
    )
