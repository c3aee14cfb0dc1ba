"""The cluster and the account of one stack: who has which address, and which logs the stack records."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE, lines_of_settings
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.inventory import take_inventory, with_policies_of_others
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.logs.athena import athena_source
from flash_ticket.live.logs.aws_source import own_logs
from flash_ticket.live.stack.settings import StackConfiguration, read_stack_file
from flash_ticket.traffic.attribution.inventory import Inventory
from flash_ticket.traffic.records.record import Log


@dataclass(frozen=True)
class LiveStack:
    """A running stack. It connects when a caller first asks something. Every method may raise InputError."""

    project: Path
    name: str

    @cached_property
    def _settings(self) -> StackConfiguration:
        return read_stack_file(self.project, self.name)

    @cached_property
    def _cluster(self) -> KubernetesCluster:
        return KubernetesCluster.connect(self._settings.kubeconfig, self._settings.context)

    @cached_property
    def account(self) -> AwsAccount:
        """The account and region of the stack."""
        return AwsAccount.connect(
            self._settings.region,
            self._settings.profile,
            self._settings.owner(read_matrix(self.project / MATRIX_FILE).namespace),
        )

    def inventory(self, matrix: Matrix) -> Inventory:
        """Return who has which address now."""
        with lines_of_settings(self.project, self._settings.stack):
            return take_inventory(self._cluster, self.account, matrix, self._settings.binding, time.time())

    def inventory_to_save(self, matrix: Matrix) -> Inventory:
        """Return who has which address now, with the policies of others, which a verification judges."""
        return with_policies_of_others(self._cluster, matrix, self._settings.stack, self.inventory(matrix))

    def own_logs(self, matrix: Matrix, environment: Environment) -> tuple[Log, ...]:
        """Return the logs that the stack itself records, without reading them."""
        return own_logs(self.account, environment, matrix.namespace)

    def athena_logs(self, matrix: Matrix, environment: Environment) -> Sequence[Log]:
        """Return the stack's flow log, which Athena reads in place. This makes no call to AWS."""
        if environment.own_flow_log is None:
            problem = f"the stack {environment.name} makes no flow log, so it has no table of Athena"
            raise InputError("--engine", "athena", problem, "Leave it out: the default reads every log of a stack")
        return athena_source(self.account, Owner.of(matrix.namespace, environment))
