"""traffic.yaml: its keys, its JSON schema, the checks, and the matrix that it declares."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations, islice, product
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator
from pydantic.config import JsonDict

from flash_ticket.firewall.declare.fields import Name, Names, PolicyName, Ports, WrittenLabels
from flash_ticket.firewall.declare.matrix import DeclaredEndpoint, External, Flow, Matrix, Service, share_no_pod
from flash_ticket.firewall.declare.validation import MOST_MISTAKES, FileModel, Model, refusal, validated
from flash_ticket.firewall.declare.yaml_document import parse_document, read_text, with_lines
from flash_ticket.firewall.terms.input_error import InputError, refuse_all
from flash_ticket.firewall.terms.ports import PortRange, PortSet, listing


class PolicyNames(FileModel):
    """The names of a service's two NetworkPolicies; they do not depend on the flows."""

    ingress: PolicyName | None = None
    egress: PolicyName | None = None


class ServiceEntry(FileModel):
    """Pods of the namespace that do one job; without ports they only call."""

    pods: WrittenLabels
    ports: Ports = Field(default_factory=list)
    policies: PolicyNames = PolicyNames()

    @model_validator(mode="after")
    def _ingress_leads_to_ports(self) -> Self:
        if self.policies.ingress and not self.ports:
            raise refusal(
                "an ingress policy has a name, but the service has no ports, so it gets no ingress policy",
                "Add ports, or remove policies.ingress",
            )
        return self


class ExternalEntry(FileModel):
    """A place outside the cluster that each stack binds, or pods of another namespace."""

    ports: Ports | None = None
    namespace: Name | None = None
    pods: WrittenLabels | None = None

    @model_validator(mode="after")
    def _pods_are_somewhere(self) -> Self:
        if self.pods and not self.namespace:
            raise refusal("pods are given without the namespace they run in", "Add namespace, or remove pods")
        return self


class FlowEntry(FileModel):
    """A permission: from each source to each target, on the given ports or on all ports of the target."""

    source: Names = Field(alias="from")
    target: Names = Field(alias="to")
    ports: Ports | None = None


_NAMES_ALONE: JsonDict = {"additionalProperties": False}
"""Without this, the JSON schema accepts any entry under a key that is not a name."""


class TrafficFile(FileModel):
    """The allowed traffic, the same in every environment. Everything else is denied."""

    namespace: Name
    services: dict[Name, ServiceEntry] = Field(min_length=1, json_schema_extra=_NAMES_ALONE)
    externals: dict[Name, ExternalEntry] = Field(default_factory=dict, json_schema_extra=_NAMES_ALONE)
    flows: list[FlowEntry] = Field(default_factory=list)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of traffic.yaml, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **TrafficFile.model_json_schema(by_alias=True)}


def read_matrix(path: Path) -> Matrix:
    """Return the matrix that a traffic file declares.

    Raises:
        InputError: The file has mistakes; the error holds all of them, with their lines.
    """
    text, mistakes = read_text(path), list[InputError]()
    with with_lines(lambda: text, path.name):
        return parse_matrix(parse_document(text, path.name, mistakes), path.name, mistakes)


def parse_matrix(content: Any, source: str, earlier: Iterable[InputError] = ()) -> Matrix:  # noqa: ANN401 - parsed YAML
    """Return the matrix that parsed YAML declares; errors name it ``source``.

    Args:
        content: What the file holds.
        source: The file, for errors.
        earlier: The mistakes that were found in the file before.

    Raises:
        InputError: The content has mistakes; the error holds all of them, also the earlier ones.
    """
    mistakes = [*earlier]
    try:
        file = validated(TrafficFile, content, source)
    except InputError as error:
        mistakes += error.each
        file = _what_is_right(content)
    services = tuple(_service(name, entry) for name, entry in sorted(file.services.items()))
    externals = tuple(_external(name, entry) for name, entry in sorted(file.externals.items()))
    for check in (_shared_names, _own_namespace, _shared_policies, _shared_pods):
        mistakes += islice(check(file, services, source), MOST_MISTAKES)
    matrix = Matrix(file.namespace, services, externals, flows=())
    flows = _Flows(file, matrix.endpoints, _written_names(content), source)
    found = flows.declared()
    refuse_all([*mistakes, *flows.mistakes])
    return replace(matrix, flows=found, repeated=tuple(sorted(flows.repeated)))


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


def _service(name: str, entry: ServiceEntry) -> Service:
    return Service(
        name,
        entry.pods,
        _sorted(entry.ports),
        entry.policies.ingress or f"allow-ingress-{name}",
        entry.policies.egress or f"allow-egress-{name}",
    )


def _external(name: str, entry: ExternalEntry) -> External:
    return External(name, _sorted(entry.ports or ()), entry.namespace, entry.pods or ())


def _sorted(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    return tuple(sorted(set(ports)))


def _shared_names(file: TrafficFile, services: tuple[Service, ...], source: str) -> Iterator[InputError]:
    for service in services:
        if service.name in file.externals:
            yield InputError(
                source, f"externals.{service.name}", "a service has the same name", "Rename the external or the service"
            )


def _own_namespace(file: TrafficFile, _: tuple[Service, ...], source: str) -> Iterator[InputError]:
    for name, entry in file.externals.items():
        if entry.namespace == file.namespace:
            yield InputError(
                source,
                f"externals.{name}.namespace",
                f"{file.namespace} is the firewalled namespace itself",
                f"Declare {name} under services instead",
            )


def _shared_policies(_: TrafficFile, services: tuple[Service, ...], source: str) -> Iterator[InputError]:
    uses = Counter(name for service in services for _, name in service.policies)
    for service in services:
        for direction, name in service.policies:
            if uses[name] > 1:
                yield InputError(
                    source,
                    f"services.{service.name}.policies.{direction}",
                    f"the policy name {name} is used {uses[name]} times",
                    "Give each service and direction a policy name of its own",
                )


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
    if not services:
        return
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


@dataclass(slots=True)
class _Flows:
    """Reads the flows of a file, and collects the mistakes in them."""

    file: TrafficFile
    endpoints: dict[str, DeclaredEndpoint]
    names: set[str]
    source: str
    mistakes: list[InputError] = field(default_factory=list)
    repeated: set[Flow] = field(default_factory=set)

    def declared(self) -> tuple[Flow, ...]:
        """Return one flow for each pair of endpoints, sorted."""
        permitted: dict[tuple[str, str], set[PortRange]] = {}
        for index, entry in enumerate(self.file.flows):
            key = f"flows[{index}]"
            if entry is None or self._names_unknown(entry, key):
                continue
            for origin, target in product(entry.source, entry.target):
                if self._is_impossible(origin, target, key):
                    continue
                ports = set(self._ports(entry, target, key))
                known = permitted.setdefault((origin, target), set())
                twice = _sorted(PortSet.of(known) & PortSet.of(ports))
                if twice:
                    self.repeated.add(Flow(origin, target, twice))
                known |= ports
        return tuple(Flow(*ends, _sorted(ports)) for ends, ports in sorted(permitted.items()) if ports)

    def _fail(self, key: str, problem: str, remedy: str) -> None:
        if len(self.mistakes) < MOST_MISTAKES:
            self.mistakes.append(InputError(self.source, key, problem, remedy))

    def _names_unknown(self, entry: FlowEntry, key: str) -> bool:
        """Return whether an end of the flow is not declared, or is declared with a mistake."""
        for end, names in (("from", entry.source), ("to", entry.target)):
            for name in names:
                if self.names and name not in self.names:
                    self._fail(
                        f"{key}.{end}",
                        f"{name} is neither a service nor an external",
                        f"Declare it, or write one of: {', '.join(sorted(self.names))}",
                    )
        return any(name not in self.endpoints for name in (*entry.source, *entry.target))

    def _is_impossible(self, origin: str, target: str, key: str) -> bool:
        outside = [each in self.file.externals and each not in self.file.services for each in (origin, target)]
        if origin == target and all(outside):
            self._fail(
                f"{key}.to",
                f"the flow goes from the external {origin} to itself",
                "Remove it: only the pods of a service may be both ends of a flow",
            )
        elif all(outside):
            self._fail(
                key,
                f"{origin} and {target} are both externals, and this firewall does not control the traffic between "
                "them",
                "Name a service at one end",
            )
        else:
            return False
        return True

    def _ports(self, entry: FlowEntry, target: str, key: str) -> Iterable[PortRange]:
        declared = self.endpoints[target].ports
        if not declared:
            self._fail(f"{key}.to", f"{target} declares no ports", f"Add ports to {target}")
            return ()
        for index, port in enumerate(entry.ports or ()):
            if not any(known.covers(port) for known in declared):
                self._fail(
                    f"{key}.ports[{index}]",
                    f"{target} does not listen on {port}",
                    f"Write ports of {target} ({listing(declared)}), or add this one there",
                )
        return entry.ports or declared


def declaration(matrix: Matrix) -> dict[str, Any]:
    """Return the content of a traffic file that declares this matrix, with every default written out.

    Reading it again gives the same matrix, so a deployment can be repeated from its exported declaration.
    """
    return {
        "namespace": matrix.namespace,
        "services": {
            service.name: {
                "pods": dict(service.pods),
                **({"ports": _written(service.ports)} if service.ports else {}),
                "policies": {direction.value: name for direction, name in service.policies},
            }
            for service in matrix.services
        },
        "externals": {external.name: _external_written(external) for external in matrix.externals},
        "flows": [{"from": flow.source, "to": flow.target, "ports": _written(flow.ports)} for flow in matrix.flows],
    }


def _external_written(external: External) -> dict[str, Any]:
    written: dict[str, Any] = {"ports": _written(external.ports)} if external.ports else {}
    if external.namespace is not None:
        written["namespace"] = external.namespace
    if external.pods:
        written["pods"] = dict(external.pods)
    return written


def _written(ports: tuple[PortRange, ...]) -> list[dict[str, Any]]:
    return [
        {"port": port.first if port.first == port.last else port.numbers, "protocol": port.protocol.value}
        for port in ports
    ]


def schema_text() -> str:
    """Return the content of the committed file ``traffic.schema.json``."""
    return json.dumps(json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
