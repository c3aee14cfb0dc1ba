"""The node itself: what runs on it, in the order in which each needs the others. Call it inside an enclosure."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lab.enclosure.enclosure import NAME
from lab.enclosure.mounts import RUN, mount_all
from lab.kubernetes_api.rest import KubernetesEndpoint
from lab.node import images, plugins, settings
from lab.node.addresses import Addresses
from lab.node.api import Api, Object
from lab.node.certificates import write_client
from lab.node.control_plane import start_control_plane
from lab.node.enforcers.aws.agent import Denials, Mode
from lab.node.enforcers.aws.aws import Aws
from lab.node.enforcers.cilium import Cilium
from lab.node.enforcers.cilium_settings import CiliumSettings
from lab.node.enforcers.enforcing import Enforcing, Site
from lab.node.enforcers.kube_router import KubeRouter
from lab.node.programs import SECONDS, LateError, NodeError, Programs, write
from lab.running import child
from lab.toolchain.kits import Toolchain
from lab.toolchain.node_kits import Enforcer

_OBJECTS = Path(__file__).parent / "objects"
_LOOPBACK_PLUGIN = Path("/usr/lib/cni/loopback")


DNS_POD = ("kube-system", "coredns-5d78c9-node")
"""Namespace and name of the pod of the cluster's DNS."""


@dataclass(slots=True)
class Node:
    """A cluster of one node.

    Attributes:
        toolchain: The programs, see `lab.toolchain.node_kits`.
        addresses: Where the node, pods and Services are.
        enforcer: What enforces NetworkPolicies.
        mode: What a new pod may do at first, under the agent of AWS.
        denials: Where that agent logs what it stops.
        account: The variables that lead the agent to CloudWatch Logs, if it ships there.
        cilium: How Cilium is started, where it enforces.
    """

    toolchain: Toolchain
    addresses: Addresses
    enforcer: Enforcer = Enforcer.AWS
    mode: Mode = Mode.STANDARD
    denials: Denials = Denials.LOGGED
    account: Mapping[str, str] = field(default_factory=dict)
    cilium: CiliumSettings = field(default_factory=CiliumSettings)
    _programs: Programs = field(init=False)
    _api: Api | None = None
    _enforcing: Enforcing | None = None

    def __post_init__(self) -> None:
        """Begin to count the seconds."""
        self._programs = Programs(self.toolchain)

    @property
    def seconds(self) -> Mapping[str, float]:
        """When each step of the start was done, counted from the start."""
        return self._programs.seconds

    @property
    def api(self) -> Api:
        """The cluster's API."""
        if self._api is None:
            raise NodeError("the node has not been started")
        return self._api

    @property
    def enforcing(self) -> Enforcing:
        """What enforces, as it runs."""
        if self._enforcing is None:
            raise NodeError("the node has not been started")
        return self._enforcing

    @property
    def aws(self) -> Aws:
        """The agent of AWS, where it enforces."""
        if not isinstance(self._enforcing, Aws):
            raise NodeError(f"{self.enforcer} enforces on this node, and not the agent of AWS")
        return self._enforcing

    @property
    def kubeconfig(self) -> Path:
        """The file that points kubectl at the cluster."""
        return RUN / "kubeconfig"

    def prepare(self) -> None:
        """Make the mounts, the node's own network and the certificates. An API server needs them."""
        mount_all()
        self._network()
        write_client(RUN)
        # What a killed lab leaves in its own folder for temporary files goes with the enclosure.
        temporary = RUN / "tmp"
        temporary.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)

    def start(self, api: Api | None = None) -> None:
        """Start everything, and return when the cluster's DNS is ready.

        Args:
            api: The API server of the cluster; if None, the node starts one for itself.

        Raises:
            NodeError: Something does not start.
        """
        if api is None:
            api, processes = start_control_plane(self.toolchain, self.addresses)
            for name, process in processes.items():
                self._programs.keep(name, process)
        self._api = api
        self._containerd()
        self._programs.wait("the API server", self._is_api_ready)
        self.api.endpoint.write_kubeconfig(self.kubeconfig, "lab")
        self._programs.done("api")
        self._load_images()
        self._programs.done("images")
        settings.CNI_SETTINGS.mkdir(parents=True, exist_ok=True)  # containerd makes it, too
        plugins.install(_LOOPBACK_PLUGIN)
        self._enforcing = self._enforcing_on(Site(self._programs, self.api, self.kubeconfig, self.addresses))
        self._enforcing.before_kubelet()
        self._kubelet()
        self._programs.run("kube-controller-manager", "kube-controller-manager", *self._controller_manager())
        self._enforcing.after_kubelet()
        self._dns()

    def check(self) -> None:
        """Check that everything still runs.

        Raises:
            NodeError: Something has ended, or the controller of policies was refused something.
        """
        self._programs.check()

    def wait_until_ready(self, pods: dict[str, tuple[str, str]], seconds: float = SECONDS) -> dict[str, str]:
        """Return the addresses of pods by the given names, as soon as all are ready.

        Args:
            pods: Namespace and name of each.
            seconds: How long to wait.

        Raises:
            NodeError: One does not become ready; says what it waits for.
        """
        found: dict[str, str] = {}

        def are_ready() -> bool:
            there = {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in self._ready_pods()}
            found.update({name: there[pod]["status"]["podIP"] for name, pod in pods.items() if pod in there})
            return found.keys() == pods.keys()

        try:
            self._programs.wait("a pod", are_ready, seconds)
        except LateError as error:
            late = next(each for name, each in pods.items() if name not in found)
            raise NodeError(f"the pod {'/'.join(late)} is not ready: {self._why(*late)}") from error
        return found

    def wait_until_available(self, deployments: list[tuple[str, str]], seconds: float = SECONDS) -> None:
        """Return as soon as the pods of all Deployments are ready.

        Args:
            deployments: Namespace and name of each.
            seconds: How long to wait.

        Raises:
            NodeError: One does not become ready; says what it waits for.
        """
        for namespace, name in deployments:
            path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"

            def is_available(path: str = path) -> bool:
                found = self.api.request("GET", path)
                return bool((found.get("status") or {}).get("availableReplicas", 0) >= found["spec"]["replicas"])

            try:
                self._programs.wait(name, is_available, seconds)
            except LateError as error:
                raise NodeError(
                    f"the pods of {namespace}/{name} are not ready: {self._why(namespace, name)}"
                ) from error

    def _ready_pods(self) -> list[Object]:
        return [
            pod
            for pod in self.api.items("/api/v1/pods")
            for condition in (pod.get("status") or {}).get("conditions") or ()
            if (condition["type"], condition["status"]) == ("Ready", "True")
        ]

    def _network(self) -> None:
        for command in (
            "ip link set lo up",
            f"ip address add {self.addresses.node}/32 dev lo",
            "ip address add 169.254.1.1/32 dev lo",  # where pods and hosts send everything
            "sysctl -q -w net.ipv4.ip_forward=1",
            f"hostname {settings.NAME}",
        ):
            subprocess.run(command.split(), check=True)  # noqa: S603 - the lines above

    def _is_api_ready(self) -> bool:
        if not self.api.endpoint.authority.exists() or not self.api.is_healthy():
            return False
        # The server makes this namespace itself, a moment after it is ready.
        return any(each["metadata"]["name"] == "kube-system" for each in self.api.items("/api/v1/namespaces"))

    def _containerd(self) -> None:
        (RUN / "containerd.toml").write_text(settings.containerd())
        images.write_images(RUN / "images.tar", Path("/bin/busybox"), Path("/bin/bash-static"))
        command = ["containerd", f"--config={RUN / 'containerd.toml'}"]
        # The network plugin that it runs writes to the machine's own /host otherwise.
        environment = {"AWS_VPC_K8S_CNI_LOG_FILE": str(RUN / "plugin.log")}
        self._programs.keep("containerd", child.start(command, RUN, "containerd.log", environment))

    def _load_images(self) -> None:
        self._programs.wait("containerd", lambda: Path(settings.CONTAINERD_SOCKET).exists())
        command = ["ctr", "--namespace=k8s.io", "images", "import", str(RUN / "images.tar")]
        result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - as above
        if result.returncode != 0:
            raise NodeError(f"the images cannot be loaded: {result.stderr.strip()}")

    def _enforcing_on(self, site: Site) -> Enforcing:
        match self.enforcer:
            case Enforcer.AWS:
                return Aws(site, self.mode, self.denials, self.account)
            case Enforcer.KUBE_ROUTER:
                return KubeRouter(site)
            case Enforcer.CILIUM:
                return Cilium(site, self.cilium)

    def _kubelet(self) -> None:
        cgroup = os.environ[NAME]
        write("kubelet.yaml", settings.kubelet(self.addresses, cgroup, RUN / "authority.crt"))
        self._programs.run(
            "kubelet",
            "kubelet",
            f"--config={RUN / 'kubelet.yaml'}",
            f"--kubeconfig={self.kubeconfig}",
            f"--root-dir={RUN / 'kubelet'}",
            f"--cert-dir={RUN / 'kubelet-pki'}",
            f"--node-ip={self.addresses.node}",
            f"--hostname-override={settings.NAME}",
        )

    def _controller_manager(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig}",
            "--controllers=endpointslice-controller,deployment-controller,replicaset-controller",
            "--leader-elect=false",
            "--secure-port=0",
        ]

    def _dns(self) -> None:
        folder = RUN / "dns"
        folder.mkdir()
        shutil.copy(self.toolchain.path("coredns"), folder / "coredns")
        shutil.copy(self.api.endpoint.authority, folder / "authority.crt")
        inside = KubernetesEndpoint(self.api.endpoint.url, self.api.endpoint.token, Path("/lab/authority.crt"))
        inside.write_kubeconfig(folder / "kubeconfig", "lab")
        (folder / "Corefile").write_text(settings.coredns("/lab/kubeconfig"))
        text = (_OBJECTS / "dns.yaml").read_text()
        text = text.replace("{dns}", str(self.addresses.dns)).replace("{folder}", str(folder))
        documents = list(yaml.safe_load_all(text))
        if self.mode is Mode.STRICT:  # a pod without a policy is closed
            documents.insert(0, yaml.safe_load((_OBJECTS / "open.yaml").read_text()))
        for document in documents:
            self.api.apply(document)
        self.wait_until_ready({"DNS": DNS_POD})
        self._programs.done("DNS")

    def _why(self, namespace: str, pod: str) -> str:
        events = self.api.items(f"/api/v1/namespaces/{namespace}/events")
        messages = [each["message"] for each in events if each["involvedObject"]["name"].startswith(pod)]
        return messages[-1] if messages else "kubelet has reported nothing about it"
