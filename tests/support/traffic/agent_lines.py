"""Lines of the AWS network policy agent, in every form in which it and CloudWatch write them."""

import json
from collections.abc import Iterable

from flash_ticket.traffic.records.lines import GivenLines
from flash_ticket.traffic.records.policy_agent import PolicyAgentReader
from flash_ticket.traffic.records.record import Reading, Record, Scope

TIME = "2026-11-24T01:32:14.234Z"
SECONDS = 1795483934.234
MILLISECONDS = 1795483934234

OLD = (
    b'{"level":"info","ts":"2026-11-24T01:32:14.234Z","logger":"ebpf-client","caller":"events/events.go:193",'
    b'"msg":"Flow Info:  ","Src IP":"10.0.0.5","Src Port":43088,"Dest IP":"10.0.0.9","Dest Port":3100,'
    b'"Proto":"TCP","Verdict":"DENY"}'
)
WORDS = "Flow Info: Src IP: 10.0.0.5 Src Port: 43088 Dest IP: 10.0.0.9 Dest Port: 3100 Proto TCP Verdict DENY"
V6 = (
    "Flow Info: Src IP: 2001:db8::5 Src Port: 43088 Dest IP: 2001:db8::9 Dest Port: 3100 "
    "Proto: TCP Verdict: DENY Direction: ingress Tier: DEFAULT"
)
AUDIT = (
    "Node: ip-10-0-0-1.ap-northeast-2.compute.internal;SIP: 10.0.0.5;SPORT: 43088;DIP: 10.0.0.9;DPORT: 3100;"
    "PROTOCOL: TCP;PolicyVerdict: DENY"
)
STREAM = "aws-network-policy-agent-audit-0f3c"


REAL = (
    b'{"level":"info","ts":"2026-11-24T01:32:14.234Z","caller":"runtime/asm_amd64.s:1771","msg":"Flow Info: '
    b"Src IP: 10.20.1.11 Src Port: 51160 Dest IP: 10.20.1.12 Dest Port: 4001 Proto TCP Verdict DENY Direction egress, "
    b'Tier NETWORK_POLICY"}'
)
"""A line that version 1.4.3 wrote on a node, with another time."""


def zap(message: str, **fields: object) -> bytes:
    line = {"level": "info", "ts": TIME, "caller": "events/events.go:241", "msg": message, **fields}
    return json.dumps(line, separators=(",", ":")).encode()


def event(message: str = AUDIT, timestamp: int = MILLISECONDS) -> dict[str, object]:
    return {
        "logStreamName": STREAM,
        "timestamp": timestamp,
        "message": message,
        "ingestionTime": MILLISECONDS + 700,
        "eventId": "3891",
    }


def read(lines: Iterable[bytes], scope: Scope = Scope()) -> tuple[list[Record], Reading]:  # noqa: B008 - frozen
    reading = Reading()
    return list(PolicyAgentReader(scope, reading).records(GivenLines("agent", lines))), reading
