"""Both layers of one environment, compiled, with what watches them: what is proven, shown and deployed."""

from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.alerts.watch import Watch, alert_notices, compile_watch
from flash_ticket.firewall.compile.guard_rails.guard import CompiledGuardRails, compile_guard_rails
from flash_ticket.firewall.compile.notices import environment_notices
from flash_ticket.firewall.compile.pod_layer import PodFirewall, compile_policies
from flash_ticket.firewall.compile.suspended import opened, require_known, suspension_notices
from flash_ticket.firewall.compile.vpc_layer import VpcFirewall, compile_groups
from flash_ticket.firewall.declare.binding import stack_file
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED, Suspensions
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.proof import Proof, prove
from flash_ticket.firewall.terms.notice import Notice


@dataclass(frozen=True, slots=True)
class CompiledFirewall:
    """Both compiled layers of one stack and their alerts, with what they were compiled from.

    Attributes:
        pods: The pod layer as it is declared.
        suspensions: What of it somebody has opened for a while; by default nothing.
    """

    matrix: Matrix
    environment: Environment
    pods: PodFirewall
    vpc: VpcFirewall
    watch: Watch
    suspensions: Suspensions = NONE_SUSPENDED

    @property
    def deployed_pods(self) -> PodFirewall:
        """The pod layer as it is to be deployed: as declared, but for what is suspended."""
        return opened(self.suspensions, self.pods)

    @property
    def guard(self) -> CompiledGuardRails:
        """The guard rails in the cluster."""
        return compile_guard_rails(self.matrix, self.environment)

    def proof(self) -> Proof:
        """Hold the compiled layers against the matrix: what is declared, whatever is suspended of it."""
        return prove(self.matrix, self.environment, _manifests(self.pods), self.vpc)

    def layers(self) -> BothLayers:
        """Return both layers, to be asked: with all that is suspended open."""
        return BothLayers(self.matrix, self.environment, _manifests(self.deployed_pods), self.vpc)

    def notices(self) -> tuple[Notice, ...]:
        """Return the settings that do not do what they seem to."""
        return (
            *suspension_notices(self.suspensions),
            *environment_notices(self.environment, self.pods),
            *alert_notices(self.matrix, self.environment),
        )


def compile_firewall(
    matrix: Matrix, environment: Environment, suspensions: Suspensions = NONE_SUSPENDED
) -> CompiledFirewall:
    """Return both layers of an environment and their alerts.

    Raises:
        InputError: A suspended policy is unknown, or the alerts that are asked for do not fit what would carry them.
    """
    pods = compile_policies(matrix, environment)
    require_known(suspensions, pods, stack_file(environment.name))
    return CompiledFirewall(
        matrix,
        environment,
        pods,
        compile_groups(matrix, environment),
        compile_watch(matrix, environment, suspensions),
        suspensions,
    )


def _manifests(pods: PodFirewall) -> tuple[dict[str, Any], ...]:
    return tuple(policy.manifest() for policy in pods.policies)
