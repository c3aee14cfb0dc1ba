"""The export of a real Hubble: followed while it is rotated, copied, and read plainly to compare."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from flash_ticket.traffic.records.rotation import earlier_files
from lab.denials.attempts import Call, tried
from lab.denials.follower import Follower
from lab.enclosure.mounts import RUN
from lab.node.enforcers.cilium_settings import EXPORT

_MEASURED = 3
_ONE_PACKET_SECONDS = 0.3
_TO_SECONDS = len("2026-11-24T03:00:00")
_POLICY_REASONS = {"POLICY_DENIED", "POLICY_DENY"}
_VERDICT = 5


def followed(follower: Follower, every: Sequence[Call]) -> list[float | None]:
    """Try some undeclared connections one by one, and return how many seconds later the follower printed each.

    The first one waits until the follower has read everything for the first time, so it does not count.
    """
    between_pods = (each for each in every if each.source.is_pod and each.called == each.destination.cluster_ip)
    found = []
    for call in [each for each in between_pods if not each.is_declared][: _MEASURED + 1]:
        begun = time.monotonic()
        tried([call], _ONE_PACKET_SECONDS)
        printed = follower.wait(begun, (call.source.name, call.destination.name, call.port.first))
        found.append(seconds(begun, printed))
    return found[1:]


def seconds(begun: float, printed: float | None) -> float | None:
    """Return the seconds between two moments; None if the second did not come."""
    return None if printed is None else round(printed - begun, 2)


def copied() -> list[Path]:
    """Return copies of the whole lines of the export and of the files that it was rotated to: they stay as they are."""
    folder = RUN / "exported"
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            return [_copy(path, folder / path.name) for path in (*earlier_files(EXPORT), EXPORT)]
        except FileNotFoundError:
            continue  # it was rotated in between


def _copy(path: Path, copy: Path) -> Path:
    content = path.read_bytes()
    copy.write_bytes(content[: content.rfind(b"\n") + 1])
    return copy


def counted(files: Sequence[Path], since: str) -> dict[str, int]:
    """Return what a plain reading of the lines finds: packets that policies denied, refused queries, other drops."""
    verdicts: Counter[str] = Counter()
    drops: Counter[str] = Counter()
    found = {"queries": 0, "aside": 0}
    for line in (line for file in files for line in file.read_text().splitlines()):
        flow = json.loads(line).get("flow")
        if not flow or flow["verdict"] != "DROPPED" or flow["time"][:_TO_SECONDS] < since[:_TO_SECONDS]:
            continue
        if flow["Type"] == "L7":
            found["queries"] += 1
        elif flow.get("drop_reason_desc") not in _POLICY_REASONS:
            found["aside"] += 1
        else:
            packet = json.dumps([flow["IP"], flow["l4"], flow["drop_reason_desc"]])
            (verdicts if flow["event_type"]["type"] == _VERDICT else drops)[packet] += 1
    packets = sum(max(verdicts[each], drops[each]) for each in {*verdicts, *drops})
    return {**found, "packets": packets, "lines": verdicts.total() + drops.total()}
