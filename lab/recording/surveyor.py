"""Ask both APIs of one environment, past every proxy, what is deployed and what the binding's names stand for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.declare.binding import BINDING_KEY, parse_binding, stack_file
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.declare.yaml_document import read_document
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.deployed import read_deployed
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.left_behind import left_behind
from flash_ticket.verify.finding import Finding
from lab.running.lab import Lab
from lab.surroundings import REGION


class _LabSession(boto3.Session):
    """A session that always leads to the lab, whatever this process's environment says; it makes each client once."""

    def __init__(self, endpoint: str) -> None:
        super().__init__("lab", "lab", region_name=REGION)
        self._endpoint = endpoint
        self._made: dict[str, Any] = {}

    def client(self, service: str, **settings: Any) -> Any:  # type: ignore[override]  # noqa: ANN401 - as boto3 has it
        """Return the client of a service."""
        if service not in self._made:
            make: Any = super().client
            self._made[service] = make(service, endpoint_url=self._endpoint, **settings)
        return self._made[service]


@dataclass(frozen=True, slots=True)
class Surveyor:
    """Reads one environment of the lab as it is now."""

    session: boto3.Session
    cluster: KubernetesCluster
    stack: str

    @classmethod
    def of(cls, lab: Lab, stack: str) -> "Surveyor":
        """Return the surveyor of an environment."""
        cluster = KubernetesCluster.connect(str(lab.kubeconfigs[stack]), None)
        return cls(_LabSession(lab.aws_endpoint), cluster, stack)

    def standing(self, namespace: str) -> Deployed:
        """Return what is deployed of the firewall."""
        return read_deployed(self.cluster, self._account, namespace)

    def left_behind(self, namespace: str) -> tuple[Finding, ...]:
        """Return what a broken deployment left behind of the traffic record."""
        return left_behind(self._account, namespace, self.standing(namespace))

    def declared(self, program: Path) -> CompiledFirewall:
        """Return what a program's folder declares, with its names looked up in the lab."""
        matrix = read_matrix(program / MATRIX_FILE)
        settings: Any = read_document(program / stack_file(self.stack))
        binding = parse_binding(settings["config"][BINDING_KEY], self.stack)
        return compile_firewall(matrix, bind(matrix, binding, self.stack, self._account))

    @property
    def _account(self) -> AwsAccount:
        # An account asks each question only once, so each look needs a new account.
        return AwsAccount(self.session, self.stack)
