"""A control plane for a node alone. The lab's own clusters have one already, see `lab.running.lab`."""

import subprocess

from lab.enclosure.mounts import RUN
from lab.kubernetes_api.servers import ApiServer, NodeSide, etcd_command
from lab.node.addresses import Addresses
from lab.node.api import Api
from lab.running import child
from lab.surroundings import Surroundings
from lab.toolchain.kits import Toolchain

_ALONE = Surroundings("lab", "")


def node_side(addresses: Addresses) -> NodeSide:
    """Return what the API server needs to know of the node."""
    return NodeSide(str(addresses.node), RUN)


def start_control_plane(toolchain: Toolchain, addresses: Addresses) -> tuple[Api, dict[str, subprocess.Popen[str]]]:
    """Start etcd and an API server, and return a client and both processes. The server needs a second to be ready."""
    server = ApiServer.prepare(_ALONE, RUN, node_side(addresses), str(addresses.services))
    commands = {
        "etcd": etcd_command(toolchain.path("etcd"), RUN),
        "kube-apiserver": server.command(toolchain.path("kube-apiserver")),
    }
    started = {name: child.start(command, RUN, f"{name}.log") for name, command in commands.items()}
    return Api(server.endpoint), started
