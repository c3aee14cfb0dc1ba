"""How the traffic of the VPC is recorded: by a flow log of this program, or by one of others."""

from dataclasses import dataclass

from flash_ticket.firewall.declare.choices import (
    DEFAULT_SCAN_LIMIT_GIBIBYTES,
    LogDestination,
    OnDestroy,
    RecordedTraffic,
)


@dataclass(frozen=True, slots=True)
class FlowLogSettings:
    """Where AWS records the VPC's traffic, for how many days, and what ``pulumi destroy`` does with the records.

    Attributes:
        scan_limit_gibibytes: How much a query over records in S3 may read before Athena stops it.
    """

    destination: LogDestination
    retention_days: int
    on_destroy: OnDestroy
    scan_limit_gibibytes: int = DEFAULT_SCAN_LIMIT_GIBIBYTES


@dataclass(frozen=True, slots=True)
class ExistingFlowLog:
    """A flow log of others. This program reads its records, and never changes it.

    Attributes:
        id: ``fl-...``.
        traffic: What it records.
    """

    id: str
    destination: LogDestination
    traffic: RecordedTraffic = RecordedTraffic.ALL
