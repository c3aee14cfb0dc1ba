"""What the agent of AWS does that no analysis of policies can know, measured by packets."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from statistics import median
from typing import Any

from lab.enclosure.mounts import RUN
from lab.node.agent import Mode
from lab.node.network import entered
from lab.node.programs import NodeError
from lab.on_the_way.probe import Look, Run
from lab.on_the_way.stage import CLOSED_PORT, DATAGRAMS, Pod, Stage
from lab.packets.connections import QUESTION

_TRIALS = 5
_FEW = 3
_WATCHED_SECONDS = 4.0
_STANDS_SECONDS = 3.0
_BATCH_SECONDS = 1.0
_ANNOUNCED_LATER = 200
_AGES = (2, 10, 20, 30, 40, 60, 80, 100, 120, 150, 180, 210, 240, 270, 300, 330, 360)
_BUSY_SECONDS = 1.0
ALL: list[dict[str, Any]] = [{}]
NONE: list[dict[str, Any]] = []


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that was measured.

    Attributes:
        what: In words.
        unit: Of the values: seconds, or a count.
        values: One of each trial.
    """

    what: str
    unit: str
    values: tuple[float, ...]

    def told(self) -> dict[str, Any]:
        """Return it for a table."""
        ordered = sorted(self.values)
        return {
            "moment": self.what,
            "unit": self.unit,
            "trials": len(ordered),
            "median": round(median(ordered), 3) if ordered else None,
            "least": round(ordered[0], 3) if ordered else None,
            "most": round(ordered[-1], 3) if ordered else None,
        }


@dataclass(frozen=True, slots=True)
class _New:
    """A new pod, from the start of its container on; before it, no program is there that connects or listens.

    Attributes:
        outward: For how long connections from it pass.
        inward: For how long connections to it pass.
        first: When the first connection from it passes.
        stood: Whether one that was opened before its policies were known stands; None if none was opened.
    """

    outward: float
    inward: float
    first: float
    stood: float | None


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
        time.sleep(_STANDS_SECONDS)
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
            yield from _of_new(name, [self._new_pod(helper, "closed") for _ in range(_TRIALS)])
            allowed = [self._new_pod(helper, "allowed").first for _ in range(_FEW)]
            yield Moment(f"{name}: its first allowed connection passes after", "s", tuple(allowed))
        self.stage.node.aws.collect_changes(0.0)
        before = self.stage.pod("closed", "replica")
        before.started()
        time.sleep(_WATCHED_SECONDS)
        yield from _of_new(
            "a further replica on the node", [self._new_pod(helper, "closed", "replica") for _ in range(_FEW)]
        )
        self.stage.remove(before)
        self.stage.drop("closed", "allowed")

    def _new_pod(self, helper: Pod, role: str, owner: str = "") -> "_New":
        pod = self.stage.pod(role, owner)
        with self.stage.tried(pod.to(helper), helper.to(pod)) as (outward, inward):
            if role == "closed":
                self.stage.probe.keep([outward])
            started = pod.started()
            time.sleep(_WATCHED_SECONDS)
            look = self.stage.probe.look()
        self.stage.remove(pod)
        kept = look.kept.get(outward)
        passed = [run for run in look.runs[outward] if run.passed and run.last > started]
        return _New(
            max(0.0, _last(look.runs[outward], started) - started),
            max(0.0, _last(look.runs[inward], started) - started),
            max(0.0, passed[0].first - started) if passed else _WATCHED_SECONDS,
            float(kept.stands) if kept and kept.answered else None,
        )

    def _first_policy(self, helper: Pod) -> Iterator[Moment]:
        """A running pod gets its first policy: announced to the agent before its start, or not."""
        for mode, words in (("standard", "announced by its network plugin"), ("", "that runs since before the agent")):
            first = int(IPv4Address(helper.address)) + (_ANNOUNCED_LATER if mode == "" else 0)
            if mode == "":
                self.stage.node.aws.replace_ipamd("", IPv4Address(first))
                time.sleep(1.0)
            found = [self._policy_on_running(helper) for _ in range(_TRIALS)]
            yield Moment(f"the first policy of a pod {words}: closes after", "s", tuple(each[0] for each in found))
            yield Moment(
                f"the first policy of a pod {words}: allowed connections are stopped for",
                "s",
                tuple(each[1] for each in found),
            )
        self.stage.node.aws.replace_ipamd("standard", IPv4Address(first + _ANNOUNCED_LATER))
        time.sleep(1.0)

    def _policy_on_running(self, helper: Pod) -> tuple[float, float]:
        pod = self.stage.pod("running")
        self.stage.wait(pod)
        time.sleep(1.0)
        with self.stage.tried(pod.to(helper), pod.to(helper, CLOSED_PORT)) as (allowed, closed):
            time.sleep(0.5)
            written = self.stage.put("running", "running", egress=[{"ports": [{"port": 4000}]}])
            time.sleep(2 * _WATCHED_SECONDS)
            look = self.stage.probe.look()
        self.stage.drop("running")
        self.stage.remove(pod)
        stopped = sum(run.last - run.first for run in look.runs[allowed] if not run.passed)
        return _change(look, closed, written), stopped

    def _established(self) -> Iterator[Moment]:
        """A connection that stands while policies become stricter, and what ends it."""
        first = [self._after_first() for _ in range(_FEW)]
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

    def _after_first(self) -> tuple[float, float]:
        """Return whether a connection stands after the first policy, and after a second one of the other direction."""
        server, first, second = self.stage.pod("server"), self.stage.pod("first"), self.stage.pod("second")
        self.stage.wait(server, first, second)
        time.sleep(1.0)
        with self.stage.tried(first.to(server), second.to(server), interval=0.02) as numbers:
            self.stage.probe.keep(numbers)
            time.sleep(1.0)
            self.stage.put("first", "first", egress=NONE)
            self.stage.put("second-1", "second", ingress=NONE)
            time.sleep(_STANDS_SECONDS)
            self.stage.put("second-2", "second", egress=NONE)
            look = self._look()
            result = tuple(float(look.kept[number].stands) for number in numbers)
        self.stage.drop("first", "second-1", "second-2")
        self.stage.remove(server, first, second)
        return result[0], result[1]

    def _stricter(self) -> Iterator[tuple[str, float]]:
        server, client = self.stage.pod("server"), self.stage.pod("client")
        self.stage.wait(server, client)
        rules = [{"ports": [{"port": 4000}]}]
        self.stage.put("server", "server", ingress=rules)
        self.stage.put("client", "client", egress=rules)
        time.sleep(_STANDS_SECONDS)
        with self.stage.tried(client.to(server), interval=0.02) as (number,):
            self.stage.probe.keep([number])
            time.sleep(1.0)
            written = self.stage.put("server", "server", ingress=NONE)
            look = self._look()
            yield "a stricter policy: new connections stop after", _change(look, number, written)
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
        """Open the connection anew, and close the policy again."""
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
        time.sleep(_STANDS_SECONDS)
        with self.stage.tried(pod.to(helper), pod.to(helper, CLOSED_PORT), late.to(helper)) as (
            allowed,
            closed,
            lately,
        ):
            self.stage.probe.keep([allowed])
            time.sleep(1.0)
            self.stage.node.enforcing.kill()
            if other >= 0:
                _change_programs(other)
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
            float(_stopped(look.runs[allowed])),
            float(sum(run.count for run in opened)),
            opened[-1].last - opened[0].first if opened else 0.0,
            float(look.kept[allowed].stands),
            _change(look, lately, started),
        )

    def _datagrams(self, helper: Pod) -> Iterator[Moment]:
        """UDP from a source port that was allowed: how long it passes after the port is denied."""
        pod = self.stage.pod("datagrams")
        self.stage.wait(pod)
        self.stage.put("datagrams", "datagrams", egress=ALL)
        time.sleep(_STANDS_SECONDS)
        with entered(pod.network):
            sockets = [socket.socket(type=socket.SOCK_DGRAM) for _ in (*_AGES, "busy", "new")]
        for each in sockets:
            each.settimeout(1.0)
            each.connect((helper.address, DATAGRAMS.first))
        *idle, busy, new = sockets
        if not all(_answers(each) for each in (*idle, busy)):
            raise NodeError("datagrams are lost before a policy denies them")
        self.stage.put("datagrams", "datagrams", egress=NONE)
        time.sleep(_STANDS_SECONDS)
        denied, passed, lasted = time.monotonic(), [0.0], 0.0
        for age, each in zip(_AGES, idle, strict=True):
            while time.monotonic() < denied + age:
                if lasted >= time.monotonic() - denied - 2 * _BUSY_SECONDS and _answers(busy):
                    lasted = time.monotonic() - denied
                time.sleep(_BUSY_SECONDS)
            passed += [float(age)] if _answers(each) else []
        new_passes = float(_answers(new))
        self.stage.drop("datagrams")
        self.stage.remove(pod)
        yield Moment("UDP denied: a datagram from a new source port passes", "count", (new_passes,))
        yield Moment(f"UDP denied: idle source ports that pass, of {len(_AGES)}", "count", (float(len(passed) - 1),))
        yield Moment("UDP denied: a source port that was idle passes up to an age of", "s", (max(passed),))
        yield Moment("UDP denied: a source port that goes on sending passes for, at least", "s", (lasted,))

    def _look(self, after: float = _STANDS_SECONDS) -> Look:
        time.sleep(after)
        return self.stage.probe.look()


def _of_new(name: str, found: Sequence[_New]) -> Iterator[Moment]:
    yield Moment(f"{name}: denied connections from it pass for", "s", tuple(each.outward for each in found))
    yield Moment(f"{name}: denied connections to it pass for", "s", tuple(each.inward for each in found))
    stood = tuple(each.stood for each in found if each.stood is not None)
    if stood:
        yield Moment(f"{name}: a connection opened before its policies were known stands", "count", stood)


def _answers(opened: socket.socket) -> bool:
    """Return whether a datagram comes back."""
    opened.send(QUESTION)
    try:
        return bool(opened.recv(512))
    except OSError:
        return False


def _last(runs: Sequence[Run], otherwise: float) -> float:
    return max((run.last for run in runs if run.passed), default=otherwise)


def _stopped(runs: Sequence[Run]) -> int:
    return sum(run.count for run in runs if not run.passed)


def _change(look: Look, number: int, written: float) -> float:
    """Return after how long the first attempt was stopped."""
    return next((run.first for run in look.runs[number] if not run.passed), written + 99.0) - written


def _change_programs(number: int) -> None:
    """Give the agent programs that do the same and have other bytes."""
    folder = RUN / "agent"
    for file in ("tc.v4ingress.bpf.o", "tc.v4egress.bpf.o"):
        shutil.copy(folder / file, folder / "before.o")
        section = RUN / "section"
        section.write_text(str(number))
        subprocess.run(  # noqa: S603 - as above
            ["llvm-objcopy", f"--add-section=.lab{number}={section}", str(folder / "before.o"), str(folder / file)],  # noqa: S607 - beside clang
            check=True,
        )
