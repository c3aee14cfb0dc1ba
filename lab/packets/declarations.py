"""The declarations that packets are tried on: a file's with a committed stack, or random ones."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from random import Random
from typing import Any

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.bind.symbolic_account import SymbolicAccount
from flash_ticket.firewall.declare.binding import BINDING_KEY, parse_binding
from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.cluster import Cilium
from flash_ticket.firewall.declare.traffic_file import parse_matrix, read_matrix
from flash_ticket.firewall.project import read_settings
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from lab.node.addresses import Addresses
from lab.packets.verdicts import Site
from lab.packets.vpc_layer.account import NO_OTHERS, Others
from lab.packets.vpc_layer.others import ordinary_others, random_others
from lab.vpc.pods import Placement, PodMode, SourceTranslation

ADDRESSES = Addresses(
    IPv4Network("198.18.0.0/16"),
    IPv4Network("198.19.128.0/17"),
    node=IPv4Address("198.18.100.1"),
    first_pod=IPv4Address("198.18.101.1"),
    pods=IPv4Network("198.18.101.0/25"),  # a host of a place among pods has an address behind them
)
"""Those of the symbolic account, on which declarations are compiled without AWS."""

_STACK = "random"
_NEIGHBOUR = "second-shop"
_SEED_OF_OTHERS = 3
_SERVICES = ("gateway", "api", "pay", "cart", "stock")
_PLACES = ("redis", "database", "office")
_PODS_ELSEWHERE = ("prometheus", "mesh")
_NAMESPACES = ("monitoring", "tools")
_NUMBERS = (80, 443, 3000, 5432, 8005)
_RANGES = ("1-80", "8000-8010", "8005-8020", "65534-65535")
# Places beside pods, around pods and among the addresses of others; the last two make an ipBlock mean pods.
_CIDRS = ("198.18.20.0/24", "198.18.20.128/25", "198.18.21.9/32", "203.0.113.0/25", "198.18.0.0/16", "198.18.101.0/24")


@dataclass(frozen=True, slots=True)
class Declaration:
    """One firewall, what it is called in tables, and what else is in its VPC.

    Attributes:
        name: Its name in tables.
        firewall: The firewall.
        others: What others have in the VPC.
        neighbours: Further firewalls in the VPC, for other namespaces of the cluster.
        site: Where its pods are.
    """

    name: str
    firewall: CompiledFirewall
    others: Others = NO_OTHERS
    neighbours: tuple[CompiledFirewall, ...] = ()
    site: Site = field(default_factory=Site)


def declared(matrix: Path, folder: Path, stack: str, cni: CniName) -> Declaration:
    """Return a matrix file's firewall in a committed stack of a folder.

    Raises:
        InputError: A file cannot be used.
    """
    binding = read_settings(folder, stack)[BINDING_KEY]
    return _declaration(f"{matrix.name}, stack {stack}", read_matrix(matrix), binding, stack, cni)


def variants(matrix: Path, folder: Path, stack: str, cni: CniName) -> Iterator[Declaration]:
    """Yield a matrix file's firewall in a committed stack, changed so that ipBlocks of it mean more than hosts.

    Raises:
        InputError: A file cannot be used.
    """
    yield from _changed(_VARIANTS, matrix, folder, stack, cni)


def attached(matrix: Path, folder: Path, stack: str, cni: CniName) -> Iterator[Declaration]:
    """Yield a matrix file's firewall in a committed stack, as the groups of pods and the VPC around them differ.

    Raises:
        InputError: A file cannot be used.
    """
    yield from _changed(_ATTACHMENTS, matrix, folder, stack, cni)
    plain = declared(matrix, folder, stack, cni)
    for site in _SITES:
        yield replace(plain, name=f"{plain.name}, {site}", site=site)
    others = random_others(Random(_SEED_OF_OTHERS), plain.firewall.environment)  # noqa: S311 - not for secrets
    yield replace(plain, name=f"{plain.name}, with rules of others", others=others)
    binding = read_settings(folder, stack)[BINDING_KEY]
    account, found = _account(binding, stack), read_matrix(matrix)
    ours = _compiled(found, binding, stack, cni, account)
    theirs = _compiled(replace(found, namespace=_NEIGHBOUR), binding, stack, cni, account)
    yield Declaration(f"{plain.name}, beside a second project", ours, ordinary_others(ours.environment), (theirs,))


def with_attachment(matrix: Path, folder: Path, stack: str, cni: CniName, attachment: str) -> Declaration:
    """Return a matrix file's firewall in a committed stack, with groups on pods or on nodes.

    Raises:
        InputError: A file cannot be used.
    """
    changes = {f"attachment {attachment}": _with_attachment(attachment)}
    (found,) = _changed(changes, matrix, folder, stack, cni)
    return found


def _changed(
    changes: Mapping[str, Callable[[dict[str, Any]], None]], matrix: Path, folder: Path, stack: str, cni: CniName
) -> Iterator[Declaration]:
    for name, change in changes.items():
        binding = deepcopy(read_settings(folder, stack)[BINDING_KEY])
        change(binding)
        yield _declaration(f"{matrix.name}, stack {stack}, with {name}", read_matrix(matrix), binding, stack, cni)


def _with_node_dns(binding: dict[str, Any]) -> None:
    binding["cluster"]["dns"] = {"mode": "node-local"}


def _with_place(cidr: str) -> Callable[[dict[str, Any]], None]:
    def change(binding: dict[str, Any]) -> None:
        binding["places"][binding["loadBalancer"]["external"]] = {"cidrs": [cidr]}
        binding["places"][max(binding["places"])] = {"cidrs": [cidr]}
        binding["cluster"].pop("podSubnets", None)

    return change


def _with_attachment(attachment: str, leaving: str | None = None) -> Callable[[dict[str, Any]], None]:
    def change(binding: dict[str, Any]) -> None:
        binding["cluster"] |= {"attachment": attachment} | ({"leaving": leaving} if leaving else {})

    return change


_VARIANTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "NodeLocal DNS": _with_node_dns,
    "places among pods": _with_place("198.18.101.0/24"),
    "places among Services": _with_place("198.19.128.0/17"),
}
_ATTACHMENTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "attachment nodes": _with_attachment("nodes"),
    "attachment pods, leaving nodes": _with_attachment("pods", "nodes"),
    "attachment nodes, leaving pods": _with_attachment("nodes", "pods"),
}


_SITES = (
    Site(Placement.TOGETHER, PodMode.STANDARD),
    Site(Placement.TOGETHER, PodMode.STRICT),
    Site(Placement.SPREAD, PodMode.STANDARD, SourceTranslation.NODE),
)


def random_declarations(count: int, seed: int, cni: CniName = CniName.VPC_CNI) -> Iterator[Declaration]:
    """Yield random declarations; the same for the same seed."""
    for number in range(count):
        random = Random(f"{seed} {number}")  # noqa: S311 - not for secrets
        content = _traffic(random)
        binding = _binding(random, content)
        around = Random(f"VPC {seed} {number}")  # noqa: S311 - as above
        _attach(around, binding)
        plain = _declaration(
            f"random {number + 1}, seed {seed}", parse_matrix(content, "traffic.yaml"), binding, _STACK, cni
        )
        placement, mode = around.choice(list(Placement)), PodMode(binding["cluster"]["cni"]["podEniMode"])
        others = random_others(around, plain.firewall.environment)
        yield replace(plain, others=others, site=Site(placement, mode, around.choice(list(SourceTranslation))))


def _declaration(name: str, matrix: Matrix, binding: dict[str, Any], stack: str, cni: CniName) -> Declaration:
    firewall = _compiled(matrix, binding, stack, cni, _account(binding, stack))
    return Declaration(name, firewall, ordinary_others(firewall.environment))


def _account(binding: dict[str, Any], stack: str) -> SymbolicAccount:
    return SymbolicAccount.of("eu-west-1", parse_binding(binding, stack))


def _compiled(
    matrix: Matrix, binding: dict[str, Any], stack: str, cni: CniName, account: SymbolicAccount
) -> CompiledFirewall:
    binding = deepcopy(binding)
    plugin = binding["cluster"]["cni"]
    plugin["name"] = cni.value
    if cni is not CniName.VPC_CNI:
        plugin.pop("enforcingMode", None)
    if (
        cni is CniName.CILIUM
    ):  # the binding refuses DNS on a node that ipBlocks do not match; packets try it all the same
        binding["cluster"]["cni"]["cilium"] = {"ipBlocksMatch": ["nodes"]}
    environment = bind(matrix, parse_binding(binding, stack), stack, account)
    return compile_firewall(matrix, replace(environment, cluster=replace(environment.cluster, cilium=Cilium())))


def _attach(random: Random, binding: dict[str, Any]) -> None:
    """Give pods, nodes and places groups of one kind or another."""
    cluster = binding["cluster"]
    cluster["attachment"] = random.choice(("pods", "pods", "nodes"))
    if _one_of(random, 4):
        cluster["leaving"] = "nodes" if cluster["attachment"] == "pods" else "pods"
    cluster["cni"]["podEniMode"] = random.choice(("standard", "strict"))
    if _one_of(random, 3):
        cluster["dns"]["groups"] = [random.choice(("cluster", "nodes"))]
    if _one_of(random, 4):
        cluster["nodes"] = [cluster["nodes"], {"tags": {"Name": "shop-more-nodes"}}]
    for name in _PLACES:
        if name in binding["places"] and _one_of(random, 2):
            groups = [{"tags": {"Name": f"shop-{name}-{number}"}} for number in range(random.randint(1, 2))]
            binding["places"][name] = {"subnets": {"tags": {"Tier": "data"}}, "groups": groups}


def _traffic(random: Random) -> dict[str, Any]:
    names = random.sample(_SERVICES, random.randint(1, 4))
    services = {name: {"pods": {"app": name}, "ports": _ports(random)} for name in names}
    externals: dict[str, Any] = {"alb": {}}
    for name in random.sample(_PLACES, random.randint(0, 3)):
        externals[name] = {"ports": _ports(random)}
    for name in random.sample(_PODS_ELSEWHERE, random.randint(0, 2)):
        externals[name] = {"namespace": random.choice(_NAMESPACES), "ports": _ports(random)}
        if _one_of(random, 2):
            externals[name]["pods"] = {"app": name}
    flows: list[dict[str, Any]] = []
    pairs = [
        (source, target)
        for source in (*services, *externals)
        for target in (*services, *externals)
        if source != target and (source in services or target in services) and target != "alb"
    ]
    for source, target in random.sample(pairs, min(len(pairs), random.randint(1, 6))):
        flow: dict[str, Any] = {"from": source, "to": target}
        ports = ({**services, **externals})[target]["ports"]
        if source == "alb":  # a load balancer of the application layer speaks TCP alone
            ports = flow["ports"] = [each for each in ports if not isinstance(each, dict)]
        if ports and _one_of(random, 2):
            flow["ports"] = random.sample(ports, random.randint(1, len(ports)))
        if ports:
            flows.append(flow)
    return {"namespace": "shop", "services": services, "externals": externals, "flows": flows}


def _ports(random: Random) -> list[object]:
    written = random.sample([*_NUMBERS, *_RANGES], random.randint(1, 2))
    return [{"port": each, "protocol": "UDP"} if _one_of(random, 3) else each for each in written]


def _one_of(random: Random, count: int) -> bool:
    return random.randrange(count) == 0


def _binding(random: Random, content: dict[str, Any]) -> dict[str, Any]:
    places: dict[str, Any] = {"alb": {"subnets": {"tags": {"Tier": "public"}}}}
    for name, entry in content["externals"].items():
        if name != "alb" and "namespace" not in entry:
            places[name] = {"cidrs": [random.choice(_CIDRS)]}
    node_dns = _one_of(random, 3)
    return {
        "vpc": {"tags": {"Name": "shop"}},
        "cluster": {
            "name": "shop",
            "nodes": {"tags": {"Name": "shop-nodes"}},
            "attachment": "pods",
            "cni": {"name": "vpc-cni", "podEniMode": "standard"},
            "dns": {"mode": "node-local", "address": "169.254.20.10"} if node_dns else {"mode": "cluster"},
        },
        "loadBalancer": {"external": "alb", "listeners": [443], "clients": {"cidrs": ["203.0.113.128/25"]}},
        "places": places,
        "flowLogs": {"destination": "cloudwatch", "retentionDays": 14, "onDestroy": "delete"},
    }
