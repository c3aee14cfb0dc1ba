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

labels = st.dictionaries(st.sampled_from(_KEYS), st.sampled_from(_VALUES), max_size=2)


@st.composite
def selectors(draw: st.DrawFn) -> Manifest:
    form = draw(st.sampled_from(("label", "label", "expressions", "both", "empty")))
    found: Manifest = {}
    if form in ("label", "both"):
        found["matchLabels"] = {draw(st.sampled_from(_KEYS)): draw(st.sampled_from(_VALUES))}
    if form in ("expressions", "both"):
        found["matchExpressions"] = draw(st.lists(_expressions(), min_size=1, max_size=2))
    return found


@st.composite
def _expressions(draw: st.DrawFn) -> Manifest:
    found: Manifest = {
        "key": draw(st.sampled_from(_KEYS)),
        "operator": draw(st.sampled_from(("In", "NotIn", "Exists", "DoesNotExist"))),
    }
    if found["operator"] in ("In", "NotIn"):
        found["values"] = draw(st.lists(st.sampled_from(_VALUES), min_size=1, max_size=2))
    return found


@st.composite
def ports(draw: st.DrawFn) -> Manifest:
    found: Manifest = {}
    if draw(st.booleans()):
        found["protocol"] = draw(st.sampled_from(PROTOCOLS))
    form = draw(st.sampled_from(("all", "number", "range", "range", "name")))
    if form in ("number", "range"):
        found["port"] = draw(st.sampled_from(INTERESTING_PORTS))
    if form == "range":
        found["endPort"] = draw(st.integers(found["port"], min(65535, found["port"] + 10)))
    if form == "name":
        found["port"] = draw(st.sampled_from(NAMES))
    return found


@st.composite
def peers(draw: st.DrawFn) -> Manifest:
    form = draw(st.sampled_from(("pods", "namespaces", "both", "block")))
    if form == "block":
        cidr = draw(st.sampled_from(sorted(BLOCKS)))
        excepted = draw(st.lists(st.sampled_from(BLOCKS[cidr]), max_size=2)) if BLOCKS[cidr] else []
        return {"ipBlock": {"cidr": cidr, **({"except": excepted} if excepted else {})}}
    found: Manifest = {}
    if form in ("pods", "both"):
        found["podSelector"] = draw(selectors())
    if form in ("namespaces", "both"):
        found["namespaceSelector"] = draw(selectors() | st.sampled_from(_NAMESPACES).map(_by_name))
    return found


def _by_name(namespace: str) -> Manifest:
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


@st.composite
def rules(draw: st.DrawFn, peer_list: str) -> Manifest:
    found: Manifest = {}
    if draw(st.integers(0, 4)):
        found[peer_list] = draw(st.lists(peers(), max_size=3))
    if draw(st.integers(0, 3)):
        found["ports"] = draw(st.lists(ports(), min_size=draw(st.integers(0, 1)), max_size=3))
    return found


@st.composite
def policies(draw: st.DrawFn, name: str) -> Manifest:
    spec: Manifest = {"podSelector": draw(selectors())}
    if draw(st.integers(0, 3)):
        spec["ingress"] = draw(st.lists(rules("from"), max_size=2))
    if draw(st.booleans()):
        spec["egress"] = draw(st.lists(rules("to"), max_size=2))
    if draw(st.booleans()):
        spec["policyTypes"] = draw(
            st.lists(st.sampled_from(("Ingress", "Egress")), min_size=1, max_size=2, unique=True)
        )
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": draw(st.sampled_from(_NAMESPACES))},
        "spec": spec,
    }


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
def clusters(draw: st.DrawFn, most_pods: int = 5, most_policies: int = 4) -> RandomCluster:
    manifests: list[Manifest] = []
    namespace_labels: dict[str, dict[str, str]] = {}
    for namespace in _NAMESPACES:
        own = draw(labels)
        declared = draw(st.booleans())
        if declared:
            manifests.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": own}})
        namespace_labels[namespace] = {"kubernetes.io/metadata.name": namespace, **(own if declared else {})}
    pods: dict[str, Pod] = {}
    for index in range(draw(st.integers(2, most_pods))):
        pod = Pod(
            namespace := draw(st.sampled_from(_NAMESPACES)),
            namespace_labels[namespace],
            draw(labels),
            draw(st.lists(_container_ports(), max_size=2, unique_by=lambda port: port["name"])),
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
    count = draw(st.integers(1, most_policies))
    manifests.extend(draw(policies(f"policy-{index}")) for index in range(count))
    return RandomCluster(manifests, pods)


@st.composite
def _container_ports(draw: st.DrawFn) -> Manifest:
    return {
        "name": draw(st.sampled_from(NAMES)),
        "protocol": draw(st.sampled_from(PROTOCOLS)),
        "containerPort": draw(st.sampled_from(INTERESTING_PORTS)),
    }
