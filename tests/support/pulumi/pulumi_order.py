"""The states between two declarations in an order that Pulumi may take, from the graph of the components.

Pulumi, "How Pulumi works": Pulumi creates or updates a resource after all that it depends on. Then it deletes what is
no longer declared, each resource before what it depended on.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from random import Random
from typing import Any

from components.firewall import Firewall, FirewallArgs
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.compile.owner import GROUP_TAG
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from tests.support.declared.described import deployed, nothing_deployed
from tests.support.pulumi.pulumi_mocks import Registered, deploy

Key = tuple[str, str]
Described = Mapping[str, Any]
Graph = Mapping[Key, frozenset[Key]]

_COMPUTED = {
    "aws:s3/bucket:Bucket": {"arn": "arn:aws:s3:::records"},
    "aws:cloudwatch/logGroup:LogGroup": {"arn": "arn:aws:logs:x", "name": "records"},
}


def states(before: CompiledFirewall | None, after: CompiledFirewall | None, random: Random) -> Iterator[Deployed]:
    """Yield what is deployed after each step of one deployment, in one of the possible orders."""
    former, latter = (_objects(side) if side else {} for side in (before, after))
    standing = dict(former)
    changed = {key for key, found in latter.items() if former.get(key) != found}
    for key in _in_order(_graph(after), changed, random) if after else ():
        standing[key] = latter[key]
        yield _seen(standing)
    gone = former.keys() - latter.keys()
    for key in reversed(_in_order(_graph(before), gone, random)) if before else ():
        del standing[key]
        yield _seen(standing)


def _in_order(graph: Graph, wanted: set[Key], random: Random) -> list[Key]:
    """Return some resources in a random order, each after what it depends on."""
    left, done = set(graph), []
    while left:
        ready = sorted(key for key in left if not graph[key] & left)
        key = random.choice(ready)
        left.remove(key)
        done.append(key)
    return [key for key in done if key in wanted]


@cache
def _graph(firewall: CompiledFirewall) -> Graph:
    """Return what each resource of both layers depends on, directly or through others."""
    args = FirewallArgs(firewall.matrix.namespace, firewall.environment, firewall.deployed_pods, firewall.vpc)
    resources = {each.urn: each for each in deploy(lambda: Firewall("firewall", args), computed=_COMPUTED).resources}

    def below(urn: str, seen: set[str]) -> Iterator[Key]:
        for each in resources[urn].depends_on - seen:
            seen.add(each)
            if key := _key(resources[each]):
                yield key
            yield from below(each, seen)

    return {key: frozenset(below(urn, set())) for urn, each in resources.items() if (key := _key(each))}


def _key(resource: Registered) -> Key | None:
    kind = resource.type.rpartition(":")[2]
    if kind in {"NetworkPolicy", "SecurityGroupPolicy"}:
        return kind, resource.inputs["metadata"]["name"]
    if kind == "SecurityGroup":
        return kind, resource.inputs["tags"][GROUP_TAG]
    if kind in {"SecurityGroupIngressRule", "SecurityGroupEgressRule"}:
        return "Rule", resource.inputs["tags"]["Name"]
    return None


def _objects(firewall: CompiledFirewall) -> dict[Key, Described]:
    found = deployed(firewall)
    return {
        **{("NetworkPolicy", each["metadata"]["name"]): each for each in found.policies},
        **{("SecurityGroupPolicy", each["metadata"]["name"]): each for each in found.attachments},
        **{("SecurityGroup", _tag(each, GROUP_TAG)): each for each in found.groups},
        **{("Rule", _tag(each, "Name")): each for each in found.rules},
    }


def _tag(described: Described, key: str) -> str:
    (found,) = (str(tag["Value"]) for tag in described["Tags"] if tag["Key"] == key)
    return found


def _seen(standing: Mapping[Key, Described]) -> Deployed:
    by_kind: dict[str, list[Described]] = {}
    for (kind, _), found in standing.items():
        by_kind.setdefault(kind, []).append(found)
    kinds = {
        "policies": "NetworkPolicy",
        "attachments": "SecurityGroupPolicy",
        "groups": "SecurityGroup",
        "rules": "Rule",
    }
    return nothing_deployed(**{field: tuple(by_kind.get(kind, ())) for field, kind in kinds.items()})
