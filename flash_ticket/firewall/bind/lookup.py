"""Finds what one key of the binding selects in the account, and gathers the mistakes of several keys."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

from flash_ticket.firewall.bind.account import Account, FoundVpc
from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.choices import Network
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.selection import One, Some
from flash_ticket.firewall.terms.input_error import InputError, refuse_all

MATRIX = "traffic.yaml"
"""The file that names what no stack binds."""

_IDS_SHOWN = 5


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


Found = TypeVar("Found", bound=_Identified)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Lookup:
    """Finds the resources that the binding of one stack selects.

    Attributes:
        matrix: The declaration; its endpoints' names are not given to groups.
        stack: The stack, whose file mistakes name.
        account: Where to look.
    """

    matrix: Matrix
    stack: str
    account: Account

    def refuse(self, key: str, problem: str, remedy: str) -> InputError:
        """Return the mistake of one key of the binding."""
        return InputError(stack_file(self.stack), f"{BINDING_KEY}.{key}", problem, remedy)

    @contextmanager
    def gathered(self, mistakes: list[InputError]) -> Iterator[None]:
        """Add the mistakes in the settings that the block raises to a list."""
        try:
            yield
        except InputError as error:
            if error.source not in {stack_file(self.stack), MATRIX}:
                raise
            mistakes += error.each

    def every(self, lookups: Iterable[Callable[[], Result]]) -> list[Result]:
        """Return what all lookups find, or raise the mistakes of all as one error."""
        found, mistakes = list[Result](), list[InputError]()
        for look in lookups:
            with self.gathered(mistakes):
                found.append(look())
        refuse_all(mistakes)
        return found

    def one(self, key: str, kind: str, selection: One, found: Sequence[Found]) -> Found:
        """Return the only match.

        Raises:
            InputError: There is none, or there are several.
        """
        if len(found) == 1:
            return found[0]
        where = f"account {self.account.id} in {self.account.region}"
        if not found:
            raise self.refuse(
                key, f"there is no {kind} {selection} in {where}", f"Correct it, or create the {kind} first"
            )
        names = ", ".join(sorted(one.id for one in found)[:_IDS_SHOWN])
        if len(found) > _IDS_SHOWN:
            names += f" and {len(found) - _IDS_SHOWN} more"
        raise self.refuse(
            key,
            f"{len(found)} matches in {where} for the {kind} {selection}: {names}",
            "Select exactly one, by id if necessary",
        )

    def group(self, key: str, selection: One, vpc: str) -> Group:
        """Return the security group of the VPC that the selection names, labelled so that no endpoint has its name."""
        found = self.one(key, f"security group of {vpc}", selection, self.account.groups(vpc, selection))
        if found.label in self.matrix.endpoints:
            return replace(found, label=found.id)
        return found

    def subnet_networks(self, key: str, selection: Some, vpc: FoundVpc) -> tuple[Network, ...]:
        """Return the address blocks of the selected subnets, in order."""
        kind = f"subnet of {vpc.id}"
        asked = ((one, self.account.subnets(vpc.id, one)) for one in selection.each())
        found = self.every(partial(self.one, key, kind, *each) for each in asked)
        if selection.tags:
            found.extend(self.account.subnets(vpc.id, selection))
            if not found:
                raise self.refuse(key, f"there is no {kind} {selection}", "Correct the tags")
        return ordered(network for subnet in found for network in subnet.networks)

    def prefix_list(self, key: str, selection: One, vpc: FoundVpc) -> PrefixList:
        """Return the prefix list that the selection names."""
        found = self.one(key, "managed prefix list", selection, self.account.prefix_lists(selection))
        if found.family not in families(vpc):
            raise self.refuse(
                key,
                f"the managed prefix list {found.label} contains IPv{found.family}, and {vpc.id} has no "
                f"IPv{found.family} block",
                "Select a list of the VPC's family",
            )
        return found

    def cidrs(self, key: str, networks: Sequence[Network], vpc: FoundVpc) -> tuple[Network, ...]:
        """Return written blocks in order.

        Raises:
            InputError: The VPC has no block of the family of one.
        """
        refuse_all(
            self.refuse(
                f"{key}[{index}]",
                f"{network} is IPv{network.version}, and {vpc.id} has no IPv{network.version} block",
                "Write a CIDR of the VPC's family",
            )
            for index, network in enumerate(networks)
            if network.version not in families(vpc)
        )
        return ordered(networks)


def families(vpc: FoundVpc) -> set[int]:
    """Return the IP versions of the VPC's blocks."""
    return {network.version for network in vpc.networks}


def ordered(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Return the blocks without doubles, IPv4 first."""
    return tuple(sorted(set(networks), key=lambda network: (network.version, network)))
