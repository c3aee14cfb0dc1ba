"""What an ingress controller may reach: the workloads behind Ingresses and Routes, as far as policies let it.

Where the controller runs is not in the manifests, so it is taken for a pod without labels in a namespace of its own.
"""

from collections.abc import Callable, Mapping

from flash_ticket.firewall.analyse.cluster import Cluster
from flash_ticket.firewall.analyse.service import opened_by
from flash_ticket.firewall.analyse.workload import Workload
from flash_ticket.firewall.terms.direction import Direction
from flash_ticket.firewall.terms.port_set import NO_PORTS, PortSet

INGRESS_CONTROLLER = "{ingress-controller}"
"""How connections name the controller."""

_SOMEWHERE = Workload("ingress-controller-ns", "ingress-controller", "Pod", {})


def entrances(
    cluster: Cluster,
    parties: Mapping[str, Workload],
    side_ports: Callable[[Direction, Workload, Workload], PortSet],
) -> dict[str, PortSet]:
    """Return the ports of each workload that is behind an Ingress or a Route; none if policies stop the controller.

    Args:
        cluster: Whose Services and backends to follow.
        parties: The workloads by name.
        side_ports: What policies leave open at an endpoint to a peer, in a direction.
    """
    services = {(service.namespace, service.name): service for service in cluster.services}
    found: dict[str, PortSet] = {}
    for backend in cluster.backends:
        service = services.get((backend.namespace, backend.service))
        for name, workload in parties.items() if service else ():
            if service is not None and service.selects(workload):
                found[name] = found.get(name, NO_PORTS) | opened_by(service, backend.port, workload)
    return {name: ports & side_ports(Direction.INGRESS, parties[name], _SOMEWHERE) for name, ports in found.items()}
