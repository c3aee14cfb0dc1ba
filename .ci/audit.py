#!/usr/bin/env python3
"""Ask whether any locked package has a published vulnerability; exit with 1 if one has.

If the data is not available, it says so and exits with 0. Each package is still fixed to one content: see
tests/test_dependencies.py. pip-audit reports a package that it cannot ask about as skipped, and then finds no
vulnerability. This script does not take that for an answer.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
AUDITOR = ROOT / ".ci" / "pip-audit.txt"
"""pip-audit and all that it needs, each fixed by its hash."""

MOST_SECONDS = 300


def main(uv: str) -> int:
    """Audit the packages in uv.lock with this uv."""
    with tempfile.TemporaryDirectory(prefix="flash-firewall-") as folder:
        requirements = str(Path(folder, "requirements.txt"))
        exported = ("export", "--frozen", "--no-emit-project", "--all-groups", "--quiet", "--output-file", requirements)
        subprocess.run([uv, "--project", str(ROOT), *exported], check=True)  # noqa: S603 - the uv that the Makefile found
        options = ("--disable-pip", "--require-hashes", "--requirement", requirements, "--format", "json")
        auditor = Path(folder, "auditor")
        try:
            subprocess.run([uv, "venv", "--quiet", str(auditor)], check=True)  # noqa: S603 - as above
            subprocess.run(  # noqa: S603 - as above
                [uv, "pip", "install", "--quiet", "--python", str(auditor), "--require-hashes", "-r", str(AUDITOR)],
                check=True,
                timeout=MOST_SECONDS,
            )
            asked = subprocess.run(  # noqa: S603 - as above
                [str(auditor / "bin" / "pip-audit"), *options, "--progress-spinner", "off"],
                capture_output=True,
                text=True,
                check=False,
                timeout=MOST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return unknown(f"no answer within {MOST_SECONDS} seconds")
        except subprocess.CalledProcessError:
            return unknown("pip-audit cannot be installed")
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError):
        return unknown((asked.stderr.strip().splitlines() or ["pip-audit did not answer"])[-1])
    return reported(packages)


def reported(packages: list[dict[str, object]]) -> int:
    """Print the known vulnerabilities of the packages; return the exit status."""
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
    sys.stdout.write(f"{len(packages)} packages have no known vulnerability\n")
    return 0


def unknown(why: str) -> int:
    """Say that the packages are not audited; return the exit status."""
    sys.stdout.write(f"NOT AUDITED: pip-audit's data is not available here ({why}).\n")
    sys.stdout.write("Still true: uv.lock and go.sum fix the version and hash of every package.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
