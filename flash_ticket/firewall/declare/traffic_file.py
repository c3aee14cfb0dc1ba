"""traffic.yaml: its keys, its JSON schema, the checks, and the matrix that it declares."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator
from pydantic.config import JsonDict

from flash_ticket.firewall.declare.fields import Name, Names, PolicyName, Ports, WrittenLabels
from flash_ticket.firewall.declare.matrix import DeclaredEndpoint, External, Flow, Matrix, Service
from flash_ticket.firewall.declare.validation import FileModel, refusal, validated
from flash_ticket.firewall.declare.yaml_document import read_document
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import PortRange, listing


class PolicyNames(FileModel):
    """The names of a service's two NetworkPolicies; they do not depend on the flows."""

    ingress: PolicyName | None = None
    egress: PolicyName | None = None


class ServiceEntry(FileModel):
    """Pods of the namespace that do one job."""

    pods: WrittenLabels
    ports: Ports
    policies: PolicyNames = PolicyNames()


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
        InputError: The file has a mistake; the error describes the first one.
    """
    return parse_matrix(read_document(path), path.name)


def parse_matrix(content: Any, source: str) -> Matrix:  # noqa: ANN401 - parsed YAML has any shape
    """Return the matrix that parsed YAML declares; errors name it ``source``.

    Raises:
        InputError: The content has a mistake; the error describes the first one.
    """
    file = validated(TrafficFile, content, source)
    services = tuple(_service(name, entry) for name, entry in sorted(file.services.items()))
    externals = tuple(_external(name, entry) for name, entry in sorted(file.externals.items()))
    for check in (_refuse_shared_names, _refuse_own_namespace, _refuse_shared_policies, _refuse_shared_pods):
        check(file, services, source)
    matrix = Matrix(file.namespace, services, externals, flows=())
    return replace(matrix, flows=_flows(file, matrix.endpoints, source))


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


def _refuse_shared_names(file: TrafficFile, services: tuple[Service, ...], source: str) -> None:
    for service in services:
        if service.name in file.externals:
            raise InputError(
                source, f"externals.{service.name}", "a service has the same name", "Rename the external or the service"
            )


def _refuse_own_namespace(file: TrafficFile, _: tuple[Service, ...], source: str) -> None:
    for name, entry in file.externals.items():
        if entry.namespace == file.namespace:
            raise InputError(
                source,
                f"externals.{name}.namespace",
                f"{file.namespace} is the firewalled namespace itself",
                f"Declare {name} under services instead",
            )


def _refuse_shared_policies(_: TrafficFile, services: tuple[Service, ...], source: str) -> None:
    uses = Counter(name for service in services for name in (service.ingress_policy, service.egress_policy))
    for service in services:
        for direction, name in (("ingress", service.ingress_policy), ("egress", service.egress_policy)):
            if uses[name] > 1:
                raise InputError(
                    source,
                    f"services.{service.name}.policies.{direction}",
                    f"the policy name {name} is used {uses[name]} times",
                    "Give each service and direction a policy name of its own",
                )


def _refuse_shared_pods(_: TrafficFile, services: tuple[Service, ...], source: str) -> None:
    for first, second in _possibly_shared(services):
        raise InputError(
            source,
            f"services.{second.name}.pods",
            f"a pod can match both {first.name} and {second.name}, and would get the permissions of both",
            "Give both services one label key with different values",
        )


def _possibly_shared(services: tuple[Service, ...]) -> Iterator[tuple[Service, Service]]:
    """Yield the pairs of services that one pod could match, without comparing every pair of a large matrix."""
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


def share_no_pod(first: Service, second: Service) -> bool:
    """Return whether no pod can match both services: a label key has different values."""
    labels = dict(first.pods)
    return any(labels.get(key, value) != value for key, value in second.pods)


def _flows(file: TrafficFile, endpoints: dict[str, DeclaredEndpoint], source: str) -> tuple[Flow, ...]:
    permitted: dict[tuple[str, str], set[PortRange]] = {}
    for index, entry in enumerate(file.flows):
        key = f"flows[{index}]"
        _refuse_unknown(entry, endpoints, source, key)
        for origin in entry.source:
            for target in entry.target:
                _refuse_impossible(origin, target, file, source, key)
                ports = _flow_ports(entry, target, endpoints[target].ports, source, key)
                permitted.setdefault((origin, target), set()).update(ports)
    return tuple(Flow(*ends, _sorted(ports)) for ends, ports in sorted(permitted.items()))


def _refuse_unknown(entry: FlowEntry, endpoints: dict[str, DeclaredEndpoint], source: str, key: str) -> None:
    for end, names in (("from", entry.source), ("to", entry.target)):
        for name in names:
            if name not in endpoints:
                raise InputError(
                    source,
                    f"{key}.{end}",
                    f"{name} is neither a service nor an external",
                    f"Declare it, or write one of: {', '.join(sorted(endpoints))}",
                )


def _refuse_impossible(origin: str, target: str, file: TrafficFile, source: str, key: str) -> None:
    if origin == target:
        raise InputError(
            source,
            f"{key}.to",
            f"the flow goes from {origin} to itself",
            "Remove it; where its pods must talk to each other, declare them as two services",
        )
    if origin in file.externals and target in file.externals:
        raise InputError(
            source,
            key,
            f"{origin} and {target} are both externals, and this firewall does not control the traffic between them",
            "Name a service at one end",
        )


def _flow_ports(
    entry: FlowEntry, target: str, declared: tuple[PortRange, ...], source: str, key: str
) -> Iterable[PortRange]:
    if not declared:
        raise InputError(source, f"{key}.to", f"{target} declares no ports", f"Add ports to {target}")
    for index, port in enumerate(entry.ports or ()):
        if not any(known.covers(port) for known in declared):
            raise InputError(
                source,
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
                "ports": _written(service.ports),
                "policies": {"ingress": service.ingress_policy, "egress": service.egress_policy},
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
