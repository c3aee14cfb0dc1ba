"""kube-router as the enforcer of a node."""

from dataclasses import dataclass

from lab.node import settings
from lab.node.enforcers import vpc_cni
from lab.node.enforcers.enforcing import Site

_NAME = "kube-router"


@dataclass(frozen=True, slots=True)
class KubeRouter:
    """The firewall of kube-router alone, beside the network plugin of AWS.

    Attributes:
        site: The node.
    """

    site: Site

    def before_kubelet(self) -> None:
        """Install the network plugin. It does not announce pods."""
        vpc_cni.install(self.site, "")
        vpc_cni.add_plugin(self.site)

    def after_kubelet(self) -> None:
        """Start kube-proxy, and kube-router as soon as the node is there: it looks for the node at its start."""
        vpc_cni.run_kube_proxy(self.site)
        self.site.programs.wait("the node", lambda: bool(self.site.api.items("/api/v1/nodes")))
        self.restart()

    def kill(self) -> None:
        """Kill kube-router."""
        self.site.programs.kill(_NAME)

    def restart(self) -> None:
        """Start kube-router."""
        self.site.programs.run(
            _NAME,
            _NAME,
            f"--kubeconfig={self.site.kubeconfig}",
            f"--hostname-override={settings.NAME}",
            "--run-firewall=true",
            "--run-router=false",
            "--run-service-proxy=false",
            f"--service-cluster-ip-range={self.site.addresses.services}",
        )
