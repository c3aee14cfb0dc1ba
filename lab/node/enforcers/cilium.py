"""Cilium on a node: the network plugin, the translation of Services and the enforcer in one agent.

There is no operator: the agent makes its own node, identities and endpoints. There is no Envoy either, so that of the
L7 rules only those about DNS work.
"""

import http.client
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.enclosure import cgroups
from lab.enclosure.enclosure import NAME
from lab.node import plugins, settings
from lab.node.enforcers.cilium_settings import EXPORT, HEALTH_PORT, CiliumSettings, fixed_arguments
from lab.node.enforcers.enforcing import Site
from lab.node.programs import NodeError, write

AGENT = "cilium-agent"
_PLUGIN = "cilium-cni"
_GROUP = "/apis/cilium.io"
_CGROUPS = Path("/run/cilium/cgroupv2")
_CLUSTER = "flash-ticket"
_FINE = 200
# Cilium takes the device of the default route for the one that leads to other nodes. Nothing is behind this one.
_VPC = (
    "ip netns add vpc",
    "ip link add vpc0 type veth peer name vpc1 netns vpc",
    "ip -n vpc link set vpc1 up",
    "ip link set vpc0 up",
    "ip route add default dev vpc0",
)


@dataclass(frozen=True, slots=True)
class Cilium:
    """Cilium's agent, as it is started.

    Attributes:
        site: The node.
        settings: Of the agent.
    """

    site: Site
    settings: CiliumSettings

    def before_kubelet(self) -> None:
        """Define Cilium's objects, and install the plugin. Pods wait for the plugin's settings."""
        self._mount()
        for command in _VPC:
            subprocess.run(command.split(), check=True)  # noqa: S603 - the lines above
        self._define()
        plugins.install(self.site.programs.toolchain.path(_PLUGIN))

    def after_kubelet(self) -> None:
        """Give the node its range of addresses, and start the agent."""
        self.site.programs.wait("the node", self._is_registered)
        self.site.api.request("PATCH", _node(), self._range(), "application/merge-patch+json")
        self.restart()
        # The agent would write this file, too, but by a rename that containerd sometimes misses.
        plugin = {"type": _PLUGIN, "enable-debug": False, "log-file": str(EXPORT.with_name("cni.log"))}
        write("cni/net.d/05-cilium.conflist", {"cniVersion": "1.0.0", "name": "cilium", "plugins": [plugin]})
        self.site.programs.done("agent")

    def kill(self) -> None:
        """Kill the agent."""
        self.site.programs.kill(AGENT)

    def restart(self) -> None:
        """Start the agent, and return when it is healthy. It compiles its programs for the kernel first."""
        EXPORT.parent.mkdir(parents=True, exist_ok=True)
        library = self.site.programs.toolchain.path(AGENT).with_name("lib")
        self.site.programs.run(
            AGENT,
            AGENT,
            f"--lib-dir={library}",
            f"--k8s-kubeconfig-path={self.site.kubeconfig}",
            f"--cgroup-root={_CGROUPS}",
            f"--cluster-name={_CLUSTER}",
            f"--ipv4-native-routing-cidr={self.site.addresses.network}",
            *fixed_arguments(),
            *self.settings.arguments(),
            environment={"K8S_NODE_NAME": settings.NAME},
        )
        self.site.programs.wait("Cilium's agent", _is_healthy)

    def _mount(self) -> None:
        hierarchy = cgroups.unified()
        if hierarchy is None:
            raise NodeError("Cilium needs control groups of version 2")
        _CGROUPS.mkdir(parents=True)
        command = ["mount", "--bind", str(hierarchy / os.environ[NAME]), str(_CGROUPS)]
        subprocess.run(command, check=True)  # noqa: S603 - as above

    def _define(self) -> None:
        folder = self.site.programs.toolchain.path(AGENT).with_name("crds")
        wanted = {}
        for file in sorted(folder.rglob("*.yaml")):
            definition: dict[str, Any] = yaml.load(file.read_text(), yaml.CSafeLoader)
            self.site.api.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
            for version in definition["spec"]["versions"]:
                if version["served"]:
                    wanted[f"{version['name']}/{definition['spec']['names']['plural']}"] = True
        self.site.programs.wait("the API of Cilium", lambda: wanted.keys() <= set(self._served()))

    def _served(self) -> list[str]:
        return [
            f"{version}/{resource['name']}"
            for version in ("v2", "v2alpha1")
            for resource in self.site.api.request("GET", f"{_GROUP}/{version}")["resources"]
        ]

    def _is_registered(self) -> bool:
        return bool(self.site.api.request("GET", _node()))

    def _range(self) -> dict[str, Any]:
        pods = str(self.site.addresses.pods)
        return {"spec": {"podCIDR": pods, "podCIDRs": [pods]}}


def _node() -> str:
    return f"/api/v1/nodes/{settings.NAME}"


def _is_healthy() -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", HEALTH_PORT, timeout=1)
    try:
        connection.request("GET", "/healthz", headers={"brief": "true"})
        return connection.getresponse().status == _FINE
    finally:
        connection.close()
