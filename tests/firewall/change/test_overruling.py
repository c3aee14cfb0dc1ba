"""Policies of other APIs: what those of administrators cut and open, by name; those of plug-ins if they reach us."""

from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.change.overruling import Effect, OtherPolicy, Others, Overruling, absent_policies, overruling
from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS, OverrulingApi
from flash_ticket.verify.finding import FindingKind
from flash_ticket.verify.verification import verify
from tests.support.verify.standing import found, only, shop, standing, with_deployed

LABELS = {"kubernetes.io/metadata.name": "flash-ticket", "team": "shop"}
CLUSTER, ADMIN, BASELINE, CILIUM, CILIUM_WIDE, *CALICO_AND_AWS, BETA = OVERRULING_APIS
CALICO, CALICO_WIDE, *_, AWS, AWS_WIDE = CALICO_AND_AWS
DENYING: dict[str, Any] = {"ingress": [{"action": "Deny"}, {"action": "Pass"}]}
HERE, ELSEWHERE = {"matchLabels": {"team": "shop"}}, {"matchLabels": {"team": "other"}}


def policy(api: OverrulingApi, name: str = "one", **spec: Any) -> OtherPolicy:  # noqa: ANN401 - a policy's spec
    return OtherPolicy(api, {"metadata": {"name": name}, "spec": spec})


def findings(*policies: OtherPolicy, **namespaces: dict[str, str]) -> list[Overruling]:
    others = Others(policies, {"flash-ticket": LABELS, **namespaces})
    return list(overruling(others, shop().matrix, shop().proof(others.administrators)))


@pytest.mark.parametrize(
    "subject",
    [{}, {"namespaces": {}}, {"namespaces": HERE}, {"pods": {"namespaceSelector": HERE, "podSelector": {}}}],
    ids=repr,
)
@pytest.mark.parametrize("api", [CLUSTER, ADMIN, BETA], ids=lambda api: f"{api.kind} {api.version}")
def test_an_admin_policy_that_may_select_the_namespace_is_found_with_its_actions(
    api: OverrulingApi, subject: dict[str, Any]
) -> None:
    (finding,) = findings(policy(api, subject=subject, egress=[{"action": "Accept"}], **DENYING))

    assert (finding.effect, finding.where) == (Effect.UNKNOWN, f"{api.kind}.policy.networking.k8s.io one")
    assert finding.what == "it can accept and deny before any NetworkPolicy does"
    assert f"kubectl get {api.plural}.policy.networking.k8s.io one --output yaml" in finding.remedy


@pytest.mark.parametrize(
    "spec",
    [
        {"subject": {"namespaces": ELSEWHERE}, **DENYING},
        {"subject": {"pods": {"namespaceSelector": ELSEWHERE}}, **DENYING},
        {"tier": "Baseline", "subject": {"namespaces": {}}, **DENYING},
        {"subject": {"namespaces": {}}, "ingress": [{"action": "Pass"}]},
        {"subject": {"namespaces": {}}},
    ],
    ids=["elsewhere", "pods-elsewhere", "baseline", "passes-on", "empty"],
)
def test_a_policy_that_cannot_decide_before_ours_is_not_found(spec: dict[str, Any]) -> None:
    assert findings(policy(CLUSTER, **spec)) == []


@pytest.mark.parametrize("api", [CILIUM, CILIUM_WIDE, *CALICO_AND_AWS], ids=lambda api: f"{api.group} {api.kind}")
def test_any_policy_of_the_api_of_a_cni_is_found(api: OverrulingApi) -> None:
    (finding,) = findings(policy(api))

    assert finding.where == f"{api.kind}.{api.group} one"


def test_an_unknown_selector_operator_is_named_with_the_field() -> None:
    near = {"namespaces": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}
    (finding,) = findings(policy(CLUSTER, tier="Admin", priority=1, subject=near, **DENYING))

    assert finding.where == "ClusterNetworkPolicy.policy.networking.k8s.io one"
    assert "spec.subject.namespaces.matchExpressions[0].operator: unknown operator 'Near'" in finding.why


def test_live_policies_are_read_and_saved_inventories_give_names_only() -> None:
    firewall = shop()
    live = policy(CILIUM, "debug", ingress=[{}])
    before = with_deployed(standing(firewall), overruling=("admin",))
    of_v1alpha1 = with_deployed(standing(firewall), overruling=("AdminNetworkPolicy admin",))

    assert only(firewall, replace(before, others=(live,))).where == "CiliumNetworkPolicy.cilium.io debug"
    assert found(firewall, before) == []
    assert only(firewall, replace(before, others=None)).what == "it may decide before any NetworkPolicy does"
    named = only(firewall, replace(of_v1alpha1, others=None)).where
    assert named == "AdminNetworkPolicy.policy.networking.k8s.io admin"


def administrator(
    action: str,
    direction: str = "ingress",
    name: str = "one",
    priority: int = 1,
    peer: dict[str, Any] | None = None,
    **rule: Any,  # noqa: ANN401 - the fields of a rule
) -> OtherPolicy:
    side = "from" if direction == "ingress" else "to"
    rules = [{"action": action, side: [peer or {"namespaces": {}}], **rule}]
    return policy(ADMIN, name, priority=priority, subject={"namespaces": HERE}, **{direction: rules})


POD_NETWORK = shop().environment.pod_networks[0]
PORT_3100: dict[str, Any] = {"ports": [{"portNumber": {"port": 3100}}]}


def test_a_declared_flow_that_an_administrator_denies_is_named_with_the_policy() -> None:
    (finding,) = findings(administrator("Deny", **PORT_3100))

    assert (finding.effect, finding.where) == (Effect.CUTS, "AdminNetworkPolicy.policy.networking.k8s.io one")
    assert finding.what == "it cuts declared traffic: api => pay : TCP 3100"
    assert finding.why == "it decides before every NetworkPolicy"


def test_what_an_administrator_opens_is_named_with_the_policy() -> None:
    peer = {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    (finding,) = findings(administrator("Allow", peer=peer, **PORT_3100))

    assert finding.effect is Effect.OPENS
    assert finding.what.startswith("it opens: a pod of monitoring => ")
    assert "a pod of monitoring => pay : TCP 3100" in finding.what


def test_a_policy_that_changes_nothing_for_our_pods_is_not_found() -> None:
    own = {"matchLabels": {"kubernetes.io/metadata.name": "flash-ticket"}}
    declared = {"pods": {"namespaceSelector": own, "podSelector": {"matchLabels": {"app": "flash-api"}}}}
    only_declared = policy(
        ADMIN,
        priority=1,
        subject={"pods": {"namespaceSelector": HERE, "podSelector": {"matchLabels": {"app": "flash-pay"}}}},
        ingress=[{"action": "Allow", "from": [declared], **PORT_3100}],
    )

    assert findings(only_declared) == []
    assert findings(administrator("Pass")) == []
    assert findings(policy(ADMIN, priority=1, subject={"namespaces": ELSEWHERE}, egress=[])) == []
    assert findings(administrator("Deny", ports=[{"portNumber": {"port": 9}}])) == []


def test_policies_of_administrators_are_judged_together() -> None:
    passing = administrator("Pass", name="first", priority=1, **PORT_3100)

    assert findings(passing, administrator("Deny", name="second", priority=2, **PORT_3100)) == []


def test_a_baseline_reaches_the_other_end_only() -> None:
    baseline = policy(
        BASELINE, "default", subject={"namespaces": {}}, ingress=[{"action": "Deny", "from": [{"namespaces": {}}]}]
    )
    (finding,) = findings(baseline)

    assert finding.effect is Effect.CUTS
    assert finding.why == "it decides about pods that no NetworkPolicy selects"
    assert "=> DNS : UDP 53" in finding.what
    assert "=> pay" not in finding.what


def test_a_part_of_a_place_that_is_denied_is_cut() -> None:
    network, *_ = shop().environment.place("redis").networks
    (finding,) = findings(administrator("Deny", "egress", peer={"networks": [f"{network.network_address}/32"]}))

    assert network.num_addresses > 1
    assert finding.effect is Effect.CUTS
    assert "=> redis : TCP 6379" in finding.what


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        ((administrator("Deny", "egress", peer={"nodes": {}}),), "to[0].nodes: this rule cannot be judged"),
        (
            (administrator("Allow", **PORT_3100), administrator("Deny", name="two", **PORT_3100)),
            "it and AdminNetworkPolicy two have the priority 1",
        ),
        (
            (administrator("Deny", "egress", peer={"networks": [f"{POD_NETWORK.network_address}/32"]}),),
            "its networks hold some of the addresses that pods can have",
        ),
    ],
    ids=["nodes", "equal priority", "some addresses of pods"],
)
def test_what_cannot_be_judged_is_named_and_the_rest_is_judged(policies: tuple[OtherPolicy, ...], said: str) -> None:
    unclear = findings(*policies)[0]

    assert (unclear.effect, unclear.where) == (Effect.UNKNOWN, "AdminNetworkPolicy.policy.networking.k8s.io one")
    assert said in unclear.why


def test_the_labels_of_other_namespaces_count() -> None:
    stack = {"namespaces": {"matchLabels": {"tier": "platform"}}}
    denying = administrator("Deny", "egress", peer=stack)

    (finding,) = findings(denying, **{"kube-system": {"tier": "platform"}})

    assert "=> DNS : UDP 53" in finding.what
    assert findings(denying, **{"kube-system": {"tier": "other"}}) == []


@pytest.mark.parametrize(
    ("api", "spec"),
    [
        (CILIUM, {"endpointSelector": {"matchLabels": {"k8s:app": "debug"}}}),
        (CILIUM_WIDE, {"endpointSelector": {"matchLabels": {"io.kubernetes.pod.namespace": "other"}}}),
        (CILIUM_WIDE, {"endpointSelector": {"matchLabels": {"k8s:io.cilium.k8s.namespace.labels.team": "other"}}}),
        (CILIUM_WIDE, {"nodeSelector": {}, "ingress": [{}]}),
        (CALICO, {"selector": "app == 'debug'"}),
        (CALICO_WIDE, {"selector": "all()", "namespaceSelector": "projectcalico.org/name == 'other'"}),
        (CALICO_WIDE, {"selector": "projectcalico.org/namespace == \"other\" && app == 'flash-api'"}),
        (AWS, {"podSelector": {"matchLabels": {"app": "debug"}}}),
        (AWS_WIDE, {"tier": "Admin", "subject": {"namespaces": ELSEWHERE}}),
    ],
    ids=str,
)
def test_a_policy_of_a_plug_in_that_cannot_select_our_pods_is_not_found(
    api: OverrulingApi, spec: dict[str, Any]
) -> None:
    assert findings(policy(api, **spec)) == []


@pytest.mark.parametrize(
    ("api", "spec"),
    [
        (CILIUM, {"endpointSelector": {"matchLabels": {"k8s:app": "flash-api", "version": "2"}}}),
        (
            CILIUM_WIDE,
            {"endpointSelector": {"matchExpressions": [{"key": "reserved:host", "operator": "DoesNotExist"}]}},
        ),
        (CILIUM_WIDE, {"endpointSelector": "odd"}),
        (CALICO, {"selector": "app == 'flash-api'"}),
        (CALICO_WIDE, {"selector": "app == 'debug' || all()"}),
        (CALICO_WIDE, {"selector": "!(app == 'debug')"}),
        (AWS, {"podSelector": {}}),
        (AWS_WIDE, {"tier": "Admin", "subject": {"namespaces": HERE}}),
    ],
    ids=str,
)
def test_a_policy_of_a_plug_in_that_may_select_our_pods_is_named(api: OverrulingApi, spec: dict[str, Any]) -> None:
    (finding,) = findings(policy(api, **spec))

    assert (finding.effect, finding.where) == (Effect.UNKNOWN, f"{api.kind}.{api.group} one")


def test_a_verification_finds_what_administrators_cut_and_open() -> None:
    firewall = shop()
    denying, allowing = (administrator(action, name=action.lower(), **PORT_3100) for action in ("Deny", "Allow"))
    before = replace(standing(firewall), namespace_labels=LABELS)

    cut = only(firewall, replace(before, others=(denying,)))
    opened = only(firewall, replace(before, others=(allowing,)))

    assert (cut.kind, cut.what) == (FindingKind.CUT_OFF, "it cuts declared traffic: api => pay : TCP 3100")
    assert opened.kind is FindingKind.WIDENING


def test_a_policy_that_the_settings_accept_is_noted_and_one_that_is_gone_is_named() -> None:
    firewall = shop()
    accepted = ("AdminNetworkPolicy one", "ClusterNetworkPolicy gone")
    firewall = replace(firewall, environment=replace(firewall.environment, accepted_policies=accepted))
    others = Others((administrator("Deny", **PORT_3100),), {"flash-ticket": LABELS})
    before = replace(standing(firewall), namespace_labels=LABELS, others=others.policies)

    noted, (gone,) = only(firewall, before), absent_policies(others, firewall.environment)

    assert (noted.kind, noted.what) == (FindingKind.NOTED, "it cuts declared traffic: api => pay : TCP 3100")
    assert verify(firewall, before).holds
    assert "the cluster has no ClusterNetworkPolicy gone" in gone.what


@pytest.mark.parametrize(
    "odd", [None, [], 7, "text", {"subject": []}, {"subject": {"pods": 7}}, {"ingress": 7}], ids=str
)
@pytest.mark.parametrize("api", OVERRULING_APIS, ids=lambda api: f"{api.group} {api.version} {api.kind}")
def test_odd_content_never_breaks_a_preview(api: OverrulingApi, odd: object) -> None:
    for content in ({"spec": odd}, {"spec": odd, "specs": odd}, {"specs": [odd]}):
        findings(OtherPolicy(api, {"metadata": {"name": "one"}, **content}))


def test_a_policy_of_cilium_with_several_specifications_is_named_if_one_of_them_reaches_our_pods() -> None:
    elsewhere, everywhere = ({"endpointSelector": {"matchLabels": labels}} for labels in ({"app": "debug"}, {}))

    for specs, count in (([elsewhere], 0), ([elsewhere, everywhere], 1)):
        assert len(findings(OtherPolicy(CILIUM, {"metadata": {"name": "one"}, "specs": specs}))) == count
