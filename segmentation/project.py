"""The project's own firewall, read and compiled from its files alone, without AWS and without a cluster."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentation.bind import bind
from segmentation.binding import BINDING_KEY, parse_binding, stack_file
from segmentation.environment import Environment
from segmentation.input_error import InputError
from segmentation.layers import Layers
from segmentation.matrix import Matrix
from segmentation.network_policy import PodFirewall, compile_policies
from segmentation.proof import Proof, prove
from segmentation.quota import refuse_excess
from segmentation.security_group import VpcFirewall, compile_groups
from segmentation.symbolic_account import SymbolicAccount
from segmentation.traffic_file import read_matrix
from segmentation.trap import Trap, traps
from segmentation.yaml_document import read_document

MATRIX_FILE = "traffic.yaml"


@dataclass(frozen=True, slots=True)
class Firewall:
    """Both compiled layers of one stack, with what they were compiled from."""

    matrix: Matrix
    environment: Environment
    pods: PodFirewall
    vpc: VpcFirewall

    def proof(self) -> Proof:
        """Hold the compiled layers against the matrix."""
        return prove(self.matrix, self.environment, self._manifests, self.vpc)

    def layers(self) -> Layers:
        """Return both layers, to be asked."""
        return Layers(self.matrix, self.environment, self._manifests, self.vpc)

    def traps(self) -> tuple[Trap, ...]:
        """Return the settings that do not do what they seem to."""
        return traps(self.environment, self.pods)

    @property
    def _manifests(self) -> tuple[dict[str, Any], ...]:
        return tuple(policy.manifest() for policy in self.pods.policies)


def compiled(matrix: Matrix, environment: Environment) -> Firewall:
    """Return both layers of an environment."""
    return Firewall(matrix, environment, compile_policies(matrix, environment), compile_groups(matrix, environment))


def read_project(folder: Path, stack: str) -> Firewall:
    """Return a stack's firewall with symbolic places: real names, invented addresses.

    Args:
        folder: Where traffic.yaml and Pulumi.<stack>.yaml are.
        stack: Such as ``dev``.

    Raises:
        InputError: With the file, the key and the remedy of the first mistake.
    """
    matrix = read_matrix(folder / MATRIX_FILE)
    path = folder / stack_file(stack)
    settings = read_document(path)
    content = settings.get("config") if isinstance(settings, dict) else None
    if not isinstance(content, dict) or BINDING_KEY not in content:
        raise InputError(path.name, f"config.{BINDING_KEY}", "this key is missing", "Add it as in Pulumi.dev.yaml")
    account = SymbolicAccount(str(content.get("aws:region", "")))
    firewall = compiled(matrix, bind(matrix, parse_binding(content[BINDING_KEY], stack), stack, account))
    refuse_excess(firewall.vpc, firewall.environment)
    return firewall


def stacks(folder: Path) -> tuple[str, ...]:
    """Return the stacks that have a settings file in a folder, sorted.

    Raises:
        InputError: There is none.
    """
    prefix, suffix = stack_file("*").split("*")
    found = tuple(sorted(path.name.removeprefix(prefix).removesuffix(suffix) for path in folder.glob(stack_file("*"))))
    if not found:
        raise InputError(str(folder), "", "there is no Pulumi.<stack>.yaml", "Name the project's folder with --project")
    return found
