"""The network policy agent of AWS on a node, and the controller of EKS that feeds it."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import yaml

from lab.node.enforcers import vpc_cni
from lab.node.enforcers.aws import agent as agent_module
from lab.node.enforcers.aws.agent import Agent, Denials, Mode
from lab.node.enforcers.aws.policy_controller import GROUP, PolicyController
from lab.node.enforcers.enforcing import Site
from lab.node.programs import NodeError

_DEFINITIONS = Path(__file__).parents[2] / "objects" / "policy_endpoints.yaml"


@dataclass(slots=True)
class Aws:
    """What EKS runs.

    Attributes:
        site: The node.
        mode: What a new pod may do at first.
        denials: Where the agent logs what it stops.
        account: The variables that lead the agent to CloudWatch Logs, if it ships there.
    """

    site: Site
    mode: Mode
    denials: Denials
    account: Mapping[str, str]
    _controller: PolicyController = field(init=False)

    def before_kubelet(self) -> None:
        """Start the agent: the network plugin calls it for each pod."""
        vpc_cni.install(self.site, self.mode)
        self._define()
        self._agent.prepare()
        self._controller = PolicyController(self.site.api)
        self._start()
        self._controller.start()
        self.site.programs.also.append(self._check_controller)
        self.site.programs.wait("the network policy agent", agent_module.SOCKET.exists)
        self.site.programs.done("agent")
        vpc_cni.add_plugin(self.site)

    def after_kubelet(self) -> None:
        """Start kube-proxy."""
        vpc_cni.run_kube_proxy(self.site)

    def kill(self) -> None:
        """Kill the agent."""
        self.site.programs.kill(agent_module.NAME)

    def restart(self) -> None:
        """Start the agent after `kill`, and return when network plugins can call it."""
        self._start()
        self.site.programs.wait("the network policy agent", agent_module.SOCKET.exists)

    def change_programs(self, number: int) -> None:
        """Give the agent other programs for the kernel, for its next start; call it with a new number each time."""
        self._agent.change_programs(number)

    def collect_changes(self, seconds: float) -> None:
        """Have the controller of policies collect changes for a while before it writes, as the one of EKS does."""
        self._controller.delay = seconds

    def replace_ipamd(self, mode: str, first: IPv4Address) -> None:
        """Have new pods get one address after the other from a first one on, and have the plugin say another mode.

        Args:
            mode: Without one, the plugin does not announce a pod to the agent before the pod starts.
            first: The address of the next pod.
        """
        vpc_cni.replace_ipamd(self.site, mode, first)

    @property
    def _agent(self) -> Agent:
        return Agent(self.site.programs.toolchain, self.site.kubeconfig, self.denials, self.account)

    def _start(self) -> None:
        self.site.programs.keep(agent_module.NAME, self._agent.start())

    def _define(self) -> None:
        documents = list(yaml.safe_load_all(_DEFINITIONS.read_text()))
        for document in documents:
            self.site.api.apply(document)
        for document in documents:
            path = f"{GROUP}/{document['spec']['names']['plural']}"
            self.site.programs.wait(path, functools.partial(self._is_served, path))

    def _is_served(self, path: str) -> bool:
        return self.site.api.items(path) == []

    def _check_controller(self) -> None:
        if self._controller.problems:
            raise NodeError(f"PolicyEndpoints cannot be written: {self._controller.problems[-1]}")
