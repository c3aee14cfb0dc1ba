"""The files of a made-up night in the shop's dev environment: the logs of both layers and the inventory."""

import json
import time
from dataclasses import replace
from pathlib import Path

from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.naive.naive_flow_log import Line
from tests.support.traffic.flow_log_writing import write_parquet
from tests.support.traffic.incident import INVENTORY, NIGHT, REDIS, STRANGER

GATEWAY, API, API_BARE, PAY = "10.10.10.11", "10.10.10.21", "10.10.10.22", "10.10.10.31"
DEBUG, PAY_MISLABELLED, REUSED = "10.10.10.41", "10.10.10.42", "10.10.10.60"


def flow(source: str, destination: str, port: int, *, at: float = 60, action: str = "REJECT") -> Line:
    """Return a line of a flow log for an opening packet."""
    begin = int(NIGHT + at)
    ends = (source, destination, source, destination)
    return Line("eni-x", *ends, 40_000, port, 6, 2, "ingress", begin, begin + 5, action)


def answer(call: Line) -> Line:
    """Return the line of the reply."""
    back = replace(call, srcaddr=call.dstaddr, dstaddr=call.srcaddr, srcport=call.dstport, dstport=call.srcport)
    return replace(back, pkt_srcaddr=call.pkt_dstaddr, pkt_dstaddr=call.pkt_srcaddr, tcp_flags=18)


def agent(source: str, destination: str, port: int, *, at: float = 60, direction: str = "ingress") -> str:
    """Return a line of the AWS network policy agent's log, in the format of 1.3.0 and later."""
    written = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(NIGHT + at))
    message = (
        f"Flow Info: Src IP: {source} Src Port: 40000 Dest IP: {destination} Dest Port: {port} Proto TCP Verdict DENY "
        f"Direction {direction}, Tier NETWORK_POLICY"
    )
    caller = "events/events.go:193"
    return json.dumps({"level": "info", "ts": written, "logger": "ebpf-client", "caller": caller, "msg": message})


ANSWERED = [flow(API, REDIS, 6379, at=at, action="ACCEPT") for at in range(0, 600, 60)]
FLOWS = [
    *(flow(API_BARE, REDIS, 6379, at=at) for at in range(0, 300, 60)),
    *ANSWERED,
    *map(answer, ANSWERED),
    flow(STRANGER, PAY, 22),
    flow(API, REDIS, 6380),
    flow(REUSED, PAY, 3100, at=100),
    flow(REUSED, PAY, 3100, at=1100),
    replace(flow(API, REDIS, 6379), log_status="NODATA"),
    replace(flow(API, REDIS, 6379), log_status="SKIPDATA"),
    replace(flow(API, REDIS, 6379), action="MAYBE"),
]


def write_night(folder: Path) -> Path:
    """Write both layers' logs and the inventory to a folder, and return it."""
    write_parquet(folder / "flows" / "a.parquet", FLOWS)
    lines = [agent(DEBUG, PAY, 3100), agent(DEBUG, PAY, 3100, at=90), agent(API, PAY_MISLABELLED, 3100)]
    (folder / "agent.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "inventory.json").write_text(inventory_json(INVENTORY), encoding="utf-8")
    return folder
