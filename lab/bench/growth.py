"""How the main job grows: the whole life of made-up shops on the lab, beside the same resources written by hand.

    python -m lab.bench.growth [--sizes 3,30,100,300,prod] [--runs 1] [--pairs 1] [--until preview] [--noted FILE]

Each run previews, deploys, previews again, changes one flow and destroys. Both programs take each step in turn, each in
an environment of its own: ours in dev, the other in prod. They also begin in turn. The other one is flat: it declares
the list of the resources that ours compiles, without matrix, compiler, proof and components, but looks up the VPC and
the groups that exist. With the size ``prod``, ours is this repository's prod as it is, and the other one is the program
that somebody wrote by hand for it, `lab/bench/handwritten`.

Seconds and the processor seconds of a whole command include the engine and the providers, which do the same for both.
The other processor seconds and the memory are those of the program alone; ``destroy`` runs no program.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
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
from lab.bench.contender import DESTROY, ONE_FLOW, PREVIEW, PREVIEW_AGAIN, STEPS, Contender, Taken, prepare
from lab.recording.surveyor import Surveyor
from lab.running.lab import Checkpoints, Lab
from lab.running.program import copy_program

_REPOSITORY = Path(__file__).parents[2]
_HANDWRITTEN = _REPOSITORY / "lab" / "bench" / "handwritten"
_DATASTORES = {"database": 5432, "redis": 6379, "rabbitmq": 5672}
_OURS, _BY_HAND = "dev", "prod"
_AS_IT_IS = "prod"
# One flow more of the shop as it is: what it changes in the declaration, and what in the program by hand.
_DECLARED = {"{from: gateway, to: api}": "{from: gateway, to: [api, pay]}"}
_WRITTEN = {
    'allow("api", "pay", 3100)\n': 'allow("api", "pay", 3100)\nallow("gateway", "pay", 3100)\n',
    '[{"from": [pods("api")], "ports": on(3100)}]': '[{"from": [pods("api"), pods("gateway")], "ports": on(3100)}]',
    '[{"to": [pods("api")], "ports": on(4000)}, dns]': (
        '[{"to": [pods("api")], "ports": on(4000)}, {"to": [pods("pay")], "ports": on(3100)}, dns]'
    ),
}
_SETTINGS = """\
config:
  aws:region: ap-northeast-2
  aws:defaultTags:
    tags: {Project: flash-ticket, Environment: prod, ManagedBy: pulumi}
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
class Pair:
    """What one step took of both programs.

    Attributes:
        size: The number of services, or ``prod``.
        step: One of `lab.bench.contender.STEPS`.
    """

    size: str
    step: str
    ours: Taken
    by_hand: Taken

    @classmethod
    def read(cls, line: str) -> "Pair":
        """Return the pair of a line that `noted` wrote."""
        found = json.loads(line)
        return cls(found["size"], found["step"], Taken(**found["ours"]), Taken(**found["by_hand"]))


@dataclass(frozen=True, slots=True)
class Programs:
    """Both programs of one size, in folders of their own.

    Attributes:
        texts: The files that say the flows: with all of them, and with one more.
    """

    ours: Path
    by_hand: Path
    texts: Mapping[Path, tuple[str, str]]

    def declare(self, *, one_more: bool) -> None:
        """Write the flows into both programs."""
        for path, texts in self.texts.items():
            path.write_text(texts[one_more], encoding="utf-8")


def made_up(lab: Lab, services: int, folder: Path) -> Programs:
    """Write both programs for a made-up shop."""
    flows = tuple(yaml.safe_dump(shop(services, one_more=more)) for more in (False, True))
    theirs = (_REPOSITORY / stack_file(_OURS)).read_text(encoding="utf-8").replace(_OURS, _BY_HAND)
    ours = copy_program(_REPOSITORY, folder / "ours", {stack_file(_BY_HAND): theirs})
    surveyor, listed = Surveyor.of(lab, _BY_HAND), []
    for text in flows:
        (ours / MATRIX_FILE).write_text(text, encoding="utf-8")
        listed.append(json.dumps(flat(surveyor.declared(ours))))
    cut = theirs.partition("  flash-ticket-firewall:binding:")[0]
    by_hand = copy_program(_HANDWRITTEN / "any_shop", folder / "hand", {stack_file(_BY_HAND): cut})
    texts = {ours / MATRIX_FILE: (flows[0], flows[1]), by_hand / "resources.json": (listed[0], listed[1])}
    return Programs(ours, by_hand, texts)


def as_it_is(folder: Path) -> Programs:
    """Write prod of this repository, to run in the lab's dev, and the program that somebody wrote by hand for it."""
    settings = (_REPOSITORY / stack_file(_AS_IT_IS)).read_text(encoding="utf-8").replace(_AS_IT_IS, _OURS)
    ours = copy_program(_REPOSITORY, folder / "ours", {stack_file(_OURS): settings})
    by_hand = copy_program(_HANDWRITTEN, folder / "hand", {stack_file(_BY_HAND): _SETTINGS})
    changes = {ours / MATRIX_FILE: _DECLARED, by_hand / "__main__.py": _WRITTEN}
    return Programs(ours, by_hand, {path: _with_one_more(path, change) for path, change in changes.items()})


def _with_one_more(path: Path, change: Mapping[str, str]) -> tuple[str, str]:
    text = more = path.read_text(encoding="utf-8")
    for before, after in change.items():
        if before not in more:
            raise SystemExit(f"{path.name} has no {before!r}")
        more = more.replace(before, after)
    return text, more


def life(lab: Lab, size: str, folder: Path, steps: Sequence[str] = STEPS, pairs: int = 1) -> Iterator[Pair]:
    """Yield each step with what it took of ours and of the one by hand.

    Args:
        lab: A lab where nothing of the shop is deployed.
        size: The number of services, or ``prod``.
        folder: A folder for both programs, which does not exist.
        steps: The steps to take.
        pairs: How often both take the steps that can be repeated; the flow is added and removed in turn.
    """
    programs = as_it_is(folder) if size == _AS_IT_IS else made_up(lab, int(size), folder)
    programs.declare(one_more=False)
    ours, by_hand = Contender(lab, _OURS, programs.ours), Contender(lab, _BY_HAND, programs.by_hand)
    for step in steps:
        for number in range(pairs if step in (PREVIEW, PREVIEW_AGAIN, ONE_FLOW) else 1):
            if step == ONE_FLOW:
                programs.declare(one_more=number % 2 == 0)
            if number % 2:
                other = by_hand.take(step)
                yield Pair(size, step, ours.take(step), other)
            else:
                one = ours.take(step)
                yield Pair(size, step, one, by_hand.take(step))


def main() -> None:
    """Print a row for each step of each size, ours beside the one by hand."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="3,30,100,300", help="numbers of services, or prod")
    parser.add_argument("--runs", type=int, default=1, help="whole lives, each on a lab of its own")
    parser.add_argument("--pairs", type=int, default=1, help="how often a run takes the steps that can be repeated")
    parser.add_argument(
        "--until", choices=STEPS, default=DESTROY, help="the last step; after preview, nothing is changed"
    )
    parser.add_argument(
        "--checkpoints",
        choices=[each.name for each in Checkpoints],
        default=Checkpoints.AT_THE_END.name,
        help="when the engine writes its state; EACH_STEP, as outside, takes it ten times as long for 100 services",
    )
    parser.add_argument("--noted", type=Path, help="a file: each pair is added to it, and the table is of all in it")
    asked = parser.parse_args()
    steps = STEPS[: STEPS.index(asked.until) + 1]
    pairs = [Pair.read(line) for line in asked.noted.read_text().splitlines()] if _exists(asked.noted) else []
    for size in asked.sizes.split(","):
        for _ in range(asked.runs):
            with Lab.start(checkpoints=Checkpoints[asked.checkpoints]) as lab:
                prepare(lab)
                pairs += noted(life(lab, size, lab.folder / "programs", steps, asked.pairs), asked.noted)
    print(table(pairs))


def _exists(path: Path | None) -> bool:
    return path is not None and path.exists()


def noted(pairs: Iterable[Pair], path: Path | None) -> Iterator[Pair]:
    """Yield pairs, print each to standard error at once, and add it to a file: the large sizes take long."""
    for pair in pairs:
        print(row([pair]), file=sys.stderr, flush=True)
        if path:
            with path.open("a", encoding="utf-8") as file:
                print(json.dumps(asdict(pair)), file=file)
        yield pair


def table(pairs: Iterable[Pair]) -> str:
    """Return the table of all pairs, in the order of their first."""
    alike: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        alike.setdefault((pair.size, pair.step), []).append(pair)
    head = (
        "| services | step | pairs | resources: ours; by hand | seconds | ratio | processor s of all | ratio "
        "| ms, processor ms for each resource of ours | processor s of the program | MiB of the program |\n"
        f"|---:|---|{'---:|' * 9}"
    )
    return "\n".join([head, *map(row, alike.values())])


def row(pairs: Sequence[Pair]) -> str:
    """Return the row of a step: the medians of its pairs, and the spread of the ratio of each pair."""
    ours, others = [pair.ours for pair in pairs], [pair.by_hand for pair in pairs]

    def both(kind: str, digits: int) -> str:
        return "; ".join(f"{statistics.median(getattr(each, kind) for each in of):.{digits}f}" for of in (ours, others))

    def ratio(kind: str) -> str:
        ratios = [getattr(pair.ours, kind) / getattr(pair.by_hand, kind) for pair in pairs]
        spread = f" ({min(ratios):.2f}-{max(ratios):.2f})" if len(ratios) > 1 else ""
        return f"{statistics.median(ratios):.2f}{spread}"

    def each(kind: str) -> str:
        return f"{statistics.median(1e3 * getattr(one, kind) / one.resources for one in ours):.0f}"

    ran = statistics.median(one.memory for one in ours) > 0  # destroy runs no program
    cells = (
        str(len(pairs)),
        both("resources", 0),
        both("seconds", 1),
        ratio("seconds"),
        both("all_processor", 1),
        ratio("all_processor"),
        f"{each('seconds')}; {each('all_processor')}",
        both("processor", 1) if ran else "",
        both("memory", 0) if ran else "",
    )
    return f"| {pairs[0].size} | {pairs[0].step} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
