"""The settings of the node's programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.enclosure.mounts import RUN
from lab.node.addresses import Addresses
from lab.node.images import PAUSE

NAME = "node"
"""The node's name in the cluster."""

INSTANCE = "i-0a1b2c3d4e5f60718"
"""The node's name in the account, by the metadata that lab/tools/aws-node serves."""

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
DOMAIN = "cluster.local"
OTHER_DOMAIN = "example.net"
"""DNS answers the names of Services in it, too: such a name is one outside the cluster to pods and policies."""

CNI_BINARIES, CNI_SETTINGS = RUN / "cni" / "bin", RUN / "cni" / "net.d"

_CRI = 'plugins."io.containerd.grpc.v1.cri"'


def containerd() -> str:
    """Return containerd's settings, in TOML."""
    return f"""version = 2
root = "{RUN}/containerd/root"
state = "{RUN}/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{CONTAINERD_SOCKET}"
[{_CRI}]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [{_CRI}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [{_CRI}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [{_CRI}.containerd.runtimes.runc.options]
        SystemdCgroup = false
  [{_CRI}.cni]
    bin_dir = "{CNI_BINARIES}"
    conf_dir = "{CNI_SETTINGS}"
"""


def network_plugins() -> dict[str, Any]:
    """Return the list of network plugins: the VPC CNI's, as its installer writes it on EKS."""
    plugin = {
        "name": "aws-cni",
        "type": "aws-cni",
        "vethPrefix": "eni",
        "mtu": "9001",
        "podSGEnforcingMode": "strict",
        "pluginLogFile": "/var/log/aws-routed-eni/plugin.log",
        "pluginLogLevel": "INFO",
    }
    return {"cniVersion": "0.4.0", "name": "aws-cni", "plugins": [plugin]}


def kubelet(addresses: Addresses, cgroup: str, authority: Path) -> Mapping[str, Any]:
    """Return kubelet's settings.

    Args:
        addresses: Of the node and the cluster's DNS.
        cgroup: The folder that pods' control groups are made in.
        authority: Who signs the certificates of kubelet's clients.
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(addresses.node),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "clusterDNS": [str(addresses.dns)],
        "clusterDomain": DOMAIN,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "enforceNodeAllocatable": [],
        "evictionHard": {
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
            "memory.available": "0%",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
        },
        "failCgroupV1": False,
        "failSwapOn": False,
        "healthzBindAddress": "127.0.0.1",
        "kubeAPIBurst": 400,
        "kubeAPIQPS": 200,
        "maxPods": 250,
        "nodeStatusUpdateFrequency": "2s",
        "oomScoreAdj": 0,
        "podLogsDir": str(RUN / "pod-logs"),
        "resolvConf": "",
        "syncFrequency": "10s",
    }


def kube_proxy(kubeconfig: Path) -> Mapping[str, Any]:
    """Return kube-proxy's settings; it leaves the machine's connection tracking as it is."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
        "healthzBindAddress": "127.0.0.1:10256",
        "hostnameOverride": NAME,
        "iptables": {"minSyncPeriod": "0s", "syncPeriod": "30s"},
        "metricsBindAddress": "127.0.0.1:10249",
        "mode": "iptables",
    }


def coredns(kubeconfig: str) -> str:
    """Return CoreDNS's settings: the cluster's names in two domains, from its API server, and no others."""
    return f""".:53 {{
    errors
    ready :8181
    kubernetes {DOMAIN} {OTHER_DOMAIN} in-addr.arpa {{
        kubeconfig {kubeconfig}
        ttl 5
    }}
    cache 5
}}
"""
