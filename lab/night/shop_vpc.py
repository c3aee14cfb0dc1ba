"""The VPC of the running shop: its interfaces in the account, an imitation of AWS that judges by them, and records."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network
from threading import Event, Lock, Thread
from typing import Any

from lab.running.aws_session import aws_client
from lab.running.engine import Engine
from lab.running.lab import Lab
from lab.shop.interfaces import Interfaces
from lab.shop.shop import Shop
from lab.vpc.account import read
from lab.vpc.counted import Window
from lab.vpc.flow_logs.delivery import Delivery
from lab.vpc.flow_logs.recorder import Recorder
from lab.vpc.judge import Judge, JudgeError
from lab.vpc.pods import Placement, PodMode, Pods

WINDOW_SECONDS = 15.0
"""The length of a window, where not so much passes that the kernel cannot count it for so long."""

_TOGETHER = 100_000
"""How many counted kinds of packets are delivered at once: each becomes a record of some kilobytes."""


@dataclass(slots=True)
class ShopVpc:
    """What AWS does for the shop, imitated on what the account holds.

    Attributes:
        interfaces: Those of the shop's pods and hosts, and of the node.
        judge: Stops packets by the groups of the interfaces.
        recorder: Delivers the records of the packets to where the stack's flow log says.
        seconds: The longest time from the start of a window to its end.
    """

    interfaces: Interfaces
    judge: Judge
    recorder: Recorder
    seconds: float = WINDOW_SECONDS
    _windows: list[Window] = field(default_factory=list)
    _fault: JudgeError | None = None
    _alone: Lock = field(default_factory=Lock)
    _ended: Event = field(default_factory=Event)

    @classmethod
    @contextmanager
    def around(cls, lab: Lab, shop: Shop, engine: Engine, seconds: float = WINDOW_SECONDS) -> Iterator["ShopVpc"]:
        """Judge and record the traffic of a shop whose firewall is deployed, for the length of a ``with`` block.

        Args:
            lab: With the account.
            shop: Which runs.
            engine: Of the stack.
            seconds: The longest time from the start of a window to its end.

        Raises:
            JudgeError: The rules cannot be put in force.
        """
        ec2, eks = (aws_client(lab.aws_endpoint, each) for each in ("ec2", "eks"))
        interfaces = Interfaces(shop, ec2, eks, engine.stack, engine.outputs()["loadBalancerGroupId"])
        interfaces.make_node()
        interfaces.make()
        vpc = _vpc(ec2, engine.stack)
        delivery = Delivery(aws_client(lab.aws_endpoint, "s3"), aws_client(lab.aws_endpoint, "logs"))
        addresses = shop.node.addresses
        pods = Pods(addresses.node, (_of_pods(shop),), Placement.SPREAD, PodMode.STANDARD)
        try:
            with Judge(partial(read, ec2, vpc), pods) as judge:
                made = cls(interfaces, judge, Recorder(ec2, delivery, vpc), seconds)
                with made._windows_closed():
                    yield made
        finally:
            interfaces.remove()

    def follow(self) -> None:
        """Give new pods their interfaces, and take away those of pods that are gone."""
        self.recorder.look()
        self.interfaces.follow()
        self.judge.settle()
        # A record begins with its window: what a new pod does must not seem to be from before its start.
        with self._alone:
            self._windows.append(self.judge.window())

    def record(self) -> None:
        """Deliver the records of what has passed, or was rejected, since the last call.

        Raises:
            JudgeError: Not every packet was counted.
        """
        with self._alone:
            if self._fault:
                raise self._fault
            windows, self._windows = [*self._windows, self.judge.window()], []
        for some in _together(windows):
            self.recorder.record(some)

    @contextmanager
    def _windows_closed(self) -> Iterator[None]:
        """Close windows all the time: none may be longer than the interval of a flow log."""
        closing = Thread(target=self._close_windows, name="lab.night", daemon=True)
        closing.start()
        try:
            yield
        finally:
            self._ended.set()
            closing.join()

    def _close_windows(self) -> None:
        while not self._ended.wait(self.seconds) and not self._fault:
            with self._alone:
                try:
                    self._windows.append(self.judge.window())
                except JudgeError as error:
                    self._fault = error  # the next call of the owner says it: records would miss packets


def _together(windows: Iterable[Window]) -> Iterator[list[Window]]:
    """Yield windows that follow each other, as many as are delivered at once."""
    some: list[Window] = []
    for window in windows:
        if some and sum(len(each.counted) for each in (*some, window)) > _TOGETHER:
            yield some
            some = []
        some.append(window)
    if some:
        yield some


def _vpc(ec2: Any, stack: str) -> str:  # noqa: ANN401 - boto3 creates clients at run time
    wanted = [{"Name": "tag:Name", "Values": [f"flash-ticket-{stack}"]}]
    return str(ec2.describe_vpcs(Filters=wanted)["Vpcs"][0]["VpcId"])


def _of_pods(shop: Shop) -> IPv4Network:
    """Return the network in which the node gives pods their addresses."""
    return IPv4Network(f"{shop.node.addresses.first_pod}/24", strict=False)
