"""The matrix of one stack: what the stack has at a moment, with the externals that are pods there."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.bind.known_places import PodsOfPlace
from flash_ticket.firewall.declare.matrix import External, Matrix


def matrix_of(matrix: Matrix, environment: Environment, at: datetime) -> Matrix:
    """Return what an environment's stack has of a matrix at a moment; applied again, it changes nothing.

    Args:
        matrix: The declaration of all stacks.
        environment: The stack.
        at: The moment, in UTC.
    """
    found, pods = matrix.within(environment.name, at), dict(environment.in_pods)
    if not pods:
        return found
    return replace(found, externals=tuple(_placed(each, pods) for each in found.externals))


def _placed(external: External, pods: Mapping[str, PodsOfPlace]) -> External:
    there = pods.get(external.name)
    return replace(external, namespace=there.namespace, pods=there.pods) if there else external
