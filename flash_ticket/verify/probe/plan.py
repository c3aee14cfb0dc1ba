"""The connections that ``verify --probe`` tries: every declared and every undeclared one of each service."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any, Final

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.declare.matrix import DeclaredEndpoint, Matrix, Service
from flash_ticket.firewall.terms.input_error import InputError, shown
from flash_ticket.firewall.terms.ports import PortRange, Protocol
from flash_ticket.traffic.attribution.inventory import Interface
from flash_ticket.verify.probe.check import Check, Expectation
from flash_ticket.verify.probe.judgement import Enforcer, Place, enforcer_of

CONNECTION_SECONDS: Final = 3
"""How long one connection may take: within a VPC an answer takes milliseconds. TCP tries again after one second, and
Linux may take note of a rejection by ICMP only then."""

_HOSTS_EACH = 3
"""How many addresses of a target are tried: one member of a cluster may be on standby."""

_PROXIES = frozenset({"istio-proxy", "linkerd-proxy"})
"""The sidecars of Istio and Linkerd; both accept a connection before they open one to its target."""

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


@dataclass(frozen=True, slots=True)
class RunningPod:
    """A pod of a service that can open connections and be reached.

    Attributes:
        container: The one that kubectl exec would choose.
        address: The pod's address, in canonical form.
        proxy: The container of a service mesh that takes all connections of the pod; empty where there is none.
        ready: The ports that its readiness probes connect to, if the pod is ready.
        namespace: Its namespace, if that is not the one that the firewall is named after.
    """

    service: str
    name: str
    container: str
    address: str
    proxy: str = ""
    ready: tuple[int, ...] = ()
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """The connections to try, and the pods to try them from.

    Attributes:
        namespace: The namespace that the firewall is named after.
        services: All services, with or without a running pod.
        pods: One pod for each service that has a running pod; it opens the connections of that service.
        checks: The connections to try; the declared ones of a service come first.
        untried: What no connection can show, in words.
        enforcer: What the declared enforcer does with a connection that it stops.
        ready: Where the kubelet has found a listener.
    """

    namespace: str
    services: frozenset[str]
    pods: tuple[RunningPod, ...]
    checks: tuple[Check, ...]
    untried: tuple[str, ...]
    enforcer: Enforcer
    ready: frozenset[Place]

    def of(self, pod: RunningPod) -> tuple[Check, ...]:
        """Return the checks that this pod makes: none where a proxy would answer in place of every target."""
        return () if pod.proxy else tuple(each for each in self.checks if each.source == pod.service and each.hosts)

    def own(self, pod: RunningPod) -> tuple[Place, ...]:
        """Return the pod's own address with each port that a check tries there.

        No policy applies to a connection of a pod to itself (Kubernetes documentation, "Network Policies"), so it shows
        whether anything listens.
        """
        tried = (each.port for each in self.checks if each.target == pod.service and pod.address in each.hosts)
        return () if pod.proxy else tuple((pod.address, port) for port in dict.fromkeys(tried))

    def ends(self, pod: RunningPod) -> tuple[Place, ...]:
        """Return every host and port that this pod tries: those of its checks in their order, then its own."""
        return (*((host, each.port) for each in self.of(pod) for host in each.hosts), *self.own(pod))

    def seconds(self, pod: RunningPod) -> int:
        """Return how many seconds the connections of this pod take at most."""
        return CONNECTION_SECONDS * len(self.ends(pod))


def running_pods(matrix: Matrix, described: Iterable[Mapping[str, Any]]) -> tuple[RunningPod, ...]:
    """Return the pods of each service that run and are not being deleted, ready pods first.

    Args:
        matrix: Declares the services by the labels of their pods.
        described: The pods of its namespaces, as the API describes them.
    """
    found = (
        (not _is_ready(pod), service.name, pod["metadata"]["name"], pod)
        for pod in described
        for service in matrix.services_in(pod["metadata"].get("namespace", matrix.namespace))
        if _runs(pod) and set(service.pods) <= set((pod["metadata"].get("labels") or {}).items())
    )
    ordered = sorted(found, key=lambda each: each[:3])
    namespaces = {service.name: service.namespace for service in matrix.services}
    return tuple(replace(_running(name, pod), namespace=namespaces[name]) for _, name, _, pod in ordered)


def plan(
    matrix: Matrix,
    environment: Environment,
    pods: tuple[RunningPod, ...],
    interfaces: tuple[Interface, ...],
    named: Mapping[str, tuple[str, ...]],
) -> ProbePlan:
    """Return the connections to try.

    Args:
        matrix: The declared traffic.
        environment: The places of the externals.
        pods: The running pods, from `running_pods`.
        interfaces: The interfaces of the VPC; one that carries an external's group counts as one of its hosts.
        named: The hosts of externals that the user has named.
    """
    targets = _Targets(environment, pods, interfaces, named)
    chosen: dict[str, RunningPod] = {}
    for pod in pods:
        chosen.setdefault(pod.service, pod)
    checks = [
        _between_two(check, chosen)
        for source in matrix.services
        for expected in (_declared, _undeclared)
        for check in expected(matrix, source, targets)
    ]
    tried = tuple(each for each in checks if each.ports.protocol is Protocol.TCP)
    others = dict.fromkeys(f"{each}: only TCP shows whether a connection opens" for each in checks if each not in tried)
    return ProbePlan(
        matrix.namespace,
        frozenset(each.name for each in matrix.services),
        tuple(chosen[name] for name in sorted(chosen)),
        tried,
        tuple(others),
        enforcer_of(environment.cluster.cni),
        frozenset((pod.address, port) for pod in pods for port in pod.ready),
    )


@dataclass(frozen=True, slots=True)
class _Targets:
    environment: Environment
    pods: tuple[RunningPod, ...]
    interfaces: tuple[Interface, ...]
    named: Mapping[str, tuple[str, ...]]

    def hosts(self, target: DeclaredEndpoint) -> tuple[str, ...]:
        """Return the known addresses or names of a target."""
        if isinstance(target, Service):
            return tuple(each.address for each in self.pods if each.service == target.name)[:_HOSTS_EACH]
        if target.name in self.named or not target.has_place:
            return self.named.get(target.name, ())
        place = self.environment.place(target.name)
        alone = [str(each.network_address) for each in place.networks if each.prefixlen == each.max_prefixlen]
        groups = {group.id for group in place.groups}
        carrying = [each.addresses[0] for each in self.interfaces if groups & set(each.groups) and each.addresses]
        return tuple(dict.fromkeys((*carrying, *alone)))[:_HOSTS_EACH]

    def is_at(self, target: DeclaredEndpoint, host: str) -> bool:
        """Return whether a host is, or may be, one of a target."""
        if host in self.hosts(target):
            return True
        if isinstance(target, Service) or not target.has_place or not is_address(host):
            return False
        return any(ip_address(host) in network for network in self.environment.place(target.name).networks)


def _declared(matrix: Matrix, source: Service, targets: _Targets) -> Iterator[Check]:
    for flow in matrix.flows_out_of[source.name]:
        hosts = targets.hosts(matrix.endpoints[flow.target])
        for ports in flow.ports:
            yield Check(source.name, flow.target, ports, ports.first, Expectation.CONNECTS, hosts)


def _between_two(check: Check, chosen: Mapping[str, RunningPod]) -> Check:
    """Return the check without the pod that makes it among its hosts: no policy applies to a pod with itself."""
    if check.source != check.target or check.source not in chosen:
        return check
    own = chosen[check.source].address
    return replace(check, hosts=tuple(host for host in check.hosts if host != own))


def _undeclared(matrix: Matrix, source: Service, targets: _Targets) -> Iterator[Check]:
    flows = matrix.flows_out_of[source.name]
    for target in matrix.endpoints.values():
        open_ports = [ports for flow in flows if flow.target == target.name for ports in flow.ports]
        for ports in target.ports if target.name != source.name else ():
            port = _outside(ports, open_ports)
            if port is None:
                continue
            known = targets.hosts(target)
            hosts = tuple(each for each in known if not _may_reach(matrix, source, targets, each, ports.protocol, port))
            if hosts or not known:
                yield Check(source.name, target.name, ports, port, Expectation.BLOCKED, hosts)


def _outside(ports: PortRange, open_ports: list[PortRange]) -> int | None:
    """Return the first port of a range that is in none of the others."""
    port = ports.first
    for each in sorted(open_ports):
        if each.protocol is ports.protocol and each.first <= port <= each.last:
            port = each.last + 1
    return port if port <= ports.last else None


def _may_reach(  # noqa: PLR0913, PLR0917 - one connection, and what it is compared with
    matrix: Matrix, source: Service, targets: _Targets, host: str, protocol: Protocol, port: int
) -> bool:
    """Return whether a flow to another endpoint declares this connection too: two externals may share a subnet."""
    return any(
        ports.protocol is protocol and ports.first <= port <= ports.last
        for flow in matrix.flows_out_of[source.name]
        if targets.is_at(matrix.endpoints[flow.target], host)
        for ports in flow.ports
    )


def is_address(host: str) -> bool:
    """Return whether a host is an address and not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _runs(pod: Mapping[str, Any]) -> bool:
    status = pod.get("status") or {}
    has_own_network = not pod["spec"].get("hostNetwork")
    return has_own_network and status.get("phase") == "Running" and bool(status.get("podIP")) and not _is_deleted(pod)


def _is_deleted(pod: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _running(service: str, pod: Mapping[str, Any]) -> RunningPod:
    metadata, spec = pod["metadata"], pod["spec"]
    containers = [str(each["name"]) for each in spec["containers"]]
    beside = [str(each["name"]) for each in spec.get("initContainers") or ()]  # a native sidecar is among these
    wanted = (metadata.get("annotations") or {}).get(_DEFAULT_CONTAINER)
    container = str(wanted) if wanted in containers else containers[0]
    proxy = next((each for each in (*containers, *beside) if each in _PROXIES), "")
    ready = tuple(sorted(_probed_ports(spec["containers"]))) if _is_ready(pod) else ()
    return RunningPod(service, metadata["name"], container, str(ip_address(pod["status"]["podIP"])), proxy, ready)


def _probed_ports(containers: Iterable[Mapping[str, Any]]) -> Iterator[int]:
    """Yield the ports that readiness probes connect to at the pod's own address."""
    for container in containers:
        probe = container.get("readinessProbe") or {}
        for way in ("tcpSocket", "httpGet", "grpc"):
            port = (probe.get(way) or {}).get("port")
            named = {each["name"]: each["containerPort"] for each in container.get("ports") or () if "name" in each}
            number = port if isinstance(port, int) else named.get(port)
            if number is not None and not probe[way].get("host"):
                yield number


def named_hosts(matrix: Matrix, written: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Read ``EXTERNAL=HOST`` settings.

    Raises:
        InputError: One has another form, or names no external.
    """
    found: dict[str, tuple[str, ...]] = {}
    externals = {each.name for each in matrix.externals if each.ports}
    for each in written:
        name, _, host = each.partition("=")
        if name not in externals or not host or not host.isprintable() or " " in host or host.startswith("-"):
            known = ", ".join(f"{known}=HOST" for known in sorted(externals))
            raise InputError(
                "--probe-host", shown(each), "it does not name a host of an external", f"Write one of {known}"
            )
        found[name] = (*found.get(name, ()), host)
    return found
