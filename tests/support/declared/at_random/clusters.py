"""Random clusters: small enough for exhaustive checks, with every form of policy."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.support.naive.naive_evaluator import Pod

Manifest = dict[str, Any]

PROTOCOLS = ("TCP", "UDP", "SCTP")
INTERESTING_PORTS = (1, 79, 80, 81, 84, 85, 90, 443, 65535)
INTERESTING_ADDRESSES = (
    "0.0.0.1", "9.255.255.255", "10.0.0.0", "10.0.0.5", "10.0.255.255", "10.1.0.0", "10.255.255.255", "11.0.0.0",
    "192.168.1.7", "255.255.255.255", "::", "2001:db8::1", "2001:db8:1::1", "2001:db9::", "fd00::5",
)  # fmt: skip
BLOCKS = {
    "0.0.0.0/0": ("10.0.0.0/8", "192.168.0.0/16"),
    "10.0.0.0/8": ("10.0.0.0/16", "10.0.0.5/32", "10.128.0.0/9"),
    "10.0.0.0/16": ("10.0.0.0/24",),
    "192.168.1.7/32": (),
    "::/0": ("2001:db8::/32",),
    "2001:db8::/32": ("2001:db8:1::/48",),
    "fd00::/8": (),
}
_KEYS = ("app", "tier")
_VALUES = ("a", "b", "c")
NAMES = ("http", "dns")
_NAMESPACES = ("shop", "default")

# Strategies that are made once: making a new one for each draw takes longer than the draw.
_KEY, _VALUE, _NAME, _NAMESPACE = (st.sampled_from(each) for each in (_KEYS, _VALUES, NAMES, _NAMESPACES))
_PROTOCOL, _PORT, _BLOCK = (st.sampled_from(each) for each in (PROTOCOLS, INTERESTING_PORTS, sorted(BLOCKS)))
_EXCEPTED = {cidr: st.lists(st.sampled_from(inner), max_size=2) for cidr, inner in BLOCKS.items() if inner}
_SOME_VALUES = st.lists(_VALUE, min_size=1, max_size=2)
_OPERATOR = st.sampled_from(("In", "NotIn", "Exists", "DoesNotExist"))
_SELECTOR_FORM = st.sampled_from(("label", "label", "expressions", "both", "empty"))
_PORT_FORM = st.sampled_from(("all", "number", "range", "range", "name"))
_PEER_FORM = st.sampled_from(("pods", "namespaces", "both", "block"))
_POLICY_TYPES = st.lists(st.sampled_from(("Ingress", "Egress")), min_size=1, max_size=2, unique=True)
_SELDOM_NOT, _OFTEN, _COIN, _UP_TO_TEN = st.integers(0, 4), st.integers(0, 3), st.booleans(), st.integers(0, 10)

labels = st.dictionaries(_KEY, _VALUE, max_size=2)


@st.composite
def _expressions(draw: st.DrawFn) -> Manifest:
    found: Manifest = {"key": draw(_KEY), "operator": draw(_OPERATOR)}
    if found["operator"] in ("In", "NotIn"):
        found["values"] = draw(_SOME_VALUES)
    return found


_SOME_EXPRESSIONS = st.lists(_expressions(), min_size=1, max_size=2)


@st.composite
def _selectors(draw: st.DrawFn) -> Manifest:
    form = draw(_SELECTOR_FORM)
    found: Manifest = {}
    if form in ("label", "both"):
        found["matchLabels"] = {draw(_KEY): draw(_VALUE)}
    if form in ("expressions", "both"):
        found["matchExpressions"] = draw(_SOME_EXPRESSIONS)
    return found


def _by_name(namespace: str) -> Manifest:
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


selectors = _selectors()
_NAMESPACE_SELECTOR = selectors | _NAMESPACE.map(_by_name)


@st.composite
def _ports(draw: st.DrawFn) -> Manifest:
    found: Manifest = {}
    if draw(_COIN):
        found["protocol"] = draw(_PROTOCOL)
    form = draw(_PORT_FORM)
    if form in ("number", "range"):
        found["port"] = draw(_PORT)
    if form == "range":
        found["endPort"] = min(65535, found["port"] + draw(_UP_TO_TEN))
    if form == "name":
        found["port"] = draw(_NAME)
    return found


@st.composite
def _peers(draw: st.DrawFn) -> Manifest:
    form = draw(_PEER_FORM)
    if form == "block":
        cidr = draw(_BLOCK)
        excepted = draw(_EXCEPTED[cidr]) if cidr in _EXCEPTED else []
        return {"ipBlock": {"cidr": cidr, **({"except": excepted} if excepted else {})}}
    found: Manifest = {}
    if form in ("pods", "both"):
        found["podSelector"] = draw(selectors)
    if form in ("namespaces", "both"):
        found["namespaceSelector"] = draw(_NAMESPACE_SELECTOR)
    return found


_SOME_PEERS = st.lists(_peers(), max_size=3)
_SOME_PORTS = {least: st.lists(_ports(), min_size=least, max_size=3) for least in (0, 1)}
_LEAST = st.integers(0, 1)


@st.composite
def _rules(draw: st.DrawFn, peer_list: str) -> Manifest:
    found: Manifest = {}
    if draw(_SELDOM_NOT):
        found[peer_list] = draw(_SOME_PEERS)
    if draw(_OFTEN):
        found["ports"] = draw(_SOME_PORTS[draw(_LEAST)])
    return found


rules = {peer_list: _rules(peer_list) for peer_list in ("from", "to")}
"""Rules by the name of their list of peers."""
_SOME_RULES = {peer_list: st.lists(each, max_size=2) for peer_list, each in rules.items()}


@st.composite
def _policies(draw: st.DrawFn) -> Manifest:
    spec: Manifest = {"podSelector": draw(selectors)}
    if draw(_OFTEN):
        spec["ingress"] = draw(_SOME_RULES["from"])
    if draw(_COIN):
        spec["egress"] = draw(_SOME_RULES["to"])
    if draw(_COIN):
        spec["policyTypes"] = draw(_POLICY_TYPES)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"namespace": draw(_NAMESPACE)},
        "spec": spec,
    }


_policy = _policies()


@dataclass(frozen=True)
class RandomCluster:
    """Manifests, and the same pods for the naive evaluator.

    Attributes:
        manifests: Namespaces, pods and policies.
        pods: The pods by their name in a listing.
    """

    manifests: list[Manifest]
    pods: dict[str, Pod]

    @property
    def policies(self) -> list[Manifest]:
        return [manifest for manifest in self.manifests if manifest["kind"] == "NetworkPolicy"]


@st.composite
def _container_ports(draw: st.DrawFn) -> Manifest:
    return {
        "name": draw(_NAME),
        "protocol": draw(_PROTOCOL),
        "containerPort": draw(_PORT),
    }


_SOME_CONTAINER_PORTS = st.lists(_container_ports(), max_size=2, unique_by=lambda port: port["name"])


@st.composite
def clusters(draw: st.DrawFn, most_pods: int = 5, most_policies: int = 4) -> RandomCluster:
    manifests: list[Manifest] = []
    namespace_labels: dict[str, dict[str, str]] = {}
    for namespace in _NAMESPACES:
        own = draw(labels)
        declared = draw(_COIN)
        if declared:
            manifests.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": own}})
        namespace_labels[namespace] = {"kubernetes.io/metadata.name": namespace, **(own if declared else {})}
    pods: dict[str, Pod] = {}
    for index in range(draw(st.integers(2, most_pods))):
        pod = Pod(
            namespace := draw(_NAMESPACE),
            namespace_labels[namespace],
            draw(labels),
            draw(_SOME_CONTAINER_PORTS),
        )
        pods[f"{namespace}/pod-{index}[Pod]"] = pod
        manifests.append(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": f"pod-{index}", "namespace": namespace, "labels": dict(pod.labels)},
                "spec": {"containers": [{"name": "main", "image": "image", "ports": list(pod.container_ports)}]},
            }
        )
    for index in range(draw(st.integers(1, most_policies))):
        policy = draw(_policy)
        policy["metadata"]["name"] = f"policy-{index}"
        manifests.append(policy)
    return RandomCluster(manifests, pods)
