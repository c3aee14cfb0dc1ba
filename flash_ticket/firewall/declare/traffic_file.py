"""traffic.yaml: its keys, the checks, and the matrix that it declares."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import combinations, islice
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator
from pydantic.config import JsonDict

from flash_ticket.firewall.declare.binding import stack_file, stacks_of
from flash_ticket.firewall.declare.built_in import AWS_PORTS, AwsService, BuiltIn, Services, endpoint_of, written_name
from flash_ticket.firewall.declare.fields import FirewalledNamespace, Name, PolicyName, Ports, Stacks, WrittenLabels
from flash_ticket.firewall.declare.flows import FlowEntry, Flows
from flash_ticket.firewall.declare.matrix import External, LimitedFlow, Matrix, Service, share_no_pod
from flash_ticket.firewall.declare.sections.domains import Domains, names_of_domains_policies
from flash_ticket.firewall.declare.validation import MOST_MISTAKES, FileModel, Model, refusal, validated
from flash_ticket.firewall.declare.yaml_document import parse_document, read_text, with_lines
from flash_ticket.firewall.terms.input_error import InputError, refuse_all
from flash_ticket.firewall.terms.ports import PortRange


class PolicyNames(FileModel):
    """The names of a service's two NetworkPolicies; they do not depend on the flows."""

    ingress: PolicyName | None = None
    """The policy for incoming traffic. Default: allow-ingress-<service>."""
    egress: PolicyName | None = None
    """The policy for outgoing traffic. Default: allow-egress-<service>."""


class ServiceEntry(FileModel):
    """Pods of one namespace that do one job; without ports they only call. By default it is the file's namespace."""

    namespace: FirewalledNamespace | None = None
    """The namespace of its pods, which then has a default-deny of its own. Default: the file's."""
    pods: WrittenLabels
    """The labels that all its pods have and no other pods."""
    ports: Ports = Field(default_factory=list)
    """The ports that it listens on. Leave the key out for a job that only calls."""
    policies: PolicyNames = PolicyNames()
    """The names of its NetworkPolicies, where they must be others than the default ones."""
    stacks: Stacks = Field(default_factory=list)
    """The stacks that have it. Default: all."""

    @model_validator(mode="after")
    def _ingress_leads_to_ports(self) -> Self:
        if self.policies.ingress and not self.ports:
            raise refusal(
                "an ingress policy has a name, but the service has no ports, so it gets no ingress policy",
                "Add ports, or remove policies.ingress",
            )
        return self


class ExternalEntry(FileModel):
    """A place outside the cluster that each stack binds, domain names, pods elsewhere, or services of AWS."""

    ports: Ports | None = None
    """The ports that it listens on."""
    domains: Domains | None = None
    """The domain names it is known by, instead of a place; ``*.`` stands for all names below, at any depth."""
    namespace: Name | None = None
    """The namespace of its pods. Without it, the external is outside the cluster, and each stack binds it."""
    pods: WrittenLabels | None = None
    """The labels of its pods. Default: all pods of the namespace."""
    services: Services | None = None
    """Services of AWS, such as sqs, s3 or ecr.api: the VPC's endpoints of them, which no stack binds."""
    stacks: Stacks = Field(default_factory=list)
    """The stacks that have it. Default: all."""

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.domains and (self.namespace or self.pods):
            raise refusal(
                f"domains and {'namespace' if self.namespace else 'pods'} are given together, and pods are known by "
                "their labels",
                "Keep one of them, or declare two externals",
            )
        if self.pods and not self.namespace:
            raise refusal("pods are given without the namespace they run in", "Add namespace, or remove pods")
        if self.services and self.domains:
            raise refusal(
                "services of AWS and domains are given together",
                "Declare two externals, one with services and one with domains",
            )
        if self.services and self.namespace:
            raise refusal(
                "services of AWS and a namespace of the cluster are given together",
                "Declare two externals, one with services and one with namespace",
            )
        return self


_NAMES_ALONE: JsonDict = {"additionalProperties": False}
"""Without this, the JSON schema accepts any entry under a key that is not a name."""


class TrafficFile(FileModel):
    """The allowed traffic, the same in every environment. Everything else is denied."""

    namespace: FirewalledNamespace
    """The namespace of the services that name no other one. The firewall is named after it."""
    services: dict[Name, ServiceEntry] = Field(min_length=1, json_schema_extra=_NAMES_ALONE)
    """The pods that the firewall protects, by a name that you choose."""
    externals: dict[Name, ExternalEntry] = Field(default_factory=dict, json_schema_extra=_NAMES_ALONE)
    """Everything else that connections lead from or to, by a name that you choose."""
    flows: list[FlowEntry] = Field(default_factory=list)
    """The connections that are allowed."""


def read_matrix(path: Path) -> Matrix:
    """Return the matrix that a traffic file declares.

    Raises:
        InputError: The file has mistakes; the error holds all of them, with their lines.
    """
    text, mistakes = read_text(path), list[InputError]()
    with with_lines(lambda: text, path.name):
        content = parse_document(text, path.name, mistakes)
        return parse_matrix(content, path.name, mistakes, frozenset(stacks_of(path.parent)))


def parse_matrix(
    content: Any,  # noqa: ANN401 - parsed YAML
    source: str,
    earlier: Iterable[InputError] = (),
    stacks: AbstractSet[str] = frozenset(),
) -> Matrix:
    """Return the matrix that parsed YAML declares; errors name it ``source``.

    Args:
        content: What the file holds.
        source: The file, for errors.
        earlier: The mistakes that were found in the file before.
        stacks: The project's stacks; empty if they are not known.

    Raises:
        InputError: The content has mistakes; the error holds all of them, also the earlier ones.
    """
    mistakes = [*earlier]
    try:
        file = validated(TrafficFile, content, source)
    except InputError as error:
        mistakes += error.each
        file = _what_is_right(content)
    services = tuple(_service(name, entry, file.namespace) for name, entry in sorted(file.services.items()))
    externals = tuple(sorted(_externals(file), key=lambda each: each.name))
    for check in (_shared_names, _own_namespace, _shared_policies, _shared_pods):
        mistakes += islice(check(file, services, source), MOST_MISTAKES)
    matrix = Matrix(file.namespace, services, externals, flows=())
    outside = {each.name for each in externals} - file.services.keys()
    names = _written_names(content) and {*_written_names(content), *_built_in(file)}
    parts = {name: [each.name for each in _parts(name, entry)] for name, entry in file.externals.items()}
    flows = Flows(file.flows, matrix.endpoints, outside, names, source, parts)
    found = flows.declared()
    refuse_all([*mistakes, *flows.mistakes, *_unknown_stacks(file, stacks, source)])
    limited = tuple(sorted(flows.limited, key=lambda each: (each.flow, each.stacks, str(each.until))))
    return replace(matrix, flows=found, repeated=tuple(sorted(flows.repeated)), limited=limited)


def _unknown_stacks(file: TrafficFile, known: AbstractSet[str], source: str) -> Iterator[InputError]:
    written = [(f"services.{name}", entry.stacks) for name, entry in file.services.items()]
    written += [(f"externals.{name}", entry.stacks) for name, entry in file.externals.items()]
    written += [(f"flows[{index}]", entry.stacks) for index, entry in enumerate(file.flows) if entry]
    for key, stacks in written if known else ():
        for index, stack in enumerate(stacks):
            if stack not in known:
                yield InputError(
                    source,
                    f"{key}.stacks[{index}]",
                    f"there is no stack {stack}",
                    f"Write one of {', '.join(sorted(known))}, or create {stack_file(stack)} first",
                )


def _what_is_right(content: Any) -> TrafficFile:  # noqa: ANN401 - parsed YAML has any shape
    """Return a file without the entries that hold mistakes, to find the mistakes in the others."""
    parts = content if isinstance(content, dict) else {}
    flows = parts.get("flows")
    return TrafficFile.model_construct(
        namespace=parts.get("namespace", ""),
        services=dict(_right(ServiceEntry, parts.get("services"))),
        externals=dict(_right(ExternalEntry, parts.get("externals"))),
        flows=[_entry(FlowEntry, each) for each in (flows if isinstance(flows, list) else ())],
    )


def _right(model: type[Model], entries: object) -> Iterator[tuple[str, Model]]:
    for name, content in entries.items() if isinstance(entries, dict) else ():
        entry = _entry(model, content) if isinstance(name, str) else None
        if entry is not None:
            yield name, entry


def _entry(model: type[Model], content: object) -> Model | None:
    try:
        return validated(model, content, "")
    except InputError:
        return None


def _written_names(content: Any) -> set[str]:  # noqa: ANN401 - parsed YAML has any shape
    """Return the names of all services and externals, with mistakes or not; empty if some cannot be read."""
    parts = content if isinstance(content, dict) else {}
    services, externals = parts.get("services"), parts.get("externals", {})
    known = {"namespace", "services", "externals", "flows"}
    if not isinstance(services, dict) or not isinstance(externals, dict) or set(parts) - known:
        return set()  # a flow may name what stands in the part that cannot be read
    return {str(name) for name in (*services, *externals)}


def _service(name: str, entry: ServiceEntry, home: str) -> Service:
    return Service(
        name,
        entry.pods,
        _sorted(entry.ports),
        entry.policies.ingress or f"allow-ingress-{name}",
        entry.policies.egress or f"allow-egress-{name}",
        tuple(sorted(set(entry.stacks))),
        None if entry.namespace == home else entry.namespace,
    )


def _externals(file: TrafficFile) -> Iterator[External]:
    """Yield the written externals, and the built-in peers that flows name."""
    for name, entry in file.externals.items():
        yield from _parts(name, entry)
    for name in _built_in(file):
        yield External(name, BuiltIn(name).ports, None, (), looked_up=BuiltIn(name))


def _parts(name: str, entry: ExternalEntry) -> Iterator[External]:
    stacks = tuple(sorted(set(entry.stacks)))
    names = tuple(sorted(set(entry.domains or ())))
    if not entry.services:
        yield External(name, _sorted(entry.ports or ()), entry.namespace, entry.pods or (), stacks, None, names)
    for service in sorted(set(entry.services or ())):
        ports = _sorted(entry.ports or AWS_PORTS)
        yield External(endpoint_of(name, service), ports, None, (), stacks, AwsService(service))


def _built_in(file: TrafficFile) -> set[str]:
    """Return the names in flows that mean a built-in peer: no service and no external has them."""
    named = {name for flow in file.flows if flow for name in (*flow.source, *flow.target)}
    return {each.value for each in BuiltIn} & named - file.services.keys() - file.externals.keys()


def _sorted(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    return tuple(sorted(set(ports)))


def _shared_names(file: TrafficFile, services: tuple[Service, ...], source: str) -> Iterator[InputError]:
    for service in services:
        if service.name in file.externals:
            yield InputError(
                source, f"externals.{service.name}", "a service has the same name", "Rename the external or the service"
            )


def _own_namespace(file: TrafficFile, services: tuple[Service, ...], source: str) -> Iterator[InputError]:
    there = {service.namespace: service.name for service in services}
    for name, entry in file.externals.items():
        if entry.namespace is None:
            continue
        if entry.namespace == file.namespace:
            problem, remedy = f"{file.namespace} is the firewalled namespace itself", ""
        elif entry.namespace in there:
            problem = f"{entry.namespace} is a firewalled namespace, because {there[entry.namespace]} runs there"
            remedy = f", with namespace: {entry.namespace}"
        else:
            continue
        yield InputError(
            source, f"externals.{name}.namespace", problem, f"Declare {name} under services instead{remedy}"
        )


def _shared_policies(file: TrafficFile, services: tuple[Service, ...], source: str) -> Iterator[InputError]:
    if any(entry.domains for entry in file.externals.values()):
        yield from names_of_domains_policies(services, source)
    first: dict[str, str] = {}
    for service in services:
        for direction, name in service.policies:
            if name in first:
                yield InputError(
                    source,
                    f"services.{service.name}.policies.{direction}",
                    f"{name} is already the policy for {first[name]}",
                    "Give each service and direction a policy name of its own",
                )
            first.setdefault(name, f"{direction} of {service.name}")


def _shared_pods(_: TrafficFile, services: tuple[Service, ...], source: str) -> Iterator[InputError]:
    for first, second in _possibly_shared(services):
        yield InputError(
            source,
            f"services.{second.name}.pods",
            f"a pod can match both {first.name} and {second.name}, and would get the permissions of both",
            "Give both services one label key with different values",
        )


def _possibly_shared(services: tuple[Service, ...]) -> Iterator[tuple[Service, Service]]:
    """Yield the pairs of services that one pod could match, without comparing every pair of a large matrix."""
    by_namespace: dict[str | None, list[Service]] = {}
    for service in services:
        by_namespace.setdefault(service.namespace, []).append(service)
    for together in by_namespace.values():
        yield from _possibly_shared_in_one(together)


def _possibly_shared_in_one(services: Sequence[Service]) -> Iterator[tuple[Service, Service]]:
    values = Counter(key for key, _ in {label for service in services for label in service.pods})
    dividing_key = max(sorted(values), key=values.__getitem__)
    by_value: dict[str | None, list[Service]] = {}
    for service in services:
        by_value.setdefault(dict(service.pods).get(dividing_key), []).append(service)
    without = by_value.pop(None, [])
    for group in by_value.values():
        yield from (pair for pair in combinations(group, 2) if not share_no_pod(*pair))
    for lone in without:
        yield from ((lone, other) for other in services if other is not lone and not share_no_pod(lone, other))


def declaration(matrix: Matrix) -> dict[str, Any]:
    """Return the content of a traffic file that declares this matrix, with every default written out.

    Reading it again gives the same matrix, so a deployment can be repeated from its exported declaration.
    """
    return {
        "namespace": matrix.namespace,
        "services": {
            service.name: {
                **({"namespace": service.namespace} if service.namespace else {}),
                "pods": dict(service.pods),
                **({"ports": _written(service.ports)} if service.ports else {}),
                "policies": {direction.value: name for direction, name in service.policies},
                **_in_stacks(service.stacks),
            }
            for service in matrix.services
        },
        "externals": _externals_written(matrix),
        "flows": [_flow_written(each) for each in _written_flows(matrix)],
    }


def _written_flows(matrix: Matrix) -> Iterable[LimitedFlow]:
    """Return the flows with the names that a file has for their ends, each once."""
    every = (*map(LimitedFlow, matrix.flows), *matrix.limited)
    ends = (replace(each, flow=replace(each.flow, target=written_name(each.flow.target))) for each in every)
    return dict.fromkeys(ends)


def _flow_written(limited: LimitedFlow) -> dict[str, Any]:
    flow = limited.flow
    return {
        "from": flow.source,
        "to": flow.target,
        "ports": _written(flow.ports),
        **({"because": flow.because} if flow.because else {}),
        **({"until": str(limited.until)} if limited.until else {}),
        **_in_stacks(limited.stacks),
    }


def _in_stacks(stacks: tuple[str, ...]) -> dict[str, Any]:
    return {"stacks": list(stacks)} if stacks else {}


def _externals_written(matrix: Matrix) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for external in matrix.externals:
        if isinstance(external.looked_up, AwsService):
            entry = found.setdefault(written_name(external.name), _external_written(external) | {"services": []})
            entry["services"].append(external.looked_up.name)
        elif external.looked_up is None:
            found[external.name] = _external_written(external)
    return found


def _external_written(external: External) -> dict[str, Any]:
    written: dict[str, Any] = {"ports": _written(external.ports)} if external.ports else {}
    if external.domains:
        written["domains"] = list(external.domains)
    if external.namespace is not None:
        written["namespace"] = external.namespace
    if external.pods:
        written["pods"] = dict(external.pods)
    return written | _in_stacks(external.stacks)


def _written(ports: tuple[PortRange, ...]) -> list[dict[str, Any]]:
    return [
        {"port": port.first if port.first == port.last else port.numbers, "protocol": port.protocol.value}
        for port in ports
    ]
