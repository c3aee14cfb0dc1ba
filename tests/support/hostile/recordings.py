"""Short recorded traffic of each kind of log, which the hostile tests spoil."""

from typing import Any

HUBBLE_LINES = (
    (
        '{"flow":{"time":"2026-11-24T03:01:00Z","verdict":"DROPPED","drop_reason_desc":"POLICY_DENIED",'
        '"IP":{"source":"10.10.10.99","destination":"10.10.10.21","ipVersion":"IPv4"},'
        '"l4":{"TCP":{"source_port":40000,"destination_port":4000,"flags":{"SYN":true}}},'
        '"source":{"namespace":"flash-ticket","labels":["k8s:app=flash-gatewayy"],"pod_name":"stray-1"},'
        '"destination":{"namespace":"flash-ticket","labels":["k8s:app=flash-api"],"pod_name":"api-1"},'
        '"traffic_direction":"EGRESS"},"node_name":"n"}'
    ),
    (
        '{"flow":{"time":"2026-11-24T03:02:00.123456789Z","verdict":"FORWARDED",'
        '"IP":{"source":"10.10.10.21","destination":"10.10.10.31","ipVersion":"IPv4"},'
        '"l4":{"TCP":{"source_port":40001,"destination_port":3100,"flags":{"SYN":true}}},'
        '"traffic_direction":"INGRESS","is_reply":false},"node_name":"n","time":"2026-11-24T03:02:00Z"}'
    ),
)

AGENT_LINES = (
    (
        '{"level":"info","ts":"2026-11-24T03:01:00.000Z","logger":"ebpf-client","caller":"events/events.go:193",'
        '"msg":"Flow Info: Src IP: 10.10.10.41 Src Port: 40000 Dest IP: 10.10.10.31 Dest Port: 3100 Proto TCP '
        'Verdict DENY Direction ingress, Tier NETWORK_POLICY"}'
    ),
    (
        '{"level":"info","ts":"2026-11-24T03:01:30.000Z","logger":"ebpf-client","caller":"events/events.go:193",'
        '"msg":"Flow Info: Src IP: 10.10.10.21 Src Port: 40000 Dest IP: 10.10.10.42 Dest Port: 3100 Proto TCP '
        'Verdict DENY Direction egress, Tier NETWORK_POLICY"}'
    ),
)

_FIELDS = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status tcp-flags pkt-srcaddr pkt-dstaddr flow-direction"
)
_FLOWS = (
    "5 123456789012 eni-1 10.10.10.21 10.10.20.5 40000 6380 6 1 9 1795489260 1795489265 REJECT OK 2 - - egress",
    "5 123456789012 eni-b 10.10.10.22 10.10.20.5 40000 6379 6 1 9 1795489260 1795489265 REJECT OK 2 - - ingress",
    "5 123456789012 eni-3 - - - - - - - 1795489260 1795489265 - NODATA - - - -",
)
FLOW_LOG_TEXT = "".join(f"{line}\n" for line in (_FIELDS, *_FLOWS))

LISTED: dict[str, Any] = {
    "kind": "List",
    "items": [
        {
            "kind": "Pod",
            "metadata": {
                "name": "debug-1",
                "namespace": "flash-ticket",
                "labels": {"app": "debug"},
                "creationTimestamp": "2026-11-23T03:00:00Z",
            },
            "status": {
                "podIP": "10.10.10.41",
                "podIPs": [{"ip": "10.10.10.41"}],
                "hostIP": "10.10.10.2",
                "startTime": "2026-11-23T03:00:00Z",
                "phase": "Running",
                "containerStatuses": [{"state": {"terminated": {"finishedAt": "2026-11-23T04:00:00Z"}}}],
                "conditions": [{"type": "Ready", "lastTransitionTime": "2026-11-23T04:00:00Z"}],
            },
        },
        {
            "kind": "Service",
            "metadata": {"name": "api", "namespace": "flash-ticket"},
            "spec": {
                "clusterIP": "172.20.5.9",
                "clusterIPs": ["172.20.5.9"],
                "selector": {"app": "flash-api"},
                "ports": [{"port": 80, "targetPort": 4000, "protocol": "TCP"}],
            },
        },
    ],
}
"""The output of kubectl get pods,services -o json."""
