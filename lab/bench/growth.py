"""How the main job grows: the whole life of made-up shops on the lab, beside the same resources written by hand.

    python -m lab.bench.growth [--sizes 3,30] [--runs 1] [--preview-alone]

Each run previews, deploys, previews again, adds one flow and destroys. Both programs take each step in turn, in an
environment of their own: ours in dev, the other in prod. The other one is flat: it declares the list of the resources
that ours compiles, without matrix, compiler, proof and components, but looks up the VPC and the groups that exist.

Processor seconds and memory are those of the program alone, without the engine and the providers, which do the same for
both. ``destroy`` runs no program.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.compile.owner import GROUP_TAG
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup, label_of
from flash_ticket.firewall.declare.binding import stack_file
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from lab.recording.surveyor import Surveyor
from lab.running.engine import Engine, Result
from lab.running.lab import Lab
from lab.running.program import copy_program

_REPOSITORY = Path(__file__).parents[2]
_STEPS = ("preview", "up", "preview again", "one flow more", "destroy")
_DATASTORES = {"database": 5432, "redis": 6379, "rabbitmq": 5672}
_OURS, _BY_HAND = "dev", "prod"
_MIB = 1024

# In the engine's path in place of Python, it runs a program and notes what it took.
_MEASURING = """#!{python} -SI
import os, resource, subprocess, sys
done = subprocess.run(["{python}", *sys.argv[1:]]).returncode
if any("pulumi-language-python-exec" in each for each in sys.argv):
    took = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open("{noted}", "w") as file:
        file.write(f"{{took.ru_utime + took.ru_stime}} {{took.ru_maxrss}}")
sys.exit(done)
"""


def shop(services: int, *, one_more: bool = False) -> dict[str, Any]:
    """Return the traffic file of a made-up shop.

    Every tenth service has the load balancer before it, each calls the next two, and every second a datastore.

    Args:
        services: How many.
        one_more: Whether the last service calls the first one, too.
    """
    names = [f"service-{number:03}" for number in range(services)]
    flows = [{"from": "alb", "to": name} for name in names[::10]]
    for place, name in enumerate(names):
        called = names[place + 1 : place + 3] + ([[*_DATASTORES][place // 2 % 3]] if place % 2 else [])
        flows += [{"from": name, "to": each} for each in called]
    if one_more:
        flows.append({"from": names[-1], "to": names[0]})
    return {
        "namespace": "flash-ticket",
        "services": {name: {"pods": {"app": name}, "ports": [8000 + place % 97]} for place, name in enumerate(names)},
        "externals": {"alb": {}, **{name: {"ports": [port]} for name, port in _DATASTORES.items()}},
        "flows": flows,
    }


def flat(firewall: CompiledFirewall) -> dict[str, Any]:
    """Return the list of a firewall's resources, as `lab/bench/handwritten/any_shop` reads it."""
    owner, namespace = firewall.owner, firewall.matrix.namespace
    ends = [end for rule in firewall.vpc.rules for end in (rule.holder, rule.peer)]
    policies = (*firewall.deployed_pods.allows, firewall.deployed_pods.default_deny)
    attached = [(each, each.manifest(namespace, ())) for each in firewall.vpc.attachments]
    return {
        "existing": {end.label: end.label for end in ends if isinstance(end, Group)},
        "groups": [
            {
                "label": group.label,
                "description": f"Traffic of {group.label}, by rules of {MANAGED_BY}",
                "tags": {"Name": f"{owner.name}-{group.label}", **owner.tags, GROUP_TAG: group.label},
            }
            for group in firewall.vpc.groups
        ],
        "rules": [_flat_rule(rule, owner.tags) for rule in firewall.vpc.rules],
        "attachments": [
            {"service": each.service, "groups": [group.label for group in each.groups]}
            | {"metadata": made["metadata"], "spec": made["spec"]}
            for each, made in attached
        ],
        "policies": [
            {"service": each.service} | {part: each.manifest()[part] for part in ("metadata", "spec")}
            for each in policies
        ],
    }


def _flat_rule(rule: GroupRule, tags: Mapping[str, str]) -> dict[str, Any]:
    match rule.peer:
        case OwnGroup() | Group():
            peer: dict[str, Any] = {"group": rule.peer.label}
        case PrefixList():
            peer = {"addresses": {"prefix_list_id": rule.peer.id}}
        case network:
            peer = {"addresses": {f"cidr_ipv{network.version}": label_of(network)}}
    return {
        "name": rule.name,
        "direction": rule.direction.value,
        "holder": rule.holder.label,
        "protocol": rule.ports.protocol.lower(),
        "first": rule.ports.first,
        "last": rule.ports.last,
        "description": rule.description,
        "tags": {"Name": rule.name, **tags},
        **peer,
    }


@dataclass(frozen=True, slots=True)
class Taken:
    """What one step of a program took.

    Attributes:
        seconds: From the start of the command to its end.
        processor: Seconds of the processor that the program took.
        memory: The most memory of the program, in MiB.
        resources: How many resources the engine stepped through.
    """

    seconds: float
    processor: float
    memory: float
    resources: int


class Contender:
    """One of the two programs, with the shop of one size."""

    def __init__(self, lab: Lab, stack: str, folder: Path) -> None:
        self._noted = folder.with_suffix(".noted")
        path = folder.with_suffix(".bin")
        path.mkdir()
        python = path / "python3"
        python.write_text(_MEASURING.format(python=sys.executable, noted=self._noted))
        python.chmod(0o755)
        variables = lab.unshared()
        self._engine = Engine(lab, stack, folder, {**variables, "PATH": f"{path}:{variables['PATH']}"})

    def take(self, step: str) -> Taken:
        """Take a step, and return what it took."""
        self._noted.write_text("0 0")
        result: Result = {
            "preview": self._engine.preview,
            "up": self._engine.up,
            "preview again": self._engine.preview,
            "one flow more": self._engine.up,
            "destroy": self._engine.destroy,
        }[step]().checked()
        processor, memory = map(float, self._noted.read_text().split())
        return Taken(result.seconds, processor, memory / _MIB, len({each.urn for each in result.steps}))


def life(lab: Lab, services: int, folder: Path, steps: Sequence[str] = _STEPS) -> Iterator[tuple[str, Taken, Taken]]:
    """Yield each step with what it took of ours and of the one by hand."""
    before, after = (yaml.safe_dump(shop(services, one_more=more)) for more in (False, True))
    settings = (_REPOSITORY / stack_file(_OURS)).read_text(encoding="utf-8")
    theirs = settings.replace(_OURS, _BY_HAND)
    ours = copy_program(_REPOSITORY, folder / "ours", {MATRIX_FILE: before, stack_file(_BY_HAND): theirs})
    surveyor = Surveyor.of(lab, _BY_HAND)

    def listed() -> str:
        return json.dumps(flat(surveyor.declared(ours)))

    cut = theirs.partition("  flash-ticket-firewall:binding:")[0]
    changed = {"resources.json": listed(), stack_file(_BY_HAND): cut}
    by_hand = copy_program(_REPOSITORY / "lab" / "bench" / "handwritten" / "any_shop", folder / "hand", changed)
    contenders = Contender(lab, _OURS, ours), Contender(lab, _BY_HAND, by_hand)
    for step in steps:
        if step == "one flow more":
            (ours / MATRIX_FILE).write_text(after, encoding="utf-8")
            (by_hand / "resources.json").write_text(listed(), encoding="utf-8")
        one, other = (each.take(step) for each in contenders)
        yield step, one, other


def main() -> None:
    """Print a row for each step of each size, ours beside the one by hand."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="3,30", help="numbers of services; large ones take long")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--preview-alone", action="store_true", help="the first step alone, which changes nothing")
    asked = parser.parse_args()
    steps = _STEPS[:1] if asked.preview_alone else _STEPS
    print(
        "| services | step | resources: ours, by hand | seconds: ours, by hand | ratio | ms a resource | "
        "processor s: ours, by hand | MiB: ours, by hand |\n|---:|---|---:|---:|---:|---:|---:|---:|"
    )
    with Lab.start() as lab:
        for size in map(int, asked.sizes.split(",")):
            folders = [lab.folder / f"{size}-{run}" for run in range(asked.runs)]
            runs = [list(noted(size, life(lab, size, folder, steps))) for folder in folders]
            for taken in zip(*runs, strict=True):
                print(row(size, taken), flush=True)


def noted(size: int, steps: Iterator[tuple[str, Taken, Taken]]) -> Iterator[tuple[str, Taken, Taken]]:
    """Yield the steps of one run, and print each to standard error: the large sizes take long."""
    for each in steps:
        print(row(size, (each,)), file=sys.stderr, flush=True)
        yield each


def row(size: int, taken: tuple[tuple[str, Taken, Taken], ...]) -> str:
    """Return the row of a step: the medians of its runs, and the spread of the ratio of each pair."""
    ours, others = [one for _, one, _ in taken], [other for _, _, other in taken]

    def both(kind: str, digits: int) -> str:
        return ", ".join(f"{statistics.median(getattr(each, kind) for each in of):.{digits}f}" for of in (ours, others))

    ratios = [one.seconds / other.seconds for _, one, other in taken]
    spread = f" ({min(ratios):.2f}-{max(ratios):.2f})" if len(ratios) > 1 else ""
    each = statistics.median(1e3 * one.seconds / one.resources for one in ours)
    cells = (
        both("resources", 0),
        both("seconds", 1),
        f"{statistics.median(ratios):.2f}{spread}",
        f"{each:.0f}",
        both("processor", 1),
        both("memory", 0),
    )
    return f"| {size} | {taken[0][0]} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
