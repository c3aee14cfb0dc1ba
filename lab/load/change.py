"""A flow that is added to a deployed firewall and removed again, by the writes of the stack in their order."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.compile.vpc_layer import VpcFirewall
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from lab.node.api import Api, Object
from lab.packets.vpc_layer.deployment import Deployment

_PAUSE_SECONDS = 2.0  # longer than the judge needs to see a change of the account


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between two declarations, and what writes it.

    As in the stack, rules come before the policies that need them, and go after these.

    Attributes:
        api: Of the cluster.
        deployment: Writes rules into the account.
        before: The policies that differ, as the first declaration has them.
        after: The same policies, as the second one has them.
        rules: The rules that only the second one has.
    """

    api: Api
    deployment: Deployment
    before: tuple[Object, ...]
    after: tuple[Object, ...]
    rules: VpcFirewall

    @classmethod
    def between(
        cls,
        first: CompiledFirewall,
        second: CompiledFirewall,
        api: Api,
        ec2: Any,  # noqa: ANN401 - boto3 creates clients at run time
        groups: dict[str, str],
    ) -> "Change":
        """Return the change from a declaration that is deployed to one with more flows between the same services.

        Args:
            first: The deployed one.
            second: The other one.
            api: Of the cluster.
            ec2: A client of EC2.
            groups: The id of each group of the deployment, by the service's or load balancer's name.
        """
        policies = zip(first.deployed_pods.policies, second.deployed_pods.policies, strict=True)
        differing = [(former.manifest(), later.manifest()) for former, later in policies if former != later]
        rules = tuple(rule for rule in second.vpc.rules if rule not in first.vpc.rules)
        return cls(
            api,
            Deployment(ec2, first.environment.vpc, first.owner, groups),
            tuple(former for former, _ in differing),
            tuple(later for _, later in differing),
            VpcFirewall(second.vpc.groups, rules, ()),
        )

    def add(self) -> None:
        """Write what the second declaration has."""
        self.deployment.put(self.rules)
        for policy in self.after:
            self.api.apply(policy)

    def remove(self) -> None:
        """Write what the first declaration has."""
        for policy in self.before:
            self.api.apply(policy)
        self.deployment.put(VpcFirewall(self.rules.groups, (), ()))


@dataclass(slots=True)
class Changes:
    """Adds and removes something again and again.

    Attributes:
        change: What.
        times: How often it was added, and removed again.
    """

    change: Change
    times: int = 0
    _fault: Exception | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Do so for the length of a ``with`` block; at its end it is removed.

        Raises:
            Exception: What a write has raised.
        """
        ended = threading.Event()
        thread = threading.Thread(target=self._run, args=(ended,), name="lab.load", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        if self._fault:
            raise self._fault

    def _run(self, ended: threading.Event) -> None:
        try:
            while not ended.is_set():
                self.change.add()
                ended.wait(_PAUSE_SECONDS)
                self.change.remove()
                self.times += 1
                ended.wait(_PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, the end of the block says it
            self._fault = error
