"""The flow log in a binding: one that this program makes, or one of others that it reads."""

import re
from typing import Self

from pydantic import Field, field_validator, model_validator

from flash_ticket.firewall.declare.choices import DEFAULT_SCAN_LIMIT_GIBIBYTES, LogDestination, OnDestroy
from flash_ticket.firewall.declare.sections.selection import Text
from flash_ticket.firewall.declare.validation import NOT_EMPTY, FileModel, refusal
from flash_ticket.firewall.terms.input_error import shown

CLOUDWATCH_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""CloudWatch Logs API reference, PutRetentionPolicy, retentionInDays."""

_FLOW_LOG_ID = re.compile(r"fl-[0-9a-f]{8,32}")


class ExistingFlowLogEntry(FileModel):
    """A flow log of others."""

    model_config = NOT_EMPTY

    id: Text
    """Its id, such as `fl-0123456789abcdef0`."""

    @field_validator("id")
    @classmethod
    def _is_id(cls, id_: str) -> str:
        if not _FLOW_LOG_ID.fullmatch(id_):
            raise refusal(f"{shown(id_)} is not the id of a flow log", "Write one such as fl-0123456789abcdef0")
        return id_


class FlowLogsEntry(FileModel):
    """Where AWS records the VPC's traffic, and for how long; or the flow log of others that does it already."""

    model_config = NOT_EMPTY

    destination: LogDestination | None = Field(None, strict=False)
    """Where the records go."""
    retention_days: int | None = Field(None, alias="retentionDays", ge=1, le=3653)
    """For how many days AWS keeps the records. CloudWatch Logs accepts only certain numbers."""
    on_destroy: OnDestroy | None = Field(None, alias="onDestroy", strict=False)
    """What `pulumi destroy` does with the records."""
    scan_limit_gibibytes: int = Field(DEFAULT_SCAN_LIMIT_GIBIBYTES, alias="scanLimitGibibytes", ge=1, le=1_000_000)
    """The most that one Athena query may read; only the destination s3 has Athena."""
    existing: ExistingFlowLogEntry | None = None
    """A flow log of others, which this program reads and never changes. It stands alone."""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if self.existing is None:
            self.own()
        elif others := [name for name in type(self).model_fields if name in self.model_fields_set - {"existing"}]:
            keys = " and ".join(str(type(self).model_fields[name].alias or name) for name in others)
            raise refusal(
                f"{keys} would change a flow log, and this program never changes an existing one",
                f"Remove {keys}, or remove existing, and this program makes a flow log",
            )
        return self

    @model_validator(mode="after")
    def _limit_limits(self) -> Self:
        if self.destination is not LogDestination.S3 and "scan_limit_gibibytes" in self.model_fields_set:
            raise refusal(
                "scanLimitGibibytes limits Athena's queries, and Athena reads only the destination s3", "Remove it"
            )
        return self

    @model_validator(mode="after")
    def _retention_exists(self) -> Self:
        if self.destination is LogDestination.CLOUDWATCH and self.retention_days not in CLOUDWATCH_RETENTION_DAYS:
            raise refusal(
                f"CloudWatch Logs cannot keep events for {self.retention_days} days",
                f"Write one of {', '.join(map(str, CLOUDWATCH_RETENTION_DAYS))}",
            )
        return self

    def own(self) -> tuple[LogDestination, int, OnDestroy]:
        """Return the settings of the flow log that this program makes.

        Raises:
            PydanticCustomError: One is missing.
        """
        if self.destination is None or self.retention_days is None or self.on_destroy is None:
            given = {
                "destination": self.destination,
                "retentionDays": self.retention_days,
                "onDestroy": self.on_destroy,
            }
            missing = " and ".join(key for key, value in given.items() if value is None)
            raise refusal(
                f"{missing} {'is' if ' and ' not in missing else 'are'} missing",
                f"Add {missing}, or name a flow log of others: existing: {{id: fl-...}}",
            )
        return self.destination, self.retention_days, self.on_destroy
