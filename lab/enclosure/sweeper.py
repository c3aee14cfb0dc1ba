"""``python -m lab.enclosure.sweeper NAME`` removes an enclosure's control groups when its standard input ends.

It ends however the process that made the enclosure does. A process of its own does this, because the other may be
killed.
"""

import signal
import sys

from lab.enclosure import cgroups


def main() -> None:
    """Wait, and sweep."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    sys.stdin.read()
    cgroups.remove(sys.argv[1])


if __name__ == "__main__":
    main()
