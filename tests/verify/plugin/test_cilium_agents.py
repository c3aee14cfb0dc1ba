"""Cilium's own settings, compared with the binding: what changes verdicts, and what hides them."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from flash_ticket.firewall.compile.alerts.hubble import HUBBLE_CONTEXT
from flash_ticket.firewall.declare.choices import (
    CniName,
    IpBlockEnd,
    KubeProxyMode,
    PolicyEnforcement,
    PolicyVerdicts,
)
from flash_ticket.firewall.declare.matrix import External, Flow
from flash_ticket.firewall.declare.sections.cluster import Cilium
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.verify.finding import Finding, FindingKind
from flash_ticket.verify.plugin.cilium_agents import Names, config_warnings, names_are_declared
from tests.support.alerts.alerted import alerted
from tests.support.declared.accounts import shop_matrix
from tests.support.verify.standing import found, shop, standing

CONFIG = {
    "enable-policy": "default",
    "policy-audit-mode": "false",
    "policy-cidr-match-mode": "",
    "kube-proxy-replacement": "false",
    "enable-hubble": "true",
    "enable-l7-proxy": "true",
    "hubble-metrics": f"dns tcp policy:{HUBBLE_CONTEXT} drop:{HUBBLE_CONTEXT}",
}
REFUSED = InputError("Kubernetes", "/api/v1", "this identity may not read it", "Grant get on it")


def on_cilium(cilium: Cilium | None = None, kube_proxy: KubeProxyMode = KubeProxyMode.IPTABLES) -> CompiledFirewall:
    """Return a firewall on Cilium whose stack requests alerts."""
    environment, _ = alerted()
    cluster = replace(environment.cluster, cilium=cilium or Cilium(), kube_proxy=kube_proxy)
    return compile_firewall(shop_matrix(), replace(environment, cluster=cluster))


def seen(firewall: CompiledFirewall, config: Mapping[str, str] | InputError | None) -> list[Finding]:
    observed = replace(standing(firewall), cilium_config=config)
    return [each for each in found(firewall, observed) if "cilium-config" in each.where]


def test_settings_as_declared_are_no_finding() -> None:
    assert not seen(on_cilium(), CONFIG)
    assert not seen(on_cilium(), {"hubble-metrics": f"policy:{HUBBLE_CONTEXT}"})


@pytest.mark.parametrize(
    ("config", "kind", "what", "why"),
    [
        ({"enable-policy": "never"}, FindingKind.OPEN, "enable-policy is never", "Cilium enforces no policy"),
        ({"enable-policy": "always"}, FindingKind.CHANGED, "enable-policy is always, declared is default", "is closed"),
        ({"policy-audit-mode": "true"}, FindingKind.OPEN, "policy-audit-mode is true", "Cilium drops nothing"),
        (
            {"policy-cidr-match-mode": "pods,nodes"},
            FindingKind.CHANGED,
            "policy-cidr-match-mode is nodes pods, declared is empty",
            "matches other ends than the proof says",
        ),
        (
            {"kube-proxy-replacement": "true"},
            FindingKind.CHANGED,
            "kube-proxy-replacement is true, declared is false",
            "translates the addresses of Services",
        ),
        (
            {"enable-k8s-networkpolicy": "false"},
            FindingKind.OPEN,
            "enable-k8s-networkpolicy is false",
            "Cilium ignores every NetworkPolicy",
        ),
        ({"enable-hubble": "false"}, FindingKind.NOTED, "enable-hubble is false", "nothing records what Cilium denies"),
        ({"enable-l7-proxy": "false"}, FindingKind.NOTED, "enable-l7-proxy is false", "refuses policies with domain"),
        (
            {"hubble-metrics": "dns tcp flow"},
            FindingKind.NOTED,
            "hubble-metrics has neither policy nor drop",
            "cannot see whose traffic is denied",
        ),
        (
            {"hubble-metrics": f"policy:{HUBBLE_CONTEXT} drop:sourceContext=pod;destinationContext=pod"},
            FindingKind.NOTED,
            "hubble-metrics has other options for drop",
            "cannot see whose traffic is denied",
        ),
    ],
)
def test_a_setting_that_is_not_the_declared_one_is_one_finding(
    config: dict[str, str], kind: FindingKind, what: str, why: str
) -> None:
    (finding,) = seen(on_cilium(), CONFIG | config)

    assert (finding.kind, finding.where, finding.what) == (kind, "ConfigMap kube-system/cilium-config", what)
    assert why in finding.why
    assert "restart the DaemonSet cilium" in finding.remedy


def test_what_the_binding_says_is_as_declared() -> None:
    declared = Cilium(PolicyEnforcement.ALWAYS, PolicyVerdicts.ENFORCED, (IpBlockEnd.NODES, IpBlockEnd.PODS))
    firewall = on_cilium(declared, KubeProxyMode.CILIUM)
    running = {
        "enable-policy": "Always",
        "policy-cidr-match-mode": "nodes pods",
        "kube-proxy-replacement": "true",
    }

    assert not seen(firewall, CONFIG | running)
    assert {each.what.partition(" ")[0] for each in seen(firewall, CONFIG)} == set(running)


def test_a_rehearsal_is_noted_while_it_goes_on_and_a_difference_when_it_is_over() -> None:
    firewall = on_cilium(Cilium(verdicts=PolicyVerdicts.AUDITED))
    (during,) = seen(firewall, CONFIG | {"policy-audit-mode": "true"})
    (after,) = seen(firewall, CONFIG)

    assert (during.kind, during.what) == (FindingKind.NOTED, "policy-audit-mode is true, as declared")
    assert (after.kind, after.what) == (FindingKind.CHANGED, "policy-audit-mode is false, declared is true")
    assert "policyVerdicts: enforced" in after.remedy


def test_without_alerts_the_metrics_do_not_matter() -> None:
    firewall = shop()
    cluster = replace(firewall.environment.cluster, cni=CniName.CILIUM, kube_proxy=KubeProxyMode.IPTABLES)
    firewall = compile_firewall(firewall.matrix, replace(firewall.environment, cluster=cluster, alerting=None))

    assert not seen(firewall, CONFIG | {"hubble-metrics": ""})


def test_settings_that_were_not_read_are_no_finding_and_a_refusal_is_reported() -> None:
    firewall = on_cilium()

    assert not seen(firewall, None)
    assert not seen(firewall, REFUSED)
    assert replace(standing(firewall), cilium_config=REFUSED).unseen[-1] == f"the settings of Cilium ({REFUSED})"


def test_with_another_plug_in_nothing_of_cilium_is_compared() -> None:
    firewall = shop()

    assert firewall.environment.cluster.cni is CniName.VPC_CNI
    assert not seen(firewall, {"enable-policy": "never"})
    assert not list(config_warnings(firewall.environment.cluster, None))


def test_a_preview_warns_of_what_differs_and_of_what_it_may_not_read() -> None:
    cluster = on_cilium().environment.cluster
    (differs,) = config_warnings(cluster, CONFIG | {"policy-audit-mode": "true"})
    (refused,) = config_warnings(cluster, REFUSED)
    (elsewhere,) = config_warnings(cluster, None)

    assert differs.startswith("ConfigMap kube-system/cilium-config: policy-audit-mode is true. Cilium drops nothing")
    assert refused == (
        f"flash-ticket-firewall:binding.cluster.cni: nothing compares it with the settings of Cilium ({REFUSED})."
    )
    assert elsewhere.endswith("(there is no ConfigMap kube-system/cilium-config).")
    assert not list(config_warnings(cluster, CONFIG | {"enable-hubble": "false"}))


def paying() -> CompiledFirewall:
    """Return a firewall on Cilium with a flow to a domain name."""
    firewall = on_cilium()
    payments = External("payments", (tcp(8443),), None, (), domains=("api.x.com",))
    flow = Flow("pay", "payments", (tcp(8443),))
    matrix = firewall.matrix
    named = replace(matrix, externals=(*matrix.externals, payments), flows=(*matrix.flows, flow))
    return compile_firewall(named, firewall.environment)


def test_without_its_proxy_cilium_closes_what_is_declared_by_name() -> None:
    (finding,) = seen(paying(), CONFIG | {"enable-l7-proxy": "false"})
    (warning,) = config_warnings(paying().environment.cluster, CONFIG | {"enable-l7-proxy": "false"}, Names.DECLARED)

    assert (finding.kind, finding.what) == (FindingKind.CUT_OFF, "enable-l7-proxy is false")
    assert "what they should allow is closed" in warning


def test_a_chained_cilium_is_noted_where_names_are_declared() -> None:
    chained = CONFIG | {"cni-chaining-mode": "aws-cni"}
    (finding,) = seen(paying(), chained)
    (warning,) = config_warnings(paying().environment.cluster, chained, names_are_declared(paying().matrix))

    assert (finding.kind, finding.what) == (FindingKind.NOTED, "cni-chaining-mode is aws-cni")
    assert "names that are declared may stay closed" in warning
    assert not seen(on_cilium(), chained)
    assert not seen(paying(), CONFIG | {"cni-chaining-mode": "none"})
    assert not list(config_warnings(paying().environment.cluster, chained, names_are_declared(on_cilium().matrix)))
