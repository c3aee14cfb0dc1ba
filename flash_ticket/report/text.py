"""Connections as lines, the form that netpol-analyzer prints."""

from collections.abc import Iterator

from flash_ticket.firewall.terms.connections import Connections, words
from flash_ticket.firewall.terms.escape import escaped


def lines(connections: Connections) -> Iterator[str]:
    r"""Yield ``src => dst : TCP 80\n`` for each connection, sorted by source, then destination.

    A piece that is yielded may hold many lines.
    """
    written: list[tuple[object, str]] | None = None
    of: object = None
    for source, found in connections.rows():
        if found is not of:
            of, written = (
                found,
                [(destination, f"{escaped(words(destination))} : {ports}\n") for destination, ports in found],
            )
        head = f"{escaped(words(source))} => "
        yield "".join([head + line for destination, line in written or () if destination != source])
