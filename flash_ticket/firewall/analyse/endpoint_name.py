"""Finds the endpoints and ports of a cluster by the names that people write on a command line."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from flash_ticket.firewall.analyse.workload import Workload
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import MAX_PORT, PortRange, Protocol

_MOST_DIGITS = 10
"""Python refuses to read a number of more than 4,300 digits."""


def find_endpoint(
    name: str, parties: Mapping[str, Workload], source: str, workloads: Iterable[Workload] = ()
) -> Workload | AddressRange:
    """Return the workload or the addresses with a name. The address of a pod means its workload.

    Args:
        name: ``shop/api[Deployment]``, ``shop/api`` or ``api``, if only one workload has this name; or an address, a
            CIDR or a range, with or without ``[External]``.
        parties: The workloads by their full names.
        source: The directory, for errors.
        workloads: Every workload, with the addresses of its pods where they are known.

    Raises:
        InputError: Nothing has this name, or several workloads have it.
    """
    if name in parties:
        return parties[name]
    found = [full for full in parties if name in _short_names(full)]
    if len(found) == 1:
        return parties[found[0]]
    if found:
        raise InputError(source, name, f"{len(found)} workloads have this name", f"Name one of: {', '.join(found)}")
    try:
        wanted = AddressRange.of(name.removesuffix("[External]"))
    except ValueError:
        known = {short: full for full in parties for short in (full, *_short_names(full))}
        near = get_close_matches(name, known, n=3, cutoff=0.5) or sorted(parties)[:5]
        meant = ", ".join(dict.fromkeys(known[each] for each in near))
        remedy = f"Name one of the workloads, such as {meant}, or an address" if meant else "Name an address"
        raise InputError(source, name, "no workload and no address has this name", remedy) from None
    return next((each for each in workloads if wanted in each.addresses), wanted)


def _short_names(full: str) -> tuple[str, str]:
    without_kind = full.partition("[")[0]
    return without_kind, without_kind.partition("/")[2]


def find_port(text: str, destination: Workload | AddressRange) -> PortRange:
    """Return the port or range of a destination that a text names.

    Args:
        text: ``4000``, ``8000-8010``, ``udp/53``, ``TCP 80``, or the name of a port of the destination's containers.
        destination: The workload or addresses with the port.

    Raises:
        InputError: The text is not a port, or the destination has no port of this name.
    """
    written, number = Protocol.TCP.value, text.strip()
    for separator in ("/", " ", ":"):
        head, found, tail = number.partition(separator)
        if found:
            written, number = head.strip().upper(), tail.strip()
            break
    if written not in set(Protocol):
        raise InputError("PORT", text, f"unknown protocol {written!r}", f"Use {', '.join(Protocol)}")
    protocol = Protocol(written)
    first, dash, last = number.partition("-")
    if number.isascii() and first.isdecimal() and (not dash or last.isdecimal()):
        digits = max(len(first), len(last))
        ends = (int(first), int(last or first)) if digits <= _MOST_DIGITS else (0, 0)
        if 1 <= ends[0] <= ends[1] <= MAX_PORT:
            return PortRange(protocol, *ends)
        raise InputError("PORT", text, "not a port or a range of ports", f"Write 1 to {MAX_PORT}, or 8000-8010")
    return _named(number, destination, text)


def _named(name: str, destination: Workload | AddressRange, text: str) -> PortRange:
    if isinstance(destination, AddressRange):
        raise InputError("PORT", text, "an address has no named ports", "Write the port's number")
    for port in destination.ports:
        if port.name == name:
            return PortRange(port.protocol, port.number, port.number)
    names = sorted({port.name for port in destination.ports if port.name})
    remedy = f"Use {', '.join(names)} or a number" if names else "Write the port's number"
    raise InputError("PORT", text, f"{destination} has no port of this name", remedy)
