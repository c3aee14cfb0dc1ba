"""Undeclared connections that are close to a declared one: another label, or another port."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from flash_ticket.firewall.declare.matrix import Service, label_text
from flash_ticket.firewall.prove.declared_permissions import declared_connections
from flash_ticket.firewall.prove.endpoint import VPC_HOST, Endpoint, another_pod
from flash_ticket.firewall.terms.ports import NO_PORTS, PortSet, listing
from flash_ticket.traffic.attribution.attributed_traffic import AttributedTraffic
from flash_ticket.traffic.attribution.attribution import Conversation
from flash_ticket.traffic.attribution.place_directory import PlaceDirectory
from flash_ticket.traffic.denials.cause import Cause, Suspect
from flash_ticket.traffic.records.record import PodIdentity

_ALMOST = 0.8
"""The least ratio of difflib: a typical name may differ by a letter or two."""


@dataclass(frozen=True)
class NearMisses:
    """Finds declared connections of one environment that an undeclared one is close to."""

    traffic: AttributedTraffic

    def causes(self, conversations: Sequence[Conversation]) -> tuple[Cause, ...]:
        """Return the mistakes that may be behind an undeclared connection.

        Args:
            conversations: Conversations of one pair on one port that is not declared; at least one.
        """
        first = conversations[0]
        callers = sorted({pod for each in conversations for pod in each.callers}, key=str)
        called = sorted({pod for each in conversations for pod in each.called}, key=str)
        addresses = sorted({address for each in conversations for address in each.destinations})
        found = [
            *self._labels(first, first.source, callers),
            *self._labels(first, first.destination, called),
            *self._ports(first),
            *self._places(first, addresses),
        ]
        return tuple(dict.fromkeys(found))

    def _labels(self, about: Conversation, end: Endpoint, pods: Sequence[PodIdentity]) -> Iterator[Cause]:
        """Yield the services that pods in their namespace look like, if the connection is declared for these."""
        matrix, where = self.traffic.firewall.matrix, end.workload.namespace if end.workload else ""
        if where not in matrix.namespaces or end.name != another_pod(where) or not about.port:
            return
        for pod in pods:
            for service in matrix.services_in(where):
                instead = self.traffic.layers.named[service.name]
                pair = (instead, about.destination) if end is about.source else (about.source, instead)
                if self._declared.get(pair, NO_PORTS).covers(PortSet((about.port,))) and _is_near(pod, service):
                    wanted = label_text(service.pods)
                    has = label_text(pod.labels) or "no labels"
                    yield Cause(
                        Suspect.LABELS,
                        f"the pod {pod.name} looks like {service.name}, for which this is declared, but it has "
                        f"{has} instead of {wanted}",
                        "Correct the labels in the template of its Deployment",
                    )

    def _ports(self, about: Conversation) -> Iterator[Cause]:
        ports = self._declared.get((about.source, about.destination), NO_PORTS)
        if ports and about.port:
            yield Cause(
                Suspect.PORT,
                f"{about.source.name} to {about.destination.name} is declared on {listing(tuple(ports))}, not on "
                f"{about.port}",
                "Correct the port that is called, or declare this one too",
            )

    def _places(self, about: Conversation, addresses: Sequence[str]) -> Iterator[Cause]:
        """Yield the places whose networks contain a called host, although they do not listen on the port."""
        if about.destination.name != VPC_HOST or not about.port:
            return
        for address in addresses:
            names = ", ".join(place.name for place in self._directory.around(address))
            if names:
                yield Cause(
                    Suspect.PORT,
                    f"{address} is in the networks of {names}, and nothing there is declared on {about.port}",
                    "Correct the port that is called, or declare what listens there",
                )

    @cached_property
    def _declared(self) -> Mapping[tuple[Endpoint, Endpoint], PortSet]:
        return declared_connections(self.traffic.layers)

    @cached_property
    def _directory(self) -> PlaceDirectory:
        return PlaceDirectory(self.traffic.layers, self.traffic.inventory)


def _is_near(pod: PodIdentity, service: Service) -> bool:
    """Return whether a pod looks like one of a service: by its name, or by a label that is almost the service's."""
    if pod.name.startswith((f"{service.name}-", *(f"{value}-" for _, value in service.pods))):
        return True
    values = [value for _, value in pod.labels]
    return any(get_close_matches(value, values, n=1, cutoff=_ALMOST) for _, value in service.pods)
