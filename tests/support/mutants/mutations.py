"""Compiled firewalls with one error.

A mutant is what a bug in a compiler, or a manual change of its output, could produce: one thing dropped, added,
narrowed, widened or replaced by another. There is a mutant for each possible error.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.names.domains_layer import with_domains
from flash_ticket.firewall.compile.pod_layer import compile_policies
from flash_ticket.firewall.compile.vpc_layer import VpcFirewall
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.proof import Proof, prove
from flash_ticket.firewall.terms.verdict import Layer
from tests.support.mutants.group_mutations import wrong_attachments, wrong_rules
from tests.support.mutants.policy_mutations import Manifest, wrong_policies


@dataclass(frozen=True, slots=True)
class Compiled:
    """Both compiled layers, with their sources."""

    matrix: Matrix
    environment: Environment
    manifests: tuple[Manifest, ...]
    firewall: VpcFirewall

    def proof(self) -> Proof:
        """Compare both layers with the matrix."""
        return prove(self.matrix, self.environment, self.manifests, self.firewall)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A compiled firewall with one error in one layer; ``category`` and ``where`` describe the error."""

    layer: Layer
    category: str
    where: str
    wrong: Compiled


def compiled(matrix: Matrix, environment: Environment) -> Compiled:
    """Compile both layers."""
    pods = with_domains(compile_policies(matrix, environment), matrix, environment.cluster)
    manifests = tuple(policy.manifest() for policy in pods.policies)
    return Compiled(matrix, environment, manifests, compile_groups(matrix, environment))


def mutants(right: Compiled) -> Iterator[Mutant]:
    """Yield every mutant of a compiled firewall."""
    for what, where, manifests in wrong_policies(right.manifests, right.matrix.namespaces):
        yield Mutant(Layer.POD, what, where, replace(right, manifests=manifests))
    for what, where, firewall in (*wrong_rules(right.firewall), *wrong_attachments(right.firewall)):
        yield Mutant(Layer.VPC, what, where, replace(right, firewall=firewall))
