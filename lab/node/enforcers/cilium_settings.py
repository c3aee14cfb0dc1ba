"""How Cilium's agent is started. What changes verdicts, logs or metrics is a field; everything else is fixed."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from flash_ticket.firewall.compile.alerts.hubble import HUBBLE_OPTIONS

EXPORT = Path("/var/run/cilium/hubble/events.log")
"""Where Hubble writes each flow, as the Helm chart proposes."""

HEALTH_PORT, METRICS_PORT, HUBBLE_METRICS_PORT = 9879, 9962, 9965

METRICS = (HUBBLE_OPTIONS, HUBBLE_OPTIONS.replace("drop:", "policy:"), "dns:query", "flow")
"""Hubble's metrics: that of drops as our alerts want it, and that of verdicts with the same labels."""


class Switch(StrEnum):
    """Whether a part of Cilium is on, by the words of its flags."""

    ON = "true"
    OFF = "false"


@dataclass(frozen=True, slots=True)
class CiliumSettings:
    """The settings that differ from one cluster to another.

    Attributes:
        audit: Policy audit mode: what policies deny passes, and Hubble says ``AUDIT``.
        proxy: The L7 proxy; without it, Cilium refuses policies by domain.
        hubble: Hubble with its export and its metrics.
        metrics: Hubble's metrics with their contexts, as in Helm's ``hubble.metrics.enabled``.
        export_megabytes: The size at which Hubble rotates its export.
        buffer: How many flows Hubble's ring holds; one less than a power of two.
        flags: Any other flags; they win.
    """

    audit: Switch = Switch.OFF
    proxy: Switch = Switch.ON
    hubble: Switch = Switch.ON
    metrics: tuple[str, ...] = METRICS
    export_megabytes: int = 100
    buffer: int = 4095
    flags: tuple[str, ...] = ()

    def arguments(self) -> Iterator[str]:
        """Yield the flags. Where Helm's default is not the agent's own, they follow Helm."""
        yield from (
            f"--policy-audit-mode={self.audit}",
            f"--enable-l7-proxy={self.proxy}",
            f"--enable-hubble={self.hubble}",
            f"--prometheus-serve-addr=:{METRICS_PORT}",
            f"--agent-health-port={HEALTH_PORT}",
            "--monitor-aggregation=medium",
            "--monitor-aggregation-interval=5s",
            "--monitor-aggregation-flags=all",
            "--external-envoy-proxy=true",
            "--disable-envoy-version-check=true",
            "--enable-health-checking=false",
            "--enable-endpoint-health-checking=false",
            "--enable-health-check-nodeport=false",
        )
        if self.hubble is Switch.ON:
            yield from (
                f"--hubble-export-file-path={EXPORT}",
                f"--hubble-export-file-max-size-mb={self.export_megabytes}",
                f"--hubble-event-buffer-capacity={self.buffer}",
                f"--hubble-metrics-server=:{HUBBLE_METRICS_PORT}",
                f"--hubble-metrics={' '.join(self.metrics)}",
            )
        yield from self.flags


def fixed_arguments() -> Iterator[str]:
    """Yield the flags that are the lab's own, whatever the settings."""
    yield from (
        "--enable-ipv6=false",
        "--enable-ipv4-masquerade=false",
        "--routing-mode=native",
        "--ipam=kubernetes",
        "--kube-proxy-replacement=false",
        "--identity-allocation-mode=crd",
        "--cni-exclusive=false",
    )
