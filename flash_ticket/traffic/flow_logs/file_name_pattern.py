"""Names of files as DuckDB takes them: as patterns."""

from pathlib import Path

from flash_ticket.traffic.flow_logs.query import literal


def exactly(path: Path) -> str:
    """Return the pattern, quoted for SQL, that means this file and no other.

    The path is absolute: a relative one could begin like the address of a bucket.
    """
    return literal("".join(f"[{each}]" if each in "*?[" else each for each in str(path.absolute())))
