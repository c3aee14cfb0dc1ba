"""The oracle of both layers, with a plain reading of the account in the place of packets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flash_ticket.firewall.declare.choices import CniName
from flash_ticket.firewall.prove.endpoint import INTERNET, KUBELET, POD_ELSEWHERE
from flash_ticket.firewall.terms.ports import PortRange, Protocol
from flash_ticket.firewall.terms.verdict import Direction, Layer, Outcome, Side, Verdict
from lab.node.network import NODE_NAMESPACE
from lab.packets.connections import Answer, Tried
from lab.packets.declarations import ADDRESSES, Declaration, attached, declared, random_declarations
from lab.packets.oracle import Difference, Look, Seen, differing, ports_in_play
from lab.packets.verdicts import GroupsAnalyzer, Question, Said, Site
from lab.packets.vpc_layer.layer import vpc_layer
from lab.packets.world import End, World, groups_of
from lab.vpc.pods import Placement, PodMode, SourceTranslation

ROOT = Path(__file__).parents[4]
SHOP = ROOT / "traffic.yaml"
NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17}
FIRST = Site()


@dataclass(frozen=True)
class Field:
    """A declaration in an account, and what the product says of all connections."""

    ec2: Any
    groups: dict[str, str]
    look: Look
    ends: list[End]
    analyzer: GroupsAnalyzer

    def says(self, source: str, destination: str, port: PortRange) -> bool | None:
        """Return whether the groups let a connection pass; None if they have no say."""
        ends = {end.name: end for end in (*self.ends, End(KUBELET, NODE_NAMESPACE, str(ADDRESSES.node)))}
        verdict = self.analyzer.verdict(Question(ends[source], ends[destination], port))
        return None if verdict is None else verdict.passes

    def differences(self) -> list[dict[str, Any]]:
        """Return what the account's rules let through against what the product says."""
        reading = Reading(self.ec2)
        passing = [reading.passes(question) for question in self.look.questions]
        tried = {
            number: Tried(Answer.CONNECTED if each else Answer.SILENT, 40_000 + number)
            for number, each in enumerate(passing)
        }
        rejected = {
            (
                question.source.address,
                NUMBERS[question.port.protocol],
                40_000 + number,
                question.destination.address,
                question.port.first,
            )
            for number, question in enumerate(self.look.questions)
            if not passing[number]
        }
        found = differing(tried, self.look, rejected)
        return [
            Difference(self.look.questions[number], seen, self.look.says[number]).row()
            for number, seen in found.items()
        ]


class Reading:
    """The rules of an account, read one sentence of the VPC User Guide after the other."""

    def __init__(self, ec2: Any) -> None:  # noqa: ANN401 - boto3 clients have no static type
        self.rules = ec2.describe_security_group_rules(MaxResults=1000)["SecurityGroupRules"]
        self.on = {
            address["PrivateIpAddress"]: {group["GroupId"] for group in interface["Groups"]}
            for interface in ec2.describe_network_interfaces()["NetworkInterfaces"]
            for address in interface["PrivateIpAddresses"]
        }
        self.lists = {
            listed["PrefixListId"]: [
                entry["Cidr"]
                for entry in ec2.get_managed_prefix_list_entries(PrefixListId=listed["PrefixListId"])["Entries"]
            ]
            for listed in ec2.describe_managed_prefix_lists()["PrefixLists"]
            if listed["OwnerId"] != "aws"
        }

    def passes(self, question: Question) -> bool:
        source, destination = question.source.address, question.destination.address
        return self._allows(True, source, destination, question) and self._allows(False, destination, source, question)  # noqa: FBT003 - as the API has it

    def _allows(self, is_egress: bool, inside: str, peer: str, question: Question) -> bool:  # noqa: FBT001 - as above
        if inside not in self.on:
            return True
        return any(
            self._is_of(rule, peer) and _has_port(rule, question)
            for rule in self.rules
            if rule["IsEgress"] is is_egress and rule["GroupId"] in self.on[inside]
        )

    def _is_of(self, rule: dict[str, Any], peer: str) -> bool:
        if "ReferencedGroupInfo" in rule:
            return rule["ReferencedGroupInfo"]["GroupId"] in self.on.get(peer, ())
        blocks = self.lists[rule["PrefixListId"]] if rule.get("PrefixListId") else [rule["CidrIpv4"]]
        return any(ip_address(peer) in ip_network(block) for block in blocks)


def _has_port(rule: dict[str, Any], question: Question) -> bool:
    if rule["IpProtocol"] == "-1":
        return True
    is_protocol = rule["IpProtocol"] == question.port.protocol.lower()
    return is_protocol and int(rule["FromPort"]) <= question.port.first <= int(rule["ToPort"])


def open_pods(question: Question) -> Verdict:
    """Return the verdict of a pod layer without policies."""
    ends = question.source.name, question.destination.name
    egress, ingress = (Side(each, *ends, Outcome.UNGOVERNED) for each in (Direction.EGRESS, Direction.INGRESS))
    return Verdict(Layer.POD, *ends, question.port, egress, ingress)


@pytest.fixture
def field(monkeypatch: pytest.MonkeyPatch) -> Callable[[Declaration], Any]:
    """Puts a declaration into an account, with all ends."""
    monkeypatch.setattr("lab.packets.world.add_host", lambda name, _: Path(name))

    @contextmanager
    def made(declaration: Declaration, site: Site = FIRST) -> Iterator[Field]:
        firewalls = [declaration.firewall, *declaration.neighbours]
        with vpc_layer(firewalls, declaration.others, site, ADDRESSES) as vpc:
            first, *others = (each.layers() for each in vpc.firewalls)
            world: Any = World(SimpleNamespace(addresses=ADDRESSES))  # type: ignore[arg-type]
            ends = [*pods_of(first.endpoints, 0), *(end for each in others for end in pods_of(each.endpoints, 1))]
            ends += world.hosts((first, *others))
            groups = vpc.attach(ends)
            questions = [
                Question(source, destination, port)
                for source, destination, port in product(ends, ends, ports_in_play(declaration.firewall))
                if source is not destination and (source.pod or destination.pod)
            ]
            says = [Said(open_pods(each), groups.verdict(each)) for each in questions]
            named = {
                group.label: vpc.account.id_of(vpc.firewalls[0].owner, group) for group in vpc.firewalls[0].vpc.groups
            }
            yield Field(vpc.account.ec2, named, Look(questions, says), ends, groups)

    return made


def pods_of(endpoints: tuple[Any, ...], project: int) -> Iterator[End]:
    services = [each for each in endpoints if each.workload and (not project or each.role == "a service")]
    for number, each in enumerate(services):
        address = str(ADDRESSES.first_pod + number + 60 * project)
        name = f"{each.name}{' of the neighbour' * project}"
        pod = (each.workload.namespace, name)
        yield End(name, Path(name), address, pod, groups=groups_of(each, each.name), project=project)


def of_shop(stack: str) -> Declaration:
    return declared(SHOP, ROOT, stack, CniName.VPC_CNI)


def around_shop(name: str) -> Declaration:
    return next(each for each in attached(SHOP, ROOT, "prod", CniName.VPC_CNI) if each.name.endswith(name))


CASES = [
    of_shop("dev"),
    *map(around_shop, ("attachment pods, leaving nodes", "rules of others", "beside a second project")),
    *(replace(each, site=Site()) for each in random_declarations(4, 5)),
]


@pytest.mark.parametrize("declaration", CASES, ids=lambda each: each.name)
def test_the_product_says_of_each_connection_what_the_rules_of_the_account_do(
    field: Callable[[Declaration], Any], declaration: Declaration
) -> None:
    with field(declaration) as found:
        assert found.differences() == []
        stopped = [said.stopper is not None for said in found.look.says]
        assert any(stopped)
        assert not all(stopped)


def tcp(port: int, group: str) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": group}]}]


def pairs(differences: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {(each["source"], each["destination"], each["port"]) for each in differences}


def test_a_rule_too_many_is_named_with_the_layer_that_should_stop_the_connection(
    field: Callable[[Declaration], Any],
) -> None:
    with field(of_shop("dev")) as found:
        gateway, pay = found.groups["gateway"], found.groups["pay"]
        found.ec2.authorize_security_group_egress(GroupId=gateway, IpPermissions=tcp(3100, pay))
        found.ec2.authorize_security_group_ingress(GroupId=pay, IpPermissions=tcp(3100, gateway))
        (difference,) = found.differences()
    assert pairs([difference]) == {("gateway", "pay", "TCP 3100")}
    assert (difference["packets"], difference["analyzer"]) == ("connected", "stopped, by the vpc layer")


def test_a_rule_that_is_missing_is_named_with_the_layer_that_stops_the_connection(
    field: Callable[[Declaration], Any],
) -> None:
    with field(of_shop("dev")) as found:
        api, pay = found.groups["api"], found.groups["pay"]
        found.ec2.revoke_security_group_ingress(GroupId=pay, IpPermissions=tcp(3100, api))
        (difference,) = found.differences()
    assert pairs([difference]) == {("api", "pay", "TCP 3100")}
    assert (difference["packets"], difference["analyzer"]) == ("silent, by the vpc layer", "passes")


def test_a_group_on_the_wrong_interface_is_named_by_what_it_opens_and_stops(
    field: Callable[[Declaration], Any],
) -> None:
    with field(of_shop("dev")) as found:
        interfaces = found.ec2.describe_network_interfaces()["NetworkInterfaces"]
        (of_pay,) = (
            each["NetworkInterfaceId"]
            for each in interfaces
            if found.groups["pay"] in {group["GroupId"] for group in each["Groups"]}
        )
        found.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=of_pay, Groups=[found.groups["gateway"], found.groups["pods.flash-ticket"]]
        )
        differences = found.differences()
    by_kind = {
        kind: pairs([each for each in differences if each["packets"] == kind])
        for kind in ("connected", "silent, by the vpc layer")
    }
    assert ("pay", "api", "TCP 4000") in by_kind["connected"]
    assert ("api", "pay", "TCP 3100") in by_kind["silent, by the vpc layer"]
    assert all("pay" in pair[:2] for pair in pairs(differences))


def test_a_stopped_connection_that_no_group_rejects_is_the_work_of_the_pod_layer(
    field: Callable[[Declaration], Any],
) -> None:
    with field(of_shop("dev")) as found:
        number = next(n for n, said in enumerate(found.look.says) if said.stopper is Layer.VPC)
        question, said = found.look.questions[number], found.look.says[number]
        seen = differing({number: Tried(Answer.SILENT, 40_000)}, found.look, set())
    assert seen == {number: Seen(Answer.SILENT, Layer.POD)}
    row = Difference(question, seen[number], said).row()
    assert (row["packets"], row["analyzer"]) == ("silent, by the pod layer", "stopped, by the vpc layer")


def port(number: int) -> PortRange:
    return PortRange(Protocol.TCP, number, number)


def test_groups_judge_the_kubelet_in_strict_mode_alone_and_only_towards_pods_with_their_own(
    field: Callable[[Declaration, Site], Any],
) -> None:
    with field(of_shop("dev"), Site(mode=PodMode.STRICT)) as found:
        strict = [found.says(KUBELET, "gateway", port(number)) for number in (3000, 9)]
        assert found.says(KUBELET, POD_ELSEWHERE, port(9)) is None
    with field(of_shop("dev"), Site(mode=PodMode.STANDARD)) as found:
        standard = [found.says(KUBELET, "gateway", port(number)) for number in (3000, 9)]
    assert (strict, standard) == ([True, False], [None, None])


def test_groups_judge_pods_of_one_node_in_strict_mode_alone(field: Callable[[Declaration, Site], Any]) -> None:
    said = {}
    for placement in Placement:
        for mode in PodMode:
            with field(of_shop("dev"), Site(placement, mode)) as found:
                said[placement, mode] = found.says("gateway", "pay", port(3100))
    assert said.pop((Placement.TOGETHER, PodMode.STANDARD)) is None
    assert set(said.values()) == {False}


def test_the_groups_of_the_node_judge_what_leaves_the_vpc_with_its_source(
    field: Callable[[Declaration, Site], Any],
) -> None:
    said = {}
    for translation in SourceTranslation:
        with field(of_shop("dev"), Site(translation=translation)) as found:
            said[translation] = found.says("gateway", INTERNET, port(9)), found.says("gateway", "pay", port(3100))
    assert said == {SourceTranslation.EXTERNAL: (False, False), SourceTranslation.NODE: (True, False)}


@pytest.mark.parametrize(
    ("in_pods", "in_vpc", "first"),
    [
        ("", "", None),
        ("egress", "ingress", Layer.POD),
        ("ingress", "egress", Layer.VPC),
        ("ingress", "ingress", Layer.VPC),
        ("ingress", "", Layer.POD),
        ("", "ingress", Layer.VPC),
    ],
)
def test_egress_of_the_pod_layer_comes_before_the_vpc_and_ingress_after_it(
    in_pods: str, in_vpc: str, first: Layer | None
) -> None:
    one, other = (End(name, Path(name), f"10.0.0.{n}", ("shop", name)) for n, name in enumerate("ab", 1))
    free = open_pods(Question(one, other, ports_in_play(of_shop("dev").firewall)[0]))
    shut = replace(free.egress, outcome=Outcome.NO_RULE_FOR_PEER)
    pod, vpc = (
        replace(
            free,
            layer=layer,
            egress=shut if at == "egress" else free.egress,
            ingress=shut if at == "ingress" else free.ingress,
        )
        for layer, at in ((Layer.POD, in_pods), (Layer.VPC, in_vpc))
    )
    assert Said(pod, vpc).stopper is first
