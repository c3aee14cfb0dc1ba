"""What the agent of AWS does that no analysis of policies can know, measured by packets."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.node.enforcers.aws.agent import Mode
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
from lab.on_the_way.moments.stage import CLOSED_PORT, DATAGRAMS, Pod, Stage
from lab.on_the_way.probe import Look

_TRIALS = 5
_FEW = 3
_BATCH_SECONDS = 1.0
_ANNOUNCED_LATER = 200
_AGES = (2, 10, 20, 30, 40, 60, 80, 100, 120, 150, 180, 210, 240, 270, 300, 330, 360)
_BUSY_SECONDS = 1.0


@dataclass(slots=True)
class Moments:
    """Measures on one node.

    Attributes:
        stage: With the node.
    """

    stage: Stage

    def all(self) -> Iterator[Moment]:
        """Measure everything that shows in the node's mode."""
        self.stage.open()
        # Beside the pods that are measured: in strict mode, they would be closed.
        self.stage.put("helper", "helper", ingress=ALL, egress=ALL)
        helper = self.stage.pod("helper")
        self.stage.wait(helper)
        time.sleep(STANDS_SECONDS)
        yield from self._new_pods(helper)
        if self.stage.node.mode is Mode.STANDARD:
            yield from self._first_policy(helper)
            yield from self._established()
            yield from self._restart(helper)
            yield from self._datagrams(helper)

    def _new_pods(self, helper: Pod) -> Iterator[Moment]:
        """A new pod, with policies that stand before it comes."""
        self.stage.put("closed", "closed", ingress=NONE, egress=NONE)
        self.stage.put("allowed", "allowed", ingress=ALL, egress=ALL)
        for seconds, controller in ((0.0, "at once"), (_BATCH_SECONDS, "after 1 s, as on EKS")):
            self.stage.node.aws.collect_changes(seconds)
            name = f"a new pod, its PolicyEndpoint written {controller}"
            yield from of_new(name, [new_pod(self.stage, helper, "closed") for _ in range(_TRIALS)])
            allowed = [new_pod(self.stage, helper, "allowed").first for _ in range(_FEW)]
            yield Moment(f"{name}: its first allowed connection passes after", "s", tuple(allowed))
        self.stage.node.aws.collect_changes(0.0)
        before = self.stage.pod("closed", "replica")
        before.started()
        time.sleep(WATCHED_SECONDS)
        yield from of_new(
            "a further replica on the node", [new_pod(self.stage, helper, "closed", "replica") for _ in range(_FEW)]
        )
        self.stage.remove(before)
        self.stage.drop("closed", "allowed")

    def _first_policy(self, helper: Pod) -> Iterator[Moment]:
        """A running pod gets its first policy: announced to the agent before its start, or not."""
        for mode, words in (("standard", "announced by its network plugin"), ("", "that runs since before the agent")):
            first = int(IPv4Address(helper.address)) + (_ANNOUNCED_LATER if mode == "" else 0)
            if mode == "":
                self.stage.node.aws.replace_ipamd("", IPv4Address(first))
            found = [first_policy(self.stage, helper) for _ in range(_TRIALS)]
            yield Moment(f"the first policy of a pod {words}: closes after", "s", tuple(each[0] for each in found))
            yield Moment(
                f"the first policy of a pod {words}: allowed connections are stopped for",
                "s",
                tuple(each[1] for each in found),
            )
        self.stage.node.aws.replace_ipamd("standard", IPv4Address(first + _ANNOUNCED_LATER))

    def _established(self) -> Iterator[Moment]:
        """A connection that stands while policies become stricter, and what ends it."""
        first = [after_first(self.stage) for _ in range(_FEW)]
        yield Moment(
            "a pod's first policy forbids a connection that stands: it stands 3 s later",
            "count",
            tuple(each[0] for each in first),
        )
        yield Moment(
            "the second policy, of the other direction, forbids it: it stands 3 s later",
            "count",
            tuple(each[1] for each in first),
        )
        counted: dict[str, list[float]] = {}
        for _ in range(_FEW):
            for what, value in self._stricter():
                counted.setdefault(what, []).append(value)
        for what, values in counted.items():
            yield Moment(what, "s" if what.endswith(("after", "for")) else "count", tuple(values))

    def _stricter(self) -> Iterator[tuple[str, float]]:
        server, client = self.stage.pod("server"), self.stage.pod("client")
        self.stage.wait(server, client)
        rules = [{"ports": [{"port": 4000}]}]
        self.stage.put("server", "server", ingress=rules)
        self.stage.put("client", "client", egress=rules)
        time.sleep(STANDS_SECONDS)
        with self.stage.tried(client.to(server), interval=0.02) as (number,):
            self.stage.probe.keep([number])
            time.sleep(1.0)
            written = self.stage.put("server", "server", ingress=NONE)
            look = self._look()
            yield "a stricter policy: new connections stop after", change(look, number, written)
            yield "a stricter policy: the connection that stands passes on", float(look.kept[number].stands)
            for what, act in self._remedies(server, client).items():
                if not self._look(0.0).kept[number].stands:
                    self._revive(server, number)
                act()
                look = self._look()
                yield f"{what}: the connection stands 3 s later", float(look.kept[number].stands)
                opened = [run for run in look.runs[number] if run.passed]
                yield f"{what}: new connections pass meanwhile for", sum(run.last - run.first for run in opened)
        self.stage.drop("server", "client")
        self.stage.remove(server)

    def _revive(self, server: Pod, number: int) -> None:
        """Open the connection again, and close the policy again."""
        self.stage.put("server", "server", ingress=[{"ports": [{"port": 4000}]}])
        time.sleep(1.0)
        self.stage.probe.keep([number])
        time.sleep(1.0)
        self.stage.put("server", "server", ingress=NONE)
        self._look()
        if not self._look(0.0).kept[number].stands:
            raise ValueError(server.name)

    def _remedies(self, server: Pod, client: Pod) -> Mapping[str, Callable[[], object]]:
        def replace_policy() -> None:
            self.stage.drop("server")
            time.sleep(0.5)
            self.stage.put("server", "server", ingress=NONE)

        def replace_at_once() -> None:
            self.stage.drop("server")
            self.stage.put("server", "server", ingress=NONE)

        def forget() -> None:
            subprocess.run(["conntrack", "-D", "-d", server.address], capture_output=True, check=False)  # noqa: S603, S607 - an address

        def restart() -> None:
            self.stage.node.enforcing.kill()
            self.stage.node.enforcing.restart()

        def end_sockets() -> None:
            with entered(client.network):
                subprocess.run(["ss", "--kill", "dst", server.address], capture_output=True, check=False)  # noqa: S603, S607 - an address

        return {
            "conntrack -D": forget,
            "the agent restarts": restart,
            "the policy is deleted, and made again 0.5 s later": replace_policy,
            "the policy is deleted, and made again at once": replace_at_once,
            "ss --kill in the pod's network": end_sockets,
            "the pod is deleted": lambda: self.stage.remove(client),
        }

    def _restart(self, helper: Pod) -> Iterator[Moment]:
        """The agent is killed and comes back, with the same programs for the kernel and with other ones."""
        for words, trials, other in (("the same programs", _FEW, False), ("other programs", _FEW, True)):
            found = [self._restarted(helper, number if other else -1) for number in range(trials)]
            for index, (what, unit) in enumerate(
                (
                    ("allowed attempts lost", "count"),
                    ("denied attempts that pass", "count"),
                    ("denied attempts pass for", "s"),
                    ("allowed connections that stand", "count"),
                    ("a policy written meanwhile takes effect, after the start, after", "s"),
                )
            ):
                yield Moment(f"the agent restarts with {words}: {what}", unit, tuple(each[index] for each in found))

    def _restarted(self, helper: Pod, other: int) -> Sequence[float]:
        pod = self.stage.pod("restart")
        late = self.stage.pod("late")
        self.stage.wait(pod, late)
        self.stage.put("restart", "restart", egress=[{"ports": [{"port": 4000}]}])
        self.stage.put("late", "late", egress=ALL)
        time.sleep(STANDS_SECONDS)
        with self.stage.tried(pod.to(helper), pod.to(helper, CLOSED_PORT), late.to(helper)) as (
            allowed,
            closed,
            lately,
        ):
            self.stage.probe.keep([allowed])
            time.sleep(1.0)
            self.stage.node.enforcing.kill()
            if other >= 0:
                self.stage.node.aws.change_programs(other)
            self.stage.put("late", "late", egress=NONE)
            time.sleep(1.0)
            started = time.monotonic()
            self.stage.node.enforcing.restart()
            time.sleep(15.0)
            look = self.stage.probe.look()
        self.stage.drop("restart", "late")
        self.stage.remove(pod, late)
        opened = [run for run in look.runs[closed] if run.passed]
        return (
            float(stopped(look.runs[allowed])),
            float(sum(run.count for run in opened)),
            opened[-1].last - opened[0].first if opened else 0.0,
            float(look.kept[allowed].stands),
            change(look, lately, started),
        )

    def _datagrams(self, helper: Pod) -> Iterator[Moment]:
        """UDP from a source port that was allowed: how long it passes after the port is denied."""
        pod = self.stage.pod("datagrams")
        self.stage.wait(pod)
        self.stage.put("datagrams", "datagrams", egress=ALL)
        time.sleep(STANDS_SECONDS)
        with entered(pod.network):
            sockets = [socket.socket(type=socket.SOCK_DGRAM) for _ in (*_AGES, "busy", "new")]
        for each in sockets:
            each.settimeout(1.0)
            each.connect((helper.address, DATAGRAMS.first))
        *idle, busy, new = sockets
        if not all(answers(each) for each in (*idle, busy)):
            raise NodeError("datagrams are lost before a policy denies them")
        self.stage.put("datagrams", "datagrams", egress=NONE)
        time.sleep(STANDS_SECONDS)
        denied, passed, lasted = time.monotonic(), [0.0], 0.0
        for age, each in zip(_AGES, idle, strict=True):
            while time.monotonic() < denied + age:
                if lasted >= time.monotonic() - denied - 2 * _BUSY_SECONDS and answers(busy):
                    lasted = time.monotonic() - denied
                time.sleep(_BUSY_SECONDS)
            passed += [float(age)] if answers(each) else []
        new_passes = float(answers(new))
        self.stage.drop("datagrams")
        self.stage.remove(pod)
        yield Moment("UDP denied: a datagram from a new source port passes", "count", (new_passes,))
        yield Moment(f"UDP denied: idle source ports that pass, of {len(_AGES)}", "count", (float(len(passed) - 1),))
        yield Moment("UDP denied: a source port that was idle passes up to an age of", "s", (max(passed),))
        yield Moment("UDP denied: a source port that goes on sending passes for, at least", "s", (lasted,))

    def _look(self, after: float = STANDS_SECONDS) -> Look:
        time.sleep(after)
        return self.stage.probe.look()
