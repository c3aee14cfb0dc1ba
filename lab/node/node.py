"""The node itself: what runs on it, in the order in which each needs the others. To be called inside an enclosure."""

import functools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import yaml

from lab.enclosure.enclosure import NAME
from lab.enclosure.mounts import RUN, mount_all
from lab.kubernetes_api.rest import KubernetesEndpoint
from lab.node import agent as agent_module
from lab.node import images, settings
from lab.node.addresses import Addresses
from lab.node.agent import Agent, Denials, Mode
from lab.node.api import Api, ApiError, Object
from lab.node.certificates import write_client
from lab.node.control_plane import start_control_plane
from lab.node.policy_controller import GROUP, PolicyController
from lab.running import child
from lab.toolchain.kits import Toolchain
from lab.toolchain.node_kits import Enforcer

_OBJECTS = Path(__file__).parent / "objects"
_SECONDS = 180.0  # on a machine that others keep busy, too
_LOOK_SECONDS = 0.1
_LOG_CHARACTERS = 1500
_LOOPBACK_PLUGIN = Path("/usr/lib/cni/loopback")


class NodeError(Exception):
    """Something of the node does not start, or has ended; says what it said."""


class _LateError(NodeError):
    """Something is not there in time, while everything still runs."""


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
        seconds: When each step was done, counted from the start.
    """

    toolchain: Toolchain
    addresses: Addresses
    enforcer: Enforcer = Enforcer.AWS
    mode: Mode = Mode.STANDARD
    denials: Denials = Denials.LOGGED
    account: Mapping[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    _children: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)
    _api: Api | None = None
    _controller: PolicyController | None = None

    @property
    def api(self) -> Api:
        """The cluster's API."""
        if self._api is None:
            raise NodeError("the node has not been started")
        return self._api

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
            api, self._children = start_control_plane(self.toolchain, self.addresses)
        self._api = api
        self._containerd()
        self._run("ipamd", "aws-node-stub", *self._ipamd())
        self._wait("the API server", self._is_api_ready)
        self.api.endpoint.write_kubeconfig(self.kubeconfig, "lab")
        self._done("api")
        self._load_images()
        self._define()
        self._done("images")
        if self.enforcer is Enforcer.AWS:
            self._start_agent()
        self._kubelet()
        self._run("kube-controller-manager", "kube-controller-manager", *self._controller_manager())
        self._write("kube-proxy.yaml", settings.kube_proxy(self.kubeconfig))
        self._run("kube-proxy", "kube-proxy", f"--config={RUN / 'kube-proxy.yaml'}")
        if self.enforcer is Enforcer.KUBE_ROUTER:
            self._kube_router()
        self._dns()

    def check(self) -> None:
        """See that everything still runs.

        Raises:
            NodeError: Something has ended, or the controller of policies was refused something.
        """
        for name, process in self._children.items():
            if process.poll() is not None:
                raise NodeError(f"{name} has ended with {process.returncode}: {self._said(name)}")
        if self._controller and self._controller.problems:
            raise NodeError(f"PolicyEndpoints cannot be written: {self._controller.problems[-1]}")

    def wait_until_ready(self, pods: dict[str, tuple[str, str]], seconds: float = _SECONDS) -> dict[str, str]:
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
            self._wait("a pod", are_ready, seconds)
        except _LateError as error:
            late = next(each for name, each in pods.items() if name not in found)
            raise NodeError(f"the pod {'/'.join(late)} is not ready: {self._why(*late)}") from error
        return found

    def wait_until_available(self, deployments: list[tuple[str, str]], seconds: float = _SECONDS) -> None:
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
                self._wait(name, is_available, seconds)
            except _LateError as error:
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
        self._children["containerd"] = child.start(command, RUN, "containerd.log", environment)

    def _load_images(self) -> None:
        self._wait("containerd", lambda: Path(settings.CONTAINERD_SOCKET).exists())
        command = ["ctr", "--namespace=k8s.io", "images", "import", str(RUN / "images.tar")]
        result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - as above
        if result.returncode != 0:
            raise NodeError(f"the images cannot be loaded: {result.stderr.strip()}")

    def _ipamd(self) -> list[str]:
        where = self.addresses
        mode = self.mode if self.enforcer is Enforcer.AWS else ""
        return [f"-node={where.node}", f"-first={where.first_pod}", f"-network={where.network}", f"-mode={mode}"]

    def _define(self) -> None:
        documents = list(yaml.safe_load_all((_OBJECTS / "policy_endpoints.yaml").read_text()))
        for document in documents:
            self.api.apply(document)
        for document in documents:
            path = f"{GROUP}/{document['spec']['names']['plural']}"
            self._wait(path, functools.partial(self._is_served, path))

    def _is_served(self, path: str) -> bool:
        return self.api.items(path) == []

    def _start_agent(self) -> None:
        agent = Agent(self.toolchain, self.kubeconfig, self.denials, self.account)
        agent.prepare()
        self._children[agent_module.NAME] = agent.start()
        self._controller = PolicyController(self.api)
        self._controller.start()
        self._wait("the network policy agent", agent_module.SOCKET.exists)
        self._done("agent")

    def collect_changes(self, seconds: float) -> None:
        """Have the controller of policies collect changes for a while before it writes, as the one of EKS does."""
        if self._controller:
            self._controller.delay = seconds

    def kill_agent(self) -> None:
        """Kill the network policy agent; `restart_agent` starts it again."""
        killed = self._children.pop(agent_module.NAME)
        killed.kill()
        killed.wait()

    def restart_agent(self) -> None:
        """Start the network policy agent after `kill_agent`, and return when network plugins can call it."""
        self._children[agent_module.NAME] = Agent(self.toolchain, self.kubeconfig, self.denials, self.account).start()
        self._wait("the network policy agent", agent_module.SOCKET.exists)

    def replace_ipamd(self, mode: str, first: IPv4Address) -> None:
        """Have the addresses of new pods begin anew, and have their network plugin say another mode to the agent.

        Args:
            mode: Without one, the plugin does not tell the agent of a pod before it starts.
            first: The address of the next pod.
        """
        former = self._children.pop("ipamd")
        former.kill()
        former.wait()
        agent_module.SOCKET.with_name("ipamd.sock").unlink()
        where = self.addresses
        arguments = [f"-node={where.node}", f"-first={first}", f"-network={where.network}", f"-mode={mode}"]
        self._run("ipamd", "aws-node-stub", *arguments)

    def _kubelet(self) -> None:
        settings.CNI_BINARIES.mkdir(parents=True, exist_ok=True)
        settings.CNI_SETTINGS.mkdir(parents=True, exist_ok=True)  # containerd makes it, too
        shutil.copy(_LOOPBACK_PLUGIN, settings.CNI_BINARIES)
        shutil.copy(self.toolchain.path("aws-cni"), settings.CNI_BINARIES)
        self._write("cni/net.d/10-aws.conflist", settings.network_plugins())
        cgroup = os.environ[NAME]
        self._write("kubelet.yaml", settings.kubelet(self.addresses, cgroup, RUN / "authority.crt"))
        self._run(
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

    def _kube_router(self) -> None:
        self._wait("the node", lambda: bool(self.api.items("/api/v1/nodes")))  # kube-router looks for it at its start
        self._run(
            "kube-router",
            "kube-router",
            f"--kubeconfig={self.kubeconfig}",
            f"--hostname-override={settings.NAME}",
            "--run-firewall=true",
            "--run-router=false",
            "--run-service-proxy=false",
            f"--service-cluster-ip-range={self.addresses.services}",
        )

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
        self.wait_until_ready({"DNS": ("kube-system", "coredns-5d78c9-node")})
        self._done("DNS")

    def _write(self, name: str, content: object) -> None:
        (RUN / name).write_text(json.dumps(content, indent=1))  # JSON is YAML, too

    def _run(self, name: str, executable: str, *arguments: str) -> None:
        command = [str(self.toolchain.path(executable)), *arguments]
        self._children[name] = child.start(command, RUN, f"{name}.log")

    def _wait(self, what: str, is_there: Callable[[], bool], seconds: float = _SECONDS) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                if is_there():
                    return
            except (OSError, ApiError):
                pass  # not yet
            self.check()
            if time.monotonic() > end:
                raise _LateError(f"{what} is not there after {seconds:.0f} s")
            time.sleep(_LOOK_SECONDS)

    def _done(self, what: str) -> None:
        self.seconds[what] = round(time.monotonic() - self._started, 1)

    def _said(self, name: str) -> str:
        files = [RUN / f"{name}.log", RUN / "agent" / f"{name}.log"]
        return "".join(file.read_text()[-_LOG_CHARACTERS:] for file in files if file.exists()).strip()

    def _why(self, namespace: str, pod: str) -> str:
        events = self.api.items(f"/api/v1/namespaces/{namespace}/events")
        messages = [each["message"] for each in events if each["involvedObject"]["name"].startswith(pod)]
        return messages[-1] if messages else "kubelet has reported nothing about it"
