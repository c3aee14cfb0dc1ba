"""The command ``flash-firewall``, a file for each verb: it reads arguments, calls the program and prints. No logic."""

import atexit
import gc
import sys

# A verb keeps almost all that it makes. Looking for garbage among that doubles the time of the long ones, and the last
# look, when Python ends, takes a sixth of the time of the short ones.
gc.set_threshold(1_000_000, 50, 1000)


@atexit.register
def _end_at_once() -> None:
    if "duckdb" not in sys.modules:  # it reports at the end what nobody has removed
        gc.freeze()
