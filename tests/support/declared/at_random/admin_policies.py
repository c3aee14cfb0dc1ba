"""Random policies of administrators, of all three kinds, beside random clusters."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.support.declared.at_random.clusters import (
    BLOCKS,
    INTERESTING_PORTS,
    NAMES,
    PROTOCOLS,
    RandomCluster,
    clusters,
    selectors,
)

Manifest = dict[str, Any]

_VERSION = "policy.networking.k8s.io/"


@dataclass(frozen=True)
class AdministeredCluster:
    """A random cluster, and policies of administrators that the naive evaluator reads as they are."""

    cluster: RandomCluster
    admin_policies: list[Manifest]

    @property
    def manifests(self) -> list[Manifest]:
        return [*self.cluster.manifests, *self.admin_policies]


@st.composite
def administered_clusters(draw: st.DrawFn) -> AdministeredCluster:
    priorities = iter(draw(st.permutations(range(8))))  # two policies of equal priority can be undefined
    found = [
        draw(_policies(f"policy-{index}", kind, next(priorities)))
        for index, kind in enumerate(draw(st.lists(st.sampled_from(_KINDS), min_size=1, max_size=4)))
    ]
    if draw(st.booleans()) and not any(each["spec"].get("tier") == "Baseline" for each in found):
        found.append(draw(_policies("default", "BaselineAdminNetworkPolicy", None)))
    return AdministeredCluster(draw(clusters(most_pods=4, most_policies=2)), found)


_KINDS = ("AdminNetworkPolicy", "ClusterNetworkPolicy")


@st.composite
def _policies(draw: st.DrawFn, name: str, kind: str, priority: int | None) -> Manifest:
    spec: Manifest = {"subject": draw(_pods())} | ({} if priority is None else {"priority": priority})
    if kind == "ClusterNetworkPolicy":
        spec["tier"] = draw(st.sampled_from(("Admin", "Baseline")))
    for section, peers in (("ingress", "from"), ("egress", "to")):
        if draw(st.integers(0, 3)):
            spec[section] = draw(st.lists(_rules(kind, peers), max_size=3))
    version = "v1alpha2" if kind == "ClusterNetworkPolicy" else "v1alpha1"
    return {"apiVersion": f"{_VERSION}{version}", "kind": kind, "metadata": {"name": name}, "spec": spec}


@st.composite
def _rules(draw: st.DrawFn, kind: str, peers: str) -> Manifest:
    actions = ["Accept" if kind == "ClusterNetworkPolicy" else "Allow", "Deny"]
    if kind != "BaselineAdminNetworkPolicy":
        actions.append("Pass")
    found: Manifest = {"action": draw(st.sampled_from(actions))}
    found[peers] = draw(st.lists(_pods() | _networks() if peers == "to" else _pods(), min_size=1, max_size=2))
    if draw(st.integers(0, 2)):
        one, entries = (_protocols(), "protocols") if kind == "ClusterNetworkPolicy" else (_ports(), "ports")
        found[entries] = draw(st.lists(one, min_size=1, max_size=3))
    return found


@st.composite
def _pods(draw: st.DrawFn) -> Manifest:
    if draw(st.booleans()):
        return {"namespaces": draw(selectors)}
    return {"pods": {"namespaceSelector": draw(selectors), "podSelector": draw(selectors)}}


@st.composite
def _networks(draw: st.DrawFn) -> Manifest:
    return {"networks": draw(st.lists(st.sampled_from(sorted(BLOCKS)), min_size=1, max_size=2, unique=True))}


@st.composite
def _ports(draw: st.DrawFn) -> Manifest:
    form = draw(st.sampled_from(("portNumber", "portRange", "namedPort")))
    if form == "namedPort":
        return {form: draw(st.sampled_from(NAMES))}
    of = {"protocol": protocol} if (protocol := draw(st.sampled_from(("", *PROTOCOLS)))) else {}
    first = draw(st.sampled_from(INTERESTING_PORTS))
    if form == "portNumber":
        return {form: {**of, "port": first}}
    return {form: {**of, "start": first, "end": draw(st.integers(first, min(65535, first + 10)))}}


@st.composite
def _protocols(draw: st.DrawFn) -> Manifest:
    protocol = draw(st.sampled_from((*PROTOCOLS, "")))
    if not protocol:
        return {"destinationNamedPort": draw(st.sampled_from(NAMES))}
    first = draw(st.sampled_from(INTERESTING_PORTS))
    port: Manifest = {"number": first}
    if draw(st.booleans()):
        port = {"range": {"start": first, "end": draw(st.integers(first, min(65535, first + 10)))}}
    return {protocol.lower(): {"destinationPort": port}}
