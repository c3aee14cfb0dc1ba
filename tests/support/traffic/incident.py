"""An invented incident in the shop's dev environment: who had which address, and what was deployed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.traffic.attribution.inventory import ClusterService, Interface, Inventory, Pod
from flash_ticket.traffic.records.record import Disposition, End, Evidence, PodIdentity, Reading, Record, Scope
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.described import deployed

NIGHT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC).timestamp()
TAKEN = NIGHT + 3600
"""When the inventory was taken; all traffic happened in the hour before."""

SHOP = shop_matrix()
DEV = environment_of("dev")
FIREWALL = compile_firewall(SHOP, DEV)

NODE = "10.10.10.2"
OLD = NIGHT - 86_400


def pod(  # noqa: PLR0913 - each is a field of a pod
    name: str,
    address: str,
    app: str,
    *,
    namespace: str = "flash-ticket",
    since: float | None = OLD,
    until: float | None = None,
    node: str = NODE,
) -> Pod:
    """Return a pod that started a day ago, unless ``since`` says otherwise."""
    return Pod(namespace, name, (("app", app),), (address,), node, since, until)


GATEWAY = pod("gateway-1", "10.10.10.11", "flash-gateway")
API = pod("api-1", "10.10.10.21", "flash-api")
API_BARE = pod("api-2", "10.10.10.22", "flash-api")
API_YOUNG = pod("api-3", "10.10.10.23", "flash-api", since=NIGHT + 600)
PAY = pod("pay-1", "10.10.10.31", "flash-pay")
DEBUG = pod("debug-1", "10.10.10.41", "debug")
PAY_MISLABELLED = pod("pay-2", "10.10.10.42", "flash-payy")
PROMETHEUS = pod("prometheus-0", "10.10.10.51", "prometheus", namespace="monitoring")
RESOLVER = Pod("kube-system", "coredns-1", (("k8s-app", "kube-dns"),), ("10.10.11.3",), NODE, OLD, None)
FORMER = pod("api-0", "10.10.10.60", "flash-api", until=NIGHT + 1000)
SUCCESSOR = pod("job-1", "10.10.10.60", "job", since=NIGHT + 1200)
PROXY = pod("kube-proxy-1", NODE, "kube-proxy", namespace="kube-system")

PODS = (
    *(GATEWAY, API, API_BARE, API_YOUNG, PAY, DEBUG, PAY_MISLABELLED, PROMETHEUS, RESOLVER, FORMER, SUCCESSOR, PROXY),
)

REDIS, RABBITMQ, DATABASE = "10.10.20.5", "10.10.20.6", "10.10.20.7"
UNKNOWN_STORE = "10.10.20.99"
ALB, BASTION = "10.10.0.5", "10.10.0.9"
CLIENT, STRANGER = "203.0.113.9", "192.0.2.66"
API_SERVICE, CONTROL_PLANE = "172.20.5.5", "172.20.0.1"

INTERFACES = (
    Interface("eni-node", (NODE, "10.10.10.51"), ("sg-dev-nodes",)),
    Interface("eni-gateway", ("10.10.10.11",), ("sg-own-gateway", "sg-own-pods.flash-ticket")),
    Interface("eni-api-1", ("10.10.10.21",), ("sg-own-api", "sg-own-pods.flash-ticket")),
    Interface("eni-api-2", ("10.10.10.22",), ("sg-dev-nodes",)),
    Interface("eni-pay", ("10.10.10.31",), ("sg-own-pay", "sg-own-pods.flash-ticket")),
    Interface("eni-redis", (REDIS,), ("sg-dev-redis",)),
    Interface("eni-rabbitmq", (RABBITMQ,), ("sg-dev-rabbitmq",)),
    Interface("eni-database", (DATABASE,), ("sg-dev-database",)),
    Interface("eni-alb", (ALB,), ("sg-own-alb",)),
    Interface("eni-bastion", (BASTION,), ("sg-bastion",)),
)

SERVICES = (
    ClusterService("flash-ticket", "api", (API_SERVICE,), (("app", "flash-api"),), ((tcp(80), 4000),)),
    ClusterService("default", "kubernetes", (CONTROL_PLANE,), (), ((tcp(443), 443),)),
)

INVENTORY = Inventory(TAKEN, DEV, deployed(FIREWALL), PODS, INTERFACES, SERVICES, OLD)


@dataclass(frozen=True, slots=True)
class Heard:
    """A log in memory; it yields the given records one by one."""

    heard: tuple[Record, ...]
    name: str = "heard"

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        for record in self.heard:
            if scope.since is None or record.last >= scope.since:
                reading.recorded += record.count
                yield record


def line(  # noqa: PLR0913 - each is a field of a record
    source: str | PodIdentity,
    destination: str | PodIdentity,
    port: int,
    *,
    evidence: Evidence = Evidence.FLOW_LOG,
    disposition: Disposition = Disposition.STOPPED,
    protocol: int = 6,
    direction: Direction | None = None,
    reason: str = "",
    interface: str = "",
    count: int = 1,
    at: float = 60.0,
    lasting: float = 0.0,
) -> Record:
    """Return a record of a log, ``at`` seconds into the incident."""
    return Record(
        evidence,
        disposition,
        end(source),
        end(destination),
        protocol,
        port,
        direction,
        reason,
        interface,
        count,
        NIGHT + at,
        NIGHT + at + lasting,
    )


def end(identity: str | PodIdentity) -> End:
    """Return an end that a log names by address, or only by pod."""
    return End(identity) if isinstance(identity, str) else End("", identity)


def without_pods(inventory: Inventory) -> Inventory:
    """Return the inventory without what is read from a cluster."""
    return replace(inventory, pods=(), services=(), listed=None)


def address_of(found: Pod) -> str:
    """Return a pod's first address."""
    return found.addresses[0]


def addresses(pods: Iterable[Pod]) -> list[str]:
    """Return the first address of each pod."""
    return [address_of(each) for each in pods]
