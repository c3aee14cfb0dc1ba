"""What a Prometheus knows that has run for a while: what the counters hold at its begin is nothing new."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.denials.prometheus import JOB, PrometheusEndedError, fetched

_MINUTES = 12
"""The rules count a series as new that had no sample five minutes ago."""

_MINUTE_SECONDS = 60
_SECONDS = 60.0
_SAMPLES = "past.openmetrics"


def remember(promtool: Path, targets: Sequence[str], data: Path) -> None:
    """Fill the storage of a Prometheus as if it had scraped the present values for some minutes.

    Args:
        promtool: The executable.
        targets: The addresses and ports with the metrics.
        data: The storage of a Prometheus that does not run yet.

    Raises:
        PrometheusEndedError: A target does not answer, or promtool cannot write the samples.
    """
    data.mkdir()
    now = int(time.time())
    lines = [line for target in targets for line in _past(target, now)]
    samples = data.parent / _SAMPLES
    samples.write_text("\n".join([*lines, "# EOF", ""]))
    command = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", str(samples), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the lab's promtool
    if done.returncode != 0:
        raise PrometheusEndedError(f"promtool: {done.stderr}")


def _past(target: str, now: int) -> Iterator[str]:
    try:
        shown = fetched(f"http://{target}/metrics", _SECONDS).decode()
    except OSError as error:
        raise PrometheusEndedError(f"{target} shows no metrics: {error}") from error
    scraped = f'instance="{target}",job="{JOB}"'
    for line in shown.splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name, _, labels = series.removesuffix("}").partition("{")
            named = f"{name}{{{','.join(filter(None, (labels.rstrip(','), scraped)))}}}"
            for minute in range(_MINUTES, 0, -1):
                yield f"{named} {value} {now - minute * _MINUTE_SECONDS}"
