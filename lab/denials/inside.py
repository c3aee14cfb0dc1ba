"""``python -m lab.denials.inside`` runs within an enclosure: it tries connections, and writes who noticed, in JSON.

Its orders are the first argument, in JSON:

* ``prometheus``: the executable; empty where there is none, and then no alert is looked at.
* ``rules``: None to deploy the shop's firewall with alerts on a node with the agent of AWS, and to try everything; or
  rules that were deployed so, to be evaluated on a node where kube-router enforces.
"""

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flash_ticket.firewall.compile.alerts.alert import Alert
from lab.denials.attempts import Call, calls, denials, tried
from lab.denials.follower import Follower, denied
from lab.denials.prometheus import Prometheus, PrometheusEndedError
from lab.denials.watched import STACK, alerting_on, deployed, metrics_of, rings, rule_groups
from lab.enclosure.answer import exit_code, write_answer
from lab.enclosure.mounts import RUN
from lab.node.enforcers.aws.agent import Denials
from lab.node.node import Node
from lab.node.programs import NodeError
from lab.packets.agent_log import LOG
from lab.packets.connections import Answer, allow_many_files
from lab.packets.declarations import ADDRESSES
from lab.running.engine import Engine, EngineError
from lab.running.lab import Lab, LabError
from lab.shop.shop import Shop
from lab.shop.start import running_shop
from lab.toolchain.kits import provide
from lab.toolchain.node_kits import Enforcer, node_kits

_GROUP = "cloudwatch:/aws/eks/flash-ticket-dev/cluster"
_DENIED_TRAFFIC, _METRIC_MISSING = Alert.DENIED_TRAFFIC, Alert.METRIC_MISSING
_EVALUATIONS_SECONDS = 5.0
_LATE_SECONDS = 60.0
_MEASURED = 3
_ONE_PACKET_SECONDS = 0.3
_ROUND_SECONDS = 0.5


def main() -> int:
    """Follow the orders of the first argument."""
    orders = json.loads(sys.argv[1])
    allow_many_files()

    def run() -> None:
        write_answer(_with_shop(orders["prometheus"]) if orders["rules"] is None else _with_kube_router(**orders))

    return exit_code(run, NodeError, LabError, EngineError, PrometheusEndedError)


def _with_kube_router(prometheus: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    node = Node(provide(node_kits(Enforcer.KUBE_ROUTER)), ADDRESSES, Enforcer.KUBE_ROUTER)
    node.prepare()
    with alerting_on(prometheus, rules, [metrics_of(node)]) as alerting:
        node.start()
        return {"rings": rings(alerting, _METRIC_MISSING)}


def _with_shop(prometheus: str) -> dict[str, Any]:
    with running_shop(denials=Denials.SHIPPED) as (lab, shop):
        engine, groups = deployed(lab, shop), rule_groups(shop)
        if not prometheus:
            return {"rules": groups, **_tried(lab, shop, engine)}
        with alerting_on(prometheus, groups, [metrics_of(shop.node)]) as alerting:
            silent = _declared_alone(shop, alerting)
            found = _tried(lab, shop, engine)
            return {"rules": groups, "silent": silent, **found, "rings": rings(alerting, _DENIED_TRAFFIC)}


def _declared_alone(shop: Shop, alerting: Prometheus) -> dict[str, Any]:
    """Try what is declared for a few evaluations, and return what the alerts say."""
    alerting.wait("the agent's metrics", alerting.is_scraped)
    declared, answers = [each for each in calls(shop) if each.is_declared], set()
    end = time.monotonic() + _EVALUATIONS_SECONDS
    while time.monotonic() < end:
        answers |= set(tried(declared))
        time.sleep(_ROUND_SECONDS)  # the agent ships a line for each connection, and one line at a time
    return {
        "answers": sorted(answers),
        "states": alerting.states(),
        "history": {name: alerting.history(name) for name in (_DENIED_TRAFFIC, _METRIC_MISSING)},
        "unwell": alerting.unwell(),
    }


def _tried(lab: Lab, shop: Shop, engine: Engine) -> dict[str, Any]:
    """Try everything once, and return the attempts and what the command makes of the agent's file and of its group."""
    begun = time.time()
    variables = lab.env(STACK)
    asked = ["--project", str(engine.program), "--stack", STACK]
    every = calls(shop)
    sources = [str(LOG), _GROUP]
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    followed = _followed(sources, [*asked, "--since", since], variables, every)
    answers = tried(every)
    expected = denials(call for call, answer in zip(every, answers, strict=True) if answer is Answer.SILENT)
    end = time.monotonic() + _LATE_SECONDS
    while True:  # the agent writes a line some time after the packet, and ships one at a time
        found = [denied([source, *asked, "--since", since], variables) for source in sources]
        if time.monotonic() > end or min(len(each.get("denials", ())) for each in found) >= expected:
            break
    shop.node.check()
    return {
        "followed": followed,
        "begun": begun,
        "tried": [call.row(answer) for call, answer in zip(every, answers, strict=True)],
        "file": found[0],
        "group": found[1],
        "own": denied([*asked, "--since", since], variables),
        "cut": denied([str(_cut_log()), *asked, "--since", since], variables),
    }


def _cut_log() -> Path:
    """Return a copy of the agent's log in which one denial is cut in the middle, with the next line right behind it.

    An agent that ends while it writes leaves that. No other line is lost: the cut one is one of the last attempts, each
    of which has several lines.
    """
    lines = LOG.read_bytes().splitlines(keepends=True)
    number = max(number for number, line in enumerate(lines[:-1]) if b"Verdict DENY" in line)
    lines[number] = lines[number][: len(lines[number]) // 2]
    copy = RUN / "cut.log"
    copy.write_bytes(b"".join(lines))
    return copy


def _followed(
    sources: Sequence[str], asked: Sequence[str], variables: dict[str, str], every: Sequence[Call]
) -> dict[str, list[dict[str, Any]]]:
    """Follow sources, try some undeclared connections one by one, and return when each follower printed each.

    The first one waits until the followers have read everything for the first time, so it does not count.
    """
    between_pods = (each for each in every if each.source.is_pod and each.called == each.destination.cluster_ip)
    chosen = [each for each in between_pods if not each.is_declared][: _MEASURED + 1]
    found: dict[str, list[dict[str, Any]]] = {source: [] for source in sources}
    with ExitStack() as stack:
        followers = {source: stack.enter_context(Follower.start([source, *asked], variables)) for source in sources}
        for call in chosen:
            ends = (call.source.name, call.destination.name, call.port.first)
            begun = time.monotonic()
            tried([call], _ONE_PACKET_SECONDS)
            for source, follower in followers.items():
                printed = follower.wait(begun, ends)
                seconds = None if printed is None else round(printed - begun, 2)
                found[source].append({"ends": ends, "seconds": seconds})
    return found


if __name__ == "__main__":
    sys.exit(main())
