"""What Cilium does that no analysis of policies can know, measured by packets."""

import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.node.network import entered
from lab.node.programs import NodeError
from lab.on_the_way.moments.moment import (
    ALL,
    NONE,
    STANDS_SECONDS,
    WATCHED_SECONDS,
    Moment,
    after_first,
    answers,
    change,
    first_policy,
    new_pod,
    of_new,
    stopped,
)
from lab.on_the_way.moments.stage import CLOSED_PORT, DATAGRAMS, NAMESPACE, Pod, Stage

_TRIALS, _FEW = 5, 3
_PORT_OPEN = [{"ports": [{"port": 4000}]}]
_RESTART_SECONDS = 20.0
_NAME = "kubernetes.default.svc.cluster.local"
_QUESTION = bytes.fromhex("4c43 0100 0001 0000 0000 0000")
_QUESTION += b"".join(bytes([len(part)]) + part.encode() for part in _NAME.split(".")) + b"\x00\x00\x01\x00\x01"
_POLICIES = f"/apis/cilium.io/v2/namespaces/{NAMESPACE}/ciliumnetworkpolicies"
_DNS_RULE = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "names", "namespace": NAMESPACE},
    "spec": {
        "endpointSelector": {"matchLabels": {"role": "names"}},
        "egress": [
            {
                "toEndpoints": [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system"}}],
                "toPorts": [{"ports": [{"port": "53", "protocol": "ANY"}], "rules": {"dns": [{"matchName": _NAME}]}}],
            }
        ],
    },
}


@dataclass(frozen=True, slots=True)
class CiliumMoments:
    """Measures on one node.

    Attributes:
        stage: With the node.
    """

    stage: Stage

    def all(self) -> Iterator[Moment]:
        """Measure everything."""
        self.stage.open()
        helper = self.stage.pod("helper")
        self.stage.wait(helper)
        time.sleep(STANDS_SECONDS)
        yield from self._new_pods(helper)
        yield from self._first_policy(helper)
        yield from self._established()
        yield from self._datagrams(helper)
        yield from self._names()
        yield from self._restart(helper)

    def _new_pods(self, helper: Pod) -> Iterator[Moment]:
        """A new pod, with policies that stand before it comes."""
        self.stage.put("closed", "closed", ingress=NONE, egress=NONE)
        self.stage.put("allowed", "allowed", ingress=ALL, egress=ALL)
        yield from of_new("a new pod", [new_pod(self.stage, helper, "closed") for _ in range(_TRIALS)])
        first = tuple(new_pod(self.stage, helper, "allowed").first for _ in range(_TRIALS))
        yield Moment("a new pod: its first allowed connection passes after", "s", first)
        self.stage.drop("closed", "allowed")
        yield Moment(
            "a new pod whose labels no other pod has: the first connection passes, to a pod that allows it by label, "
            "after",
            "s",
            tuple(self._by_label(number) for number in range(_FEW)),
        )

    def _by_label(self, number: int) -> float:
        """Return after how long a pod reaches one that allows it by its labels."""
        role = f"caller{number}"
        server = self.stage.pod("server")
        self.stage.wait(server)
        self.stage.put("server", "server", ingress=[{"from": [{"podSelector": {"matchLabels": {"role": role}}}]}])
        time.sleep(STANDS_SECONDS)
        caller = self.stage.pod(role)
        with self.stage.tried(caller.to(server)) as (flow,):
            started = caller.started()
            time.sleep(WATCHED_SECONDS)
            look = self.stage.probe.look()
        self.stage.drop("server")
        self.stage.remove(server, caller)
        passed = [run for run in look.runs[flow] if run.passed and run.last > started]
        return max(0.0, passed[0].first - started) if passed else WATCHED_SECONDS

    def _first_policy(self, helper: Pod) -> Iterator[Moment]:
        found = [first_policy(self.stage, helper) for _ in range(_TRIALS)]
        yield Moment("the first policy of a pod: closes after", "s", tuple(each[0] for each in found))
        yield Moment(
            "the first policy of a pod: allowed connections are stopped for", "s", tuple(each[1] for each in found)
        )

    def _established(self) -> Iterator[Moment]:
        first = [after_first(self.stage) for _ in range(_FEW)]
        for number, what in enumerate(("a pod's first policy", "the second policy, of the other direction,")):
            values = tuple(each[number] for each in first)
            yield Moment(f"{what} forbids a connection that stands: it stands 3 s later", "count", values)
        found = [self._stricter() for _ in range(_FEW)]
        for number, (what, unit) in enumerate(
            (
                ("new connections stop after", "s"),
                ("the connection that stands passes on", "count"),
                ("once the policy allows it again, the connection passes again", "count"),
            )
        ):
            yield Moment(f"a stricter policy: {what}", unit, tuple(each[number] for each in found))

    def _stricter(self) -> Sequence[float]:
        server, client = self.stage.pod("server"), self.stage.pod("client")
        self.stage.wait(server, client)
        self.stage.put("server", "server", ingress=_PORT_OPEN)
        self.stage.put("client", "client", egress=_PORT_OPEN)
        time.sleep(STANDS_SECONDS)
        with self.stage.tried(client.to(server), interval=0.02) as (number,):
            self.stage.probe.keep([number])
            time.sleep(1.0)
            written = self.stage.put("server", "server", ingress=NONE)
            time.sleep(STANDS_SECONDS)
            closed = self.stage.probe.look()
            self.stage.put("server", "server", ingress=_PORT_OPEN)
            time.sleep(WATCHED_SECONDS)
            again = self.stage.probe.look()
        self.stage.drop("server", "client")
        self.stage.remove(server, client)
        return change(closed, number, written), float(closed.kept[number].stands), float(again.kept[number].stands)

    def _datagrams(self, helper: Pod) -> Iterator[Moment]:
        """UDP from a source port that was allowed, after a policy denies it."""
        passed = []
        for _ in range(_FEW):
            pod = self.stage.pod("datagrams")
            self.stage.wait(pod)
            self.stage.put("datagrams", "datagrams", egress=ALL)
            time.sleep(STANDS_SECONDS)
            with entered(pod.network), socket.socket(type=socket.SOCK_DGRAM) as sent:
                sent.settimeout(1.0)
                sent.connect((helper.address, DATAGRAMS.first))
                if not answers(sent):
                    raise NodeError("a datagram is lost before a policy denies it")
                self.stage.put("datagrams", "datagrams", egress=NONE)
                time.sleep(STANDS_SECONDS)
                passed.append(float(answers(sent)))
            self.stage.drop("datagrams")
            self.stage.remove(pod)
        yield Moment("UDP denied: the source port that was allowed passes 3 s later", "count", tuple(passed))

    def _names(self) -> Iterator[Moment]:
        """A pod whose names Cilium's own DNS proxy judges, while the agent, which is the proxy, is away."""
        asking, plain = self.stage.pod("names"), self.stage.pod("plain")
        self.stage.wait(asking, plain)
        self.stage.node.api.request("POST", _POLICIES, _DNS_RULE)
        time.sleep(STANDS_SECONDS)
        before = [self._resolves(pod) for pod in (asking, plain)]
        self.stage.node.enforcing.kill()
        away = [self._resolves(pod) for pod in (asking, plain)]
        begun = time.monotonic()
        self.stage.node.enforcing.restart()
        healthy = time.monotonic() - begun
        while not self._resolves(asking) and time.monotonic() - begun < _RESTART_SECONDS:
            pass
        back = time.monotonic() - begun
        self.stage.node.api.delete(_DNS_RULE)
        self.stage.remove(asking, plain)
        for words, found in (("runs", before), ("is away", away)):
            yield Moment(f"the agent {words}: names resolve for a pod with a DNS rule", "count", (found[0],))
            yield Moment(f"the agent {words}: names resolve for a pod without one", "count", (found[1],))
        yield Moment("the agent starts: it is healthy after", "s", (healthy,))
        yield Moment("the agent starts: names resolve for a pod with a DNS rule after", "s", (back,))

    def _resolves(self, pod: Pod) -> float:
        with entered(pod.network), socket.socket(type=socket.SOCK_DGRAM) as asked:
            asked.settimeout(1.0)
            asked.sendto(_QUESTION, (str(self.stage.node.addresses.dns), 53))
            try:
                return float(bool(asked.recv(512)))
            except OSError:
                return 0.0

    def _restart(self, helper: Pod) -> Iterator[Moment]:
        """The agent is killed and comes back."""
        found = [self._restarted(helper) for _ in range(_FEW)]
        for number, (what, unit) in enumerate(
            (
                ("is away for 5 s: allowed attempts lost", "count"),
                ("is away for 5 s: denied attempts that pass", "count"),
                ("is away: a policy written meanwhile takes effect", "count"),
                ("is away: a new pod gets a network", "count"),
                ("starts: allowed attempts lost", "count"),
                ("starts: denied attempts that pass", "count"),
                ("starts: allowed connections that stand", "count"),
                ("starts: a policy written meanwhile takes effect after", "s"),
            )
        ):
            yield Moment(f"the agent {what}", unit, tuple(each[number] for each in found))

    def _restarted(self, helper: Pod) -> Sequence[float]:
        pod, late = self.stage.pod("restart"), self.stage.pod("late")
        self.stage.wait(pod, late)
        self.stage.put("restart", "restart", egress=_PORT_OPEN)
        self.stage.put("late", "late", egress=ALL)
        time.sleep(STANDS_SECONDS)
        with self.stage.tried(pod.to(helper), pod.to(helper, CLOSED_PORT), late.to(helper)) as flows:
            allowed, closed, lately = flows
            self.stage.probe.keep([allowed])
            time.sleep(1.0)
            self.stage.probe.look()
            self.stage.node.enforcing.kill()
            self.stage.put("late", "late", egress=NONE)
            wanted = self.stage.ask("meanwhile")
            time.sleep(5.0)
            away = self.stage.probe.look()
            has_network = self.stage.has_network(wanted)
            started = time.monotonic()
            self.stage.node.enforcing.restart()
            time.sleep(_RESTART_SECONDS)
            look = self.stage.probe.look()
        self.stage.node.api.delete(wanted)
        self.stage.drop("restart", "late")
        self.stage.remove(pod, late)
        return (
            float(stopped(away.runs[allowed])),
            float(sum(run.count for run in away.runs[closed] if run.passed)),
            float(stopped(away.runs[lately]) > 0),
            float(has_network),
            float(stopped(look.runs[allowed])),
            float(sum(run.count for run in look.runs[closed] if run.passed)),
            float(look.kept[allowed].stands),
            change(look, lately, started),
        )
