"""Services and externals that a matrix could declare: those that it has, and more from the labels of pods.

The result has no flows. It gives the ends of recorded traffic names, and a draft its entries.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from flash_ticket.firewall.declare.fields import Name, WrittenLabels
from flash_ticket.firewall.declare.matrix import External, Labels, Matrix, Service, share_no_pod
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.prove.endpoint import Role
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, Protocol
from flash_ticket.traffic.attribution.attributed_traffic import known_environment, refuse_unplaced
from flash_ticket.traffic.attribution.inventory import (
    APPLICATION_KEYS,
    ClusterService,
    Inventory,
    application_labels,
    free_name,
    lasting,
)

_WRITABLE: TypeAdapter[tuple[str, Labels]] = TypeAdapter(tuple[Name, WrittenLabels])
_INGRESS, _EGRESS = "allow-ingress-", "allow-egress-"


def candidates(matrix: Matrix, inventory: Inventory) -> Matrix:
    """Return the declared matrix with an added service or external for each pod of the inventory that has none.

    Pods that no label distinguishes from those of another service are left out.

    Raises:
        InputError: The inventory contains no environment, or an external has no place in it.
    """
    environment = known_environment(inventory)
    refuse_unplaced(matrix, environment, MATRIX_FILE)
    declared = compile_firewall(matrix, environment).layers()
    services, externals = list(matrix.services), list(matrix.externals)
    taken = {*matrix.endpoints, *_names_of_policies(matrix.services)}
    for namespace, labels in _unnamed(declared, inventory):
        if namespace in matrix.namespaces:
            there = [each for each in services if matrix.namespace_of(each) == namespace]
            pods = None if any(set(each.pods) <= set(labels) for each in there) else _choice(labels, there)
            if pods:
                name = free_name(_named(pods, namespace), taken)
                ports = _ports(pods, namespace, inventory.services)
                elsewhere = None if namespace == matrix.namespace else namespace
                names = f"{_INGRESS}{name}", f"{_EGRESS}{name}"
                services.append(Service(name, pods, ports, *names, namespace=elsewhere))
                taken.add(name)
        elif not any(each.namespace == namespace and set(each.pods) <= set(labels) for each in externals):
            pods = application_labels(labels)
            name = free_name(_named(pods, namespace), taken)
            externals.append(External(name, _ports(pods, namespace, inventory.services), namespace, pods))
            taken.add(name)
    return replace(
        matrix,
        services=tuple(sorted(services, key=lambda each: each.name)),
        externals=tuple(sorted(externals, key=lambda each: each.name)),
    )


def _unnamed(declared: BothLayers, inventory: Inventory) -> list[tuple[str, Labels]]:
    """Return the namespaces and labels of pods that belong to no declared endpoint, sorted."""
    known = [each.workload for each in declared.endpoints if each.workload and each.role is not Role.UNDECLARED]
    return [
        (namespace, labels)
        for namespace, labels in sorted({(pod.namespace, lasting(pod.labels)) for pod in inventory.pods})
        if labels
        and _is_writable(namespace, labels)
        and not any(each.namespace == namespace and each.labels.items() <= dict(labels).items() for each in known)
    ]


def _is_writable(namespace: str, labels: Labels) -> bool:
    """Return whether traffic.yaml accepts them: a saved inventory may contain labels that no API server would."""
    try:
        _WRITABLE.validate_python((namespace, dict(labels)))
    except ValidationError:
        return False
    return True


def _choice(labels: Labels, services: Sequence[Service]) -> Labels | None:
    """Return the fewest labels that no pod of another service can have; None if there are none such."""
    for pods in _choices(labels):
        wanted = Service("", pods, (), "", "")
        if all(share_no_pod(wanted, each) for each in services):
            return pods
    return None


def _choices(labels: Labels) -> Iterator[Labels]:
    known = dict(labels)
    for key in APPLICATION_KEYS:
        if known.get(key):
            yield ((key, known[key]),)
    yield labels


def _named(pods: Labels, namespace: str) -> str:
    return application_labels(pods)[0][1] or namespace


def _ports(pods: Labels, namespace: str, services: Iterable[ClusterService]) -> tuple[PortRange, ...]:
    """Return the ports of the pods to which Kubernetes Services send traffic."""
    return tuple(
        sorted(
            {
                PortRange(port.protocol, target, target)
                for each in services
                if each.namespace == namespace and each.selector and set(pods) <= set(each.selector)
                for port, target in each.ports
                if port.protocol is not Protocol.SCTP and 1 <= target <= MAX_PORT
            }
        )
    )


def _names_of_policies(services: Iterable[Service]) -> Iterator[str]:
    """Yield the names that a new service cannot have, because its policies would have the names of others."""
    for service in services:
        for policy in (service.ingress_policy, service.egress_policy):
            for prefix in (_INGRESS, _EGRESS):
                if policy.startswith(prefix):
                    yield policy.removeprefix(prefix)
