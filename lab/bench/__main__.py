"""Every benchmark, one after the other: ``python -m lab.bench``."""

import subprocess
import sys

BENCHMARKS = (
    ("compile",),
    ("proof", "--services", "100,1000,10000"),
    ("reachability", "--cyclonus", "300"),  # this takes seconds; 1,000 services would take minutes
    ("mutations", "--share", "0.05", "--random-share", "0.01"),
    ("records.hubble",),
    ("records.flow_logs",),
    ("records.replay", "--lines", "4000000", "--runs", "3"),
    ("growth", "--sizes", "prod", "--until", "preview", "--pairs", "7"),
    ("growth",),
    ("load",),
)


def main() -> int:
    """Run each in its own process; return the first exit code that is not 0."""
    for name, *options in BENCHMARKS:
        print(f"\n## {name}\n", flush=True)
        done = subprocess.run([sys.executable, "-m", f"lab.bench.{name}", *options], check=False)  # noqa: S603 - this package's own
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
