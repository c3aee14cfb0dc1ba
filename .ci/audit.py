#!/usr/bin/env python3
"""Ask whether a published vulnerability is known of any locked package; exits 1 if one is.

Where the data cannot be had, it says so and exits 0: what remains is that each package is fixed to one content, which
tests/test_dependencies.py holds. pip-audit itself reports a package that it could not ask about as skipped, and then
finds no vulnerability: this does not take silence for an answer.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PIP_AUDIT = "pip-audit==2.10.1"
ROOT = Path(__file__).parents[1]
MOST_SECONDS = 300


def main(uv: str) -> int:
    """Audit what uv.lock names, with this uv."""
    with tempfile.TemporaryDirectory(prefix="flash-firewall-") as folder:
        requirements = str(Path(folder, "requirements.txt"))
        exported = ("export", "--frozen", "--no-emit-project", "--all-groups", "--quiet", "--output-file", requirements)
        subprocess.run([uv, "--project", str(ROOT), *exported], check=True)  # noqa: S603 - uv of the Makefile
        options = ("--disable-pip", "--require-hashes", "--requirement", requirements, "--format", "json")
        try:
            asked = subprocess.run(  # noqa: S603 - as above
                [uv, "tool", "run", "--isolated", PIP_AUDIT, *options, "--progress-spinner", "off"],
                capture_output=True,
                text=True,
                check=False,
                timeout=MOST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return unknown(f"no answer within {MOST_SECONDS} seconds")
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError):
        return unknown((asked.stderr.strip().splitlines() or ["pip-audit did not answer"])[-1])
    return told(packages)


def told(packages: list[dict[str, object]]) -> int:
    """Print what is known of the packages; return how the command ends."""
    known = [each for each in packages if each.get("vulns")]
    for each in known:
        for found in each["vulns"]:  # type: ignore[attr-defined]  # pip-audit's list
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            sys.stdout.write(f"{each['name']} {each['version']}: {found['id']}, fixed in {fixed}\n")
    skipped = [each for each in packages if "skip_reason" in each]
    if known:
        return 1
    if skipped:
        return unknown(f"{len(skipped)} of {len(packages)} packages: {skipped[0]['skip_reason']}")
    sys.stdout.write(f"no vulnerability is known of {len(packages)} packages\n")
    return 0


def unknown(why: str) -> int:
    """Say that nothing is known; return how the command ends."""
    sys.stdout.write(f"NOT AUDITED: pip-audit's data cannot be had here ({why}).\n")
    sys.stdout.write("What holds without it: every package is fixed by version and hash in uv.lock and go.sum.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
