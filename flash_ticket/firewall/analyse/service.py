"""Services, and the ports that Ingress and Route objects open through them to an ingress controller."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flash_ticket.firewall.analyse.label_selector import Selector
from flash_ticket.firewall.analyse.manifests import fields as field
from flash_ticket.firewall.analyse.manifests.fields import FieldPath
from flash_ticket.firewall.analyse.workload import Workload, read_protocol
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, PortSet, Protocol


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service.

    Attributes:
        name: Its name; None if it has no name.
        protocol: TCP, UDP or SCTP.
        number: The port of the Service.
        target: The port of the pods, by number or by the container port's name.
    """

    name: str | None
    protocol: Protocol
    number: int | None
    target: int | str | None


@dataclass(frozen=True, slots=True)
class SelectingService:
    """A Service that selects pods.

    Attributes:
        namespace: The namespace of the Service and its pods.
        name: Its name.
        pods: Selects its pods; None for a Service without a selector, which gets its endpoints elsewhere.
        ports: In the order written.
    """

    namespace: str
    name: str
    pods: Selector | None
    ports: tuple[ServicePort, ...]

    def selects(self, workload: Workload) -> bool:
        """Return whether a workload's pods are behind the Service."""
        return self.pods is not None and workload.namespace == self.namespace and self.pods.matches(workload.labels)


@dataclass(frozen=True, slots=True)
class Backend:
    """Where an Ingress or a Route sends its traffic.

    Attributes:
        namespace: The namespace of the object and of the Service.
        service: The Service's name.
        port: The Service's port by number or name; None for all of them.
    """

    namespace: str
    service: str
    port: int | str | None


def read_service(body: Mapping[str, object], namespace: str, name: str, place: FieldPath) -> SelectingService:
    """Return the Service that an object declares.

    Raises:
        InputError: A field that matters here has the wrong type.
    """
    spec = field.mapping(body.get("spec"), "spec", place)
    selector = field.strings(spec.get("selector"), "spec.selector", place)
    ports = tuple(
        ServicePort(
            _name(port.get("name"), f"{path}.name", place),
            read_protocol(port.get("protocol"), f"{path}.protocol", place),
            _number(port.get("port")),
            _either(port.get("targetPort") or port.get("port")),
        )
        for path, port in field.mappings(spec.get("ports"), "spec.ports", place)
    )
    return SelectingService(namespace, name, Selector.of(selector) if selector else None, ports)


def read_ingress(body: Mapping[str, object], namespace: str, place: FieldPath) -> Iterator[Backend]:
    """Yield the backends of an Ingress (networking.k8s.io/v1), its default first.

    Raises:
        InputError: A field that matters here has the wrong type.
    """
    spec = field.mapping(body.get("spec"), "spec", place)
    yield from _ingress_backend(spec.get("defaultBackend"), namespace, "spec.defaultBackend", place)
    for path, rule in field.mappings(spec.get("rules"), "spec.rules", place):
        http = field.mapping(rule.get("http"), f"{path}.http", place)
        for at, entry in field.mappings(http.get("paths"), f"{path}.http.paths", place):
            yield from _ingress_backend(entry.get("backend"), namespace, f"{at}.backend", place)


def _ingress_backend(raw: object, namespace: str, path: str, place: FieldPath) -> Iterator[Backend]:
    service = field.mapping(field.mapping(raw, path, place).get("service"), f"{path}.service", place)
    if service:
        port = field.mapping(service.get("port"), f"{path}.service.port", place)
        name = field.text(service.get("name"), f"{path}.service.name", place)
        yield Backend(namespace, name, _either(port.get("name") or port.get("number")))


def read_route(body: Mapping[str, object], namespace: str, place: FieldPath) -> Iterator[Backend]:
    """Yield the backends of an OpenShift Route (route.openshift.io/v1).

    Raises:
        InputError: A field that matters here has the wrong type.
    """
    spec = field.mapping(body.get("spec"), "spec", place)
    port = _either(field.mapping(spec.get("port"), "spec.port", place).get("targetPort"))
    first = ("spec.to", field.mapping(spec.get("to"), "spec.to", place))
    for path, target in (first, *field.mappings(spec.get("alternateBackends"), "spec.alternateBackends", place)):
        if target.get("kind", "Service") in ("Service", ""):
            yield Backend(namespace, field.text(target.get("name"), f"{path}.name", place), port)


def opened_by(service: SelectingService, port: int | str | None, workload: Workload) -> PortSet:
    """Return the TCP ports of a workload that a backend reaches through a Service.

    Args:
        service: A Service that selects the workload.
        port: The backend's port: the number or name of a Service port, or the number or name of its target; None for
            all.
        workload: The workload. Its containers do not have to declare the port, because a declaration opens nothing.
    """
    targets = [each.target for each in service.ports if port is None or port in (each.number, each.name, each.target)]
    chosen = targets if port is None else targets[:1]
    numbers: set[int] = set()
    for target in chosen:
        if isinstance(target, str):
            numbers.update(workload.numbers_of(target, Protocol.TCP))
        elif target is not None:
            numbers.add(target)
    return PortSet.of(PortRange(Protocol.TCP, number, number) for number in numbers if 1 <= number <= MAX_PORT)


def _name(value: object, path: str, place: FieldPath) -> str | None:
    return None if value is None else field.text(value, path, place)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _either(value: object) -> int | str | None:
    return value if isinstance(value, (int, str)) else None
