"""Both layers of one environment, compiled, with what watches them: what is proven, shown and deployed."""

from dataclasses import dataclass
from typing import Any

from segmentation.alerts.trap import alert_traps
from segmentation.alerts.watch import Watch, compile_watch
from segmentation.environment import Environment
from segmentation.layers import Layers
from segmentation.matrix import Matrix
from segmentation.network_policy import PodFirewall, compile_policies
from segmentation.proof import Proof, prove
from segmentation.security_group import VpcFirewall, compile_groups
from segmentation.trap import Trap, traps


@dataclass(frozen=True, slots=True)
class CompiledFirewall:
    """Both compiled layers of one stack and their alerts, with what they were compiled from."""

    matrix: Matrix
    environment: Environment
    pods: PodFirewall
    vpc: VpcFirewall
    watch: Watch

    def proof(self) -> Proof:
        """Hold the compiled layers against the matrix."""
        return prove(self.matrix, self.environment, self._manifests, self.vpc)

    def layers(self) -> Layers:
        """Return both layers, to be asked."""
        return Layers(self.matrix, self.environment, self._manifests, self.vpc)

    def traps(self) -> tuple[Trap, ...]:
        """Return the settings that do not do what they seem to."""
        return (*traps(self.environment, self.pods), *alert_traps(self.matrix, self.environment))

    @property
    def _manifests(self) -> tuple[dict[str, Any], ...]:
        return tuple(policy.manifest() for policy in self.pods.policies)


def compiled(matrix: Matrix, environment: Environment) -> CompiledFirewall:
    """Return both layers of an environment and their alerts.

    Raises:
        InputError: The alerts that are asked for do not fit what would carry them.
    """
    return CompiledFirewall(
        matrix,
        environment,
        compile_policies(matrix, environment),
        compile_groups(matrix, environment),
        compile_watch(matrix, environment),
    )
