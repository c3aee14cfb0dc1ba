"""Random declarations and environments: small enough for exhaustive checks, with every form of every field."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from random import Random
from typing import Any

from hypothesis import strategies as st

from flash_ticket.firewall.bind.edges.flow_log_settings import FlowLogSettings
from flash_ticket.firewall.bind.environment import (
    Cluster,
    Environment,
    Group,
    LoadBalancer,
    Place,
    PrefixList,
    Quotas,
    RuleOfOthers,
)
from flash_ticket.firewall.bind.known_places import Occupants
from flash_ticket.firewall.declare.choices import (
    Attachment,
    CniName,
    Coarsening,
    DnsMode,
    IpBlockEnd,
    KubeProxyMode,
    LogDestination,
    Network,
    OnDestroy,
    PodEniMode,
    PolicyEnforcement,
    PolicyVerdicts,
)
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.cluster import Cilium
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.terms.ports import ALL_PORTS, PortRange, Protocol, tcp
from flash_ticket.firewall.terms.verdict import Direction

Content = dict[str, Any]

FRONT = "alb"
"""The external that is the load balancer of most random environments."""

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""The moment of every random matrix."""

_SERVICES = ("gateway", "api", "pay", "a", "b", "a-b", "x0", "egress")
PLACES = ("redis", "database", "queue", "office")
_ELSEWHERE = ("prometheus", "mesh", "jobs")
_NAMESPACES = ("monitoring", "kube-system", "tools")
FURTHER = ("data", "front")
"""The namespaces of random services besides the one of the file."""
_NUMBERS = (1, 53, 80, 81, 443, 3000, 8005, 65535)
_RANGES = ((1, 80), (53, 54), (8000, 8010), (8005, 8020), (65534, 65535))
_NETWORKS = tuple(
    ip_network(block)
    for block in ("10.0.20.0/24", "10.0.21.0/24", "10.0.0.0/16", "198.51.100.7/32", "2001:db8:1::/64", "2001:db8::/48")
)
_ALONE = ("10.0.96.", "172.20.0.", "2001:db8:0:96::")
"""Where places have addresses that nothing else has: among pods of both families, and among Services."""
_GROUPS = (Group("sg-1", "shop-redis"), Group("sg-2", "shop-database"), Group("sg-3", "redis data"))
_LISTS = (
    PrefixList("pl-1", "office", 4, 20, (ip_network("192.0.2.0/25"), ip_network("203.0.113.0/24"))),
    PrefixList("pl-2", "office", 6, 7, (ip_network("2001:db8:9::/48"),)),
    PrefixList("pl-3", "com.amazonaws.global.cloudfront.origin-facing", 4, 55, (ip_network("120.52.22.96/27"),)),
)
_FOURTH, _SIXTH = (ip_network("10.0.0.0/16"),), (ip_network("2001:db8::/56"),)
_FAMILIES = (
    (_FOURTH, (), (ip_network("10.0.96.0/20"),)),
    ((*_FOURTH, *_SIXTH), (ip_network("172.20.0.0/16"),), (ip_network("10.0.96.0/20"),)),
    ((*_FOURTH, *_SIXTH), (ip_network("fd00:20::/108"),), (ip_network("2001:db8:0:96::/64"),)),
)
"""The networks of a VPC, of Services and of pods: of IPv4 alone, and of both with pods of each family."""
_RESOLVERS = (
    (ip_network("169.254.20.10"), ip_network("172.20.0.10")),
    (ip_network("fd00::10:10"), ip_network("fd00:20::a")),
)
_NODES = Group("sg-nodes", "shop-nodes", (("ingress", 4, 2),))
_NODES_OF_SPOT = Group("sg-karpenter", "shop-spot")
_CLUSTER = Group("sg-cluster", "eks-cluster-sg-shop-1")
_CORE_DNS = Group("sg-dns", "shop-dns")


@st.composite
def ports(draw: st.DrawFn) -> object:
    """Draw a port in one of the forms of a file."""
    if draw(st.booleans()):
        written: object = draw(st.sampled_from(_NUMBERS))
    else:
        first, last = draw(st.sampled_from(_RANGES))
        written = f"{first}-{last}"
    match draw(st.integers(0, 3)):
        case 0:
            return {"port": written, "protocol": "UDP"}
        case 1:
            return {"port": written}
        case _:
            return written


_port_lists = st.lists(ports(), min_size=1, max_size=3)


@st.composite
def _pods(draw: st.DrawFn, number: int, shape: int) -> dict[str, str]:
    """Draw labels that are unique for the number, in one of three shapes; a file uses one shape."""
    if shape == 0:
        return {"app": f"app-{number}"}
    if shape == 1:
        return {"app.kubernetes.io/part-of": "shop", "app.kubernetes.io/name": f"app-{number}"}
    extra = {"tier": draw(st.sampled_from(("front", "back")))} if draw(st.booleans()) else {}
    return {"app": f"app-{number // 2}", "half": f"{number % 2}", **extra}


@st.composite
def _externals(draw: st.DrawFn) -> dict[str, Content]:
    found: dict[str, Content] = {FRONT: {"ports": draw(_port_lists)} if draw(st.booleans()) else {}}
    for name in draw(st.lists(st.sampled_from(PLACES), unique=True, max_size=3)):
        found[name] = {"ports": draw(_port_lists)} if draw(st.integers(0, 3)) else {}
    for name in draw(st.lists(st.sampled_from(_ELSEWHERE), unique=True, max_size=2)):
        found[name] = {"namespace": draw(st.sampled_from(_NAMESPACES))}
        if draw(st.booleans()):
            found[name]["pods"] = {"app": name}
        if draw(st.booleans()):
            found[name]["ports"] = draw(_port_lists)
    return found


@st.composite
def traffic_files(draw: st.DrawFn, min_flows: int = 0) -> Content:
    """Draw the content of a valid traffic file."""
    shape = draw(st.integers(0, 2))
    names = draw(st.lists(st.sampled_from(_SERVICES), unique=True, min_size=1, max_size=4))
    services: dict[str, Content] = {}
    for number, name in enumerate(names):
        services[name] = {"pods": draw(_pods(number, shape))}
        if not draw(st.integers(0, 3)):
            services[name]["namespace"] = draw(st.sampled_from((*FURTHER, "shop")))
        if not number or draw(st.integers(0, 4)):
            services[name]["ports"] = draw(_port_lists)
        if draw(st.booleans()) and "ports" in services[name]:
            services[name]["policies"] = {"ingress": f"1{number}-allow-{name}"}
    externals = draw(_externals())
    for entry in (*services.values(), *externals.values()):
        if not draw(st.integers(0, 5)):
            entry["stacks"] = draw(st.sampled_from((["dev"], ["dev", "prod"])))
    flows = draw(st.lists(_flows(services, externals), min_size=min_flows, max_size=6))
    ends = {**services, **externals}
    for flow in flows:
        flow.update(draw(_limits(flow, ends)))
    for flow in flows[min_flows:]:
        if not draw(st.integers(0, 5)) and all("stacks" not in ends[each] for each in _ends(flow)):
            flow["stacks"] = ["prod"]
    return {"namespace": "shop", "services": services, "externals": externals, "flows": flows}


def _ends(flow: Content) -> tuple[str, str]:
    return flow["from"], flow["to"][0] if isinstance(flow["to"], list) else flow["to"]


@st.composite
def _limits(draw: st.DrawFn, flow: Content, ends: dict[str, Content]) -> Content:
    """Draw a reason, an end that has not come, and stacks with dev, which both ends have."""
    found: Content = {}
    if not draw(st.integers(0, 3)):
        found["because"] = draw(st.sampled_from(("ticket 12", "정산, 2차", 'it\'s "old", a to b', "x" * 200)))
    if not draw(st.integers(0, 5)):
        found["until"] = draw(st.sampled_from(("2026-01-01", "2026-01-10", "9999-12-31")))
    if not draw(st.integers(0, 5)):
        both = all("prod" in ends[each].get("stacks", ["prod"]) for each in _ends(flow))
        found["stacks"] = ["dev", "prod"] if both and draw(st.booleans()) else ["dev"]
    return found


@st.composite
def _flows(draw: st.DrawFn, services: dict[str, Content], externals: dict[str, Content]) -> Content:
    called = [name for name, entry in services.items() if "ports" in entry]
    listening = {name for name, entry in externals.items() if "ports" in entry}.union(called)
    source = draw(st.sampled_from(sorted(services)))
    if draw(st.booleans()):
        source, target = draw(st.sampled_from(sorted(externals))), draw(st.sampled_from(sorted(called)))
    else:
        target = draw(st.sampled_from(sorted(listening)))
    flow: Content = {"from": source, "to": [target] if draw(st.booleans()) else target}
    declared = {**services, **externals}[target]["ports"]
    if draw(st.booleans()):
        flow["ports"] = draw(st.lists(st.sampled_from(declared), min_size=1, max_size=2))
    return flow


def matrices(min_flows: int = 0) -> st.SearchStrategy[Matrix]:
    """Return a strategy for valid matrices, as the stack dev has them."""
    return traffic_files(min_flows).map(lambda content: parse_matrix(content, "traffic.yaml").within("dev", NOW))


@st.composite
def _places(draw: st.DrawFn, alone: str = "") -> Place:
    """Draw a place; with a name, also one on the node, or one with addresses that nothing else has."""
    match draw(st.integers(0, 4 if alone in PLACES else 2)):
        case 3:
            return Place((ip_network("169.254.170.23"), ip_network("fd00:ec2::23")), None, ())
        case 4:
            theirs = tuple(ip_network(f"{block}{PLACES.index(alone) + 5}") for block in _ALONE)
            groups = draw(st.sampled_from(((), (_CLUSTER,), _GROUPS[:1])))
            return Place(theirs, None, groups, Occupants.ONLY)
        case 0:
            listed = draw(st.sampled_from(_LISTS))
            return Place(listed.networks, listed, ())
        case 1:
            return Place(draw(_networks), None, tuple(sorted(draw(st.sets(st.sampled_from(_GROUPS), min_size=1)))))
        case _:
            return Place(draw(_networks), None, ())


def _sorted_networks(networks: Sequence[Network]) -> tuple[Network, ...]:
    return tuple(sorted(networks, key=lambda network: (network.version, network)))


_networks = st.lists(st.sampled_from(_NETWORKS), unique=True, min_size=1, max_size=3).map(_sorted_networks)


@st.composite
def _fronts(draw: st.DrawFn, name: str) -> LoadBalancer:
    """Draw a load balancer with a group of this program."""
    listeners = draw(st.sets(st.sampled_from((tcp(80), PortRange(Protocol.TCP, 8000, 8010)))))
    return LoadBalancer(
        name, tuple(sorted({tcp(443), *listeners})), draw(st.one_of(st.sampled_from(_LISTS), _networks))
    )


@st.composite
def environments(draw: st.DrawFn, matrix: Matrix) -> Environment:
    """Draw an environment with a place for every external of a matrix."""
    dns = draw(st.sampled_from(DnsMode))
    resolvers = draw(st.sampled_from(_RESOLVERS)) if dns is DnsMode.NODE_LOCAL else ()
    outside = [external.name for external in matrix.externals if external.has_place]
    others = [name for name in outside if name in PLACES]
    fronts = draw(st.sampled_from(((FRONT,), (FRONT,), (), (FRONT, *others[:1]))))
    places = [
        (name, replace(draw(_places()), groups=()) if name in fronts else draw(_places(name))) for name in outside
    ]
    attachment, *leaving = draw(st.permutations(tuple(Attachment)))
    vpc, services, pods = draw(st.sampled_from(_FAMILIES))
    return Environment(
        "dev",
        "aws",
        "ap-northeast-2",
        "111122223333",
        "vpc-1",
        vpc,
        Cluster(
            "shop",
            _CLUSTER,
            draw(st.sampled_from(((_NODES,), (_CLUSTER,), (_NODES_OF_SPOT, _NODES)))),
            attachment,
            draw(st.sampled_from(CniName)),
            draw(st.sampled_from(PodEniMode)),
            draw(st.sampled_from(KubeProxyMode)),
            dns,
            resolvers,
            draw(st.sampled_from((None, None, *leaving))),
            draw(st.sampled_from(((), pods))),
            services,
            draw(st.sampled_from(((), (_CLUSTER,), (_NODES,), (_CLUSTER, _NODES), (_CORE_DNS,)))),
            cilium=Cilium(
                draw(st.sampled_from((PolicyEnforcement.DEFAULT, PolicyEnforcement.ALWAYS))),
                draw(st.sampled_from(PolicyVerdicts)),
                tuple(sorted(draw(st.sets(st.sampled_from(IpBlockEnd))))),
            ),
        ),
        tuple([draw(_fronts(name)) for name in sorted(fronts)]),
        tuple(sorted(places)),
        FlowLogSettings(LogDestination.S3, 30, OnDestroy.RETAIN),
        Quotas(60, 5, Coarsening.NEVER),
    )


@st.composite
def shops(draw: st.DrawFn, min_flows: int = 0) -> tuple[Matrix, Environment]:
    """Draw a matrix with an environment for it."""
    matrix = draw(matrices(min_flows))
    return matrix, draw(environments(matrix))


@st.composite
def crowded_shops(draw: st.DrawFn) -> tuple[Matrix, Environment]:
    """Draw a shop whose groups may hold so few rules that some of them overflow, unless the rules are coarse."""
    matrix, environment = draw(shops(min_flows=3))
    return matrix, replace(environment, quotas=Quotas(draw(st.integers(2, 30)), 5))


_PEERS: tuple[Content, ...] = (
    *({"group": group.id} for group in (*_GROUPS, _NODES, _CLUSTER, _CORE_DNS)),
    {"group": "sg-bastion"},
    *({"network": network} for network in (*_NETWORKS, ip_network("0.0.0.0/0"), ip_network("::/0"))),
    *({"prefix_list": listed} for listed in _LISTS),
)


@st.composite
def _rules_of_others(draw: st.DrawFn) -> tuple[RuleOfOthers, ...] | None:
    """Draw the rules of others in one group; None as without an account. ICMP has no ports."""
    if not draw(st.integers(0, 3)):
        return None
    ports = st.sampled_from((ALL_PORTS.ranges, (tcp(443),), (PortRange(Protocol.TCP, 50, 8010),), ()))
    drawn = draw(st.lists(st.tuples(st.sampled_from(Direction), ports, st.sampled_from(_PEERS)), max_size=3))
    return tuple(RuleOfOthers(f"sgr-{number}", way, opened, **peer) for number, (way, opened, peer) in enumerate(drawn))


@st.composite
def shops_beside_others(draw: st.DrawFn, min_flows: int = 0) -> tuple[Matrix, Environment]:
    """Draw a shop whose nodes, cluster and places have groups with rules of others, known or not."""
    matrix, drawn = draw(shops(min_flows))
    found = {group.id: draw(_rules_of_others()) for group in (*_GROUPS, _NODES, _NODES_OF_SPOT, _CLUSTER, _CORE_DNS)}

    def read(group: Group) -> Group:
        return replace(group, rules_of_others=found[group.id])

    places = [(name, replace(place, groups=tuple(map(read, place.groups)))) for name, place in drawn.places]
    dns = tuple(map(read, drawn.cluster.dns_groups))
    nodes = tuple(map(read, drawn.cluster.nodes))
    cluster = replace(drawn.cluster, group=read(drawn.cluster.group), nodes=nodes, dns_groups=dns)
    return matrix, replace(drawn, places=tuple(places), cluster=cluster)


_WIDE = tuple(
    ip_network(block)
    for block in ("0.0.0.0/0", "0.0.0.0/1", "::/0", "2000::/3", "10.0.0.0/8", "10.0.20.0/23", "10.0.0.0/16")
)


@st.composite
def wide_shops(draw: st.DrawFn) -> tuple[Matrix, Environment]:
    """Draw a shop beside others whose places, or some of them, overlap or take in the VPC or the internet."""
    matrix, environment = draw(shops_beside_others(min_flows=1))
    wide = st.lists(st.sampled_from(_WIDE), unique=True, max_size=2).map(tuple)
    places = []
    for name, place in environment.places:
        networks = _sorted_networks([*draw(wide), *place.networks])
        stays = place.prefix_list or place.occupants is Occupants.ONLY
        places.append((name, place if stays else replace(place, networks=networks)))
    return matrix, replace(environment, places=tuple(places))


def blocks_of(environment: Environment) -> list[Network]:
    """Return every network at whose ends an answer about a random shop can change."""
    listed = (network for each in _LISTS for network in each.networks)
    return [*_NETWORKS, *listed, *environment.pod_networks]


def rewritten(content: Any, random: Random) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    """Return the same declaration with every mapping and list in another order."""
    if isinstance(content, dict):
        keys = list(content)
        random.shuffle(keys)
        return {key: rewritten(content[key], random) for key in keys}
    if isinstance(content, list):
        return random.sample([rewritten(each, random) for each in content], len(content))
    return content


def with_flow(content: Content, flow: Content) -> Content:
    """Return a declaration with one more flow."""
    return {**content, "flows": [*content["flows"], flow]}


@st.composite
def files_with_one_more_flow(draw: st.DrawFn) -> tuple[Content, Content]:
    """Draw two declarations; the second has one more flow, which may repeat an existing one."""
    before = draw(traffic_files())
    return before, with_flow(before, draw(_flows(before["services"], before["externals"])))
