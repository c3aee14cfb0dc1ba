"""The flows of traffic.yaml: their keys, their checks, and what they permit in which stack and until when."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import product

from pydantic import Field

from flash_ticket.firewall.declare.built_in import BuiltIn, LookedUp, written_name
from flash_ticket.firewall.declare.fields import Day, FreeText, Names, Ports, Stacks
from flash_ticket.firewall.declare.matrix import DeclaredEndpoint, External, Flow, LimitedFlow, merged
from flash_ticket.firewall.declare.validation import MOST_MISTAKES, FileModel
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import PortRange, PortSet, listing


class FlowEntry(FileModel):
    """A permission: from each source to each target, on the given ports or on all ports of the target."""

    source: Names = Field(alias="from")
    """Who opens the connections: a service, an external, or a list of both."""
    target: Names = Field(alias="to")
    """Where the connections lead: a service, an external, or a list of both."""
    ports: Ports | None = None
    """The ports. Default: all ports of the target."""
    because: FreeText = ""
    """Why the flow is there. Policies and rules show the text."""
    until: Day | None = None
    """The last day of the flow, in UTC."""
    stacks: Stacks = Field(default_factory=list)
    """The stacks that have it. Default: all."""


@dataclass(slots=True)
class Flows:
    """Reads the flows of a file, and collects the mistakes in them.

    Attributes:
        entries: The flows as written; None for one with mistakes.
        endpoints: What has no mistake, by name.
        outside: The names of the externals.
        names: Every declared name; empty if some cannot be read.
        source: The file, for errors.
        parts: The endpoints for the name of an external that stands for several.
    """

    entries: Sequence[FlowEntry | None]
    endpoints: Mapping[str, DeclaredEndpoint]
    outside: AbstractSet[str]
    names: AbstractSet[str]
    source: str
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mistakes: list[InputError] = field(default_factory=list)
    repeated: set[Flow] = field(default_factory=set)
    limited: set[LimitedFlow] = field(default_factory=set)

    def declared(self) -> tuple[Flow, ...]:
        """Return one flow for each pair of endpoints, sorted; without those that some stacks lack or that end."""
        found: dict[tuple[str, str], list[Flow]] = {}
        for index, entry in enumerate(self.entries):
            key = f"flows[{index}]"
            if entry is None or self._names_unknown(entry, key):
                continue
            for origin, target in product(self._ends(entry.source), self._ends(entry.target)):
                if self._is_impossible(origin, target, key) or self._is_nowhere(entry, origin, target, key):
                    continue
                flow = Flow(origin, target, tuple(sorted(set(self._ports(entry, target, key)))), entry.because)
                if not flow.ports:
                    continue
                if entry.stacks or entry.until:
                    self.limited.add(LimitedFlow(flow, tuple(sorted(set(entry.stacks))), entry.until))
                else:
                    self._note_repeated(flow, found.setdefault((origin, target), []))
                    found[origin, target].append(flow)
        for each in self.limited:
            self._note_repeated(each.flow, found.get((each.flow.source, each.flow.target), ()))
        return merged(flow for flows in found.values() for flow in flows)

    def _note_repeated(self, flow: Flow, known: Iterable[Flow]) -> None:
        twice = tuple(sorted(PortSet.of(flow.ports) & PortSet.of(port for each in known for port in each.ports)))
        if twice:
            self.repeated.add(Flow(flow.source, flow.target, twice))

    def _fail(self, key: str, problem: str, remedy: str) -> None:
        mistake = InputError(self.source, key, problem, remedy)
        if len(self.mistakes) < MOST_MISTAKES and mistake not in self.mistakes[-1:]:
            self.mistakes.append(mistake)

    def _names_unknown(self, entry: FlowEntry, key: str) -> bool:
        """Return whether an end of the flow is not declared, or is declared with a mistake."""
        for end, names in (("from", entry.source), ("to", entry.target)):
            for name in names:
                if self.names and name not in self.names:
                    near = get_close_matches(name, list(BuiltIn), n=1, cutoff=0.8)
                    self._fail(
                        f"{key}.{end}",
                        f"{name} is neither a service nor an external",
                        f"Declare it, or write one of: {', '.join([*near, *sorted(self.names)])}",
                    )
        return any(name not in self.endpoints for name in self._ends((*entry.source, *entry.target)))

    def _ends(self, names: Iterable[str]) -> Iterable[str]:
        return [part for name in names for part in self.parts.get(name, (name,))]

    def _is_impossible(self, origin: str, target: str, key: str) -> bool:
        if self._never_calls(looked_up := self._looked_up(origin)):
            what = "an AWS service" if not isinstance(looked_up, BuiltIn) else f"the built-in {looked_up.value}"
            named = written_name(origin)
            self._fail(f"{key}.from", f"{named} is {what}, and it opens no connections", "Name another source")
        elif origin == target and origin in self.outside:
            self._fail(
                f"{key}.to",
                f"the flow goes from the external {origin} to itself",
                "Remove it: only the pods of a service may be both ends of a flow",
            )
        elif getattr(self.endpoints[origin], "domains", ()):
            self._fail(
                f"{key}.from",
                f"{origin} is known by domain names, and a connection comes from an address",
                f"Reverse the flow, or declare an external with the addresses that {origin} connects from",
            )
        elif {origin, target} <= self.outside:
            self._fail(
                key,
                f"{origin} and {target} are both externals, and this firewall does not control the traffic between "
                "them",
                "Name a service at one end",
            )
        else:
            return False
        return True

    def _looked_up(self, name: str) -> LookedUp | None:
        endpoint = self.endpoints[name]
        return endpoint.looked_up if isinstance(endpoint, External) else None

    @staticmethod
    def _never_calls(looked_up: LookedUp | None) -> bool:
        return looked_up is not None and not (isinstance(looked_up, BuiltIn) and looked_up.opens_connections)

    def _is_nowhere(self, entry: FlowEntry, origin: str, target: str, key: str) -> bool:
        """Return whether a stack of the flow lacks one of its ends, or no stack has both."""
        if not (self.endpoints[origin].stacks or self.endpoints[target].stacks):
            return False
        held = [set(self.endpoints[name].stacks) for name in (origin, target)]
        for name, stacks in zip((origin, target), held, strict=True):
            if stacks and (lacking := sorted({*entry.stacks} - stacks)):
                self._fail(
                    f"{key}.stacks",
                    f"{name} is not in the stack {lacking[0]}",
                    f"Remove {lacking[0]} here, or add it to the stacks of {name}",
                )
                return True
        if all(held) and held[0].isdisjoint(held[1]):
            self._fail(
                key, f"no stack has both {origin} and {target}", "Remove the flow, or give both a stack in common"
            )
            return True
        return False

    def _ports(self, entry: FlowEntry, target: str, key: str) -> Iterable[PortRange]:
        declared = self.endpoints[target].ports
        if not declared:
            self._fail(f"{key}.to", f"{target} declares no ports", f"Add ports to {target}")
            return ()
        for index, port in enumerate(entry.ports or ()):
            if not any(known.covers(port) for known in declared):
                self._fail(
                    f"{key}.ports[{index}]",
                    f"{target} does not listen on {port}",
                    f"Write ports of {target} ({listing(declared)}), or add this one there",
                )
        return entry.ports or declared
