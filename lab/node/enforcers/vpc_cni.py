"""The network plugin of AWS and kube-proxy, which serve every enforcer but Cilium."""

import socket
from ipaddress import IPv4Address

from lab.enclosure.mounts import RUN
from lab.node import plugins, settings
from lab.node.enforcers.aws.agent import SOCKET
from lab.node.enforcers.enforcing import Site
from lab.node.programs import write

_IPAMD = "ipamd"
_FOR_THE_PLUGIN = ("127.0.0.1", 50051)


def install(site: Site, mode: str) -> None:
    """Start what the plugin asks for addresses. The plugin announces pods in a mode to the agent of AWS, if in any."""
    _run_ipamd(site, mode, site.addresses.first_pod)


def add_plugin(site: Site) -> None:
    """Install the plugin; from then on pods can start."""
    plugins.install(site.programs.toolchain.path("aws-cni"))
    write("cni/net.d/10-aws.conflist", settings.network_plugins())


def replace_ipamd(site: Site, mode: str, first: IPv4Address) -> None:
    """Have new pods get addresses from a first one on, and have the plugin say another mode."""
    site.programs.kill(_IPAMD)
    SOCKET.with_name("ipamd.sock").unlink()
    _run_ipamd(site, mode, first)
    site.programs.wait("what gives pods their addresses", _answers)


def _answers() -> bool:
    with socket.create_connection(_FOR_THE_PLUGIN):
        return True


def run_kube_proxy(site: Site) -> None:
    """Start what translates the addresses of Services."""
    write("kube-proxy.yaml", settings.kube_proxy(site.kubeconfig))
    site.programs.run("kube-proxy", "kube-proxy", f"--config={RUN / 'kube-proxy.yaml'}")


def _run_ipamd(site: Site, mode: str, first: IPv4Address) -> None:
    where = site.addresses
    arguments = [f"-node={where.node}", f"-first={first}", f"-network={where.network}", f"-mode={mode}"]
    site.programs.run(_IPAMD, "aws-node-stub", *arguments)
