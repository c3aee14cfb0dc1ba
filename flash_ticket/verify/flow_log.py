"""The flow log and the bucket or log group that it writes to, compared with the declared ones.

Source: EC2 API reference, FlowLog: FlowLogStatus, DeliverLogsStatus (SUCCESS or FAILED), DeliverLogsErrorMessage.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flash_ticket.firewall.bind.edges.flow_log_settings import ExistingFlowLog, FlowLogSettings
from flash_ticket.firewall.bind.environment import Origin
from flash_ticket.firewall.change.deployed import Described
from flash_ticket.firewall.change.object_difference import Difference, declared_part, differences
from flash_ticket.firewall.change.ownership.own_resources import own_flow_log
from flash_ticket.firewall.compile.flow_log import declared_settings, log_group_prefix, name_prefix
from flash_ticket.firewall.compile.flow_log_access import bucket_policy
from flash_ticket.firewall.declare.choices import LogDestination
from flash_ticket.verify.finding import Comparison, Finding, FindingKind
from flash_ticket.verify.observed import SeenBucket, SeenFlowLogs

_ERRORS = {
    "Access error": "the role or the bucket's policy does not let the service write",
    "Rate limited": "CloudWatch Logs throttles it",
    "Unknown error": "AWS gives no reason",
}
_PUBLIC_ACCESS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True, slots=True)
class FlowLogState(Comparison):
    """The declared and the live flow log of one stack."""

    seen: SeenFlowLogs

    def findings(self) -> Iterator[Finding]:
        """Yield each difference from the declaration."""
        own = own_flow_log(self.seen.flow_logs, self.planned.owner)
        settings = self.planned.environment.flow_logs
        if settings is None:
            return
        if isinstance(settings, ExistingFlowLog):
            yield from self._of_others(settings)
            return
        if own is None:
            yield Finding(
                f"flow log of {self.planned.environment.vpc}",
                f"there is no flow log with the tags of {self.planned.owner}",
                "denied traffic is not recorded, and no alarm about it fires",
                self._update,
                FindingKind.NOT_RECORDING,
            )
            return
        where = f"flow log {own['FlowLogId']}"
        yield from self._working(own, where, self._replace(own), self._update)
        changed = tuple(self._changes(own, settings))
        if changed:
            why = "the alarms and flash-firewall denied look for its records in another place or form"
            yield Finding(where, "it is not as declared", why, self._update, FindingKind.CHANGED, changed)
        yield from self._bucket(own, settings)
        yield from self._log_group(own, settings)

    def _of_others(self, settings: ExistingFlowLog) -> Iterator[Finding]:
        """Yield a finding if a flow log of others does not record."""
        where = f"flow log {settings.id}"
        found = next((each for each in self.seen.flow_logs if each["FlowLogId"] == settings.id), None)
        if found is None:
            yield Finding(
                where,
                f"{self.planned.environment.vpc} does not have it any more",
                "nothing is recorded, and flash-firewall denied has no log to read",
                "Ask its owner, name another under flowLogs.existing, or have this program make one",
                FindingKind.NOT_RECORDING,
            )
            return
        asked = "Ask its owner: this program never changes it"
        yield from self._working(found, where, asked, asked)

    def _working(self, own: Described, where: str, replaced: str, updated: str) -> Iterator[Finding]:
        status, delivery = own.get("FlowLogStatus", "ACTIVE"), own.get("DeliverLogsStatus", "SUCCESS")
        if status != "ACTIVE":
            why = "nothing is recorded"
            yield Finding(where, f"its status is {status}", why, replaced, FindingKind.NOT_RECORDING)
        if delivery != "SUCCESS":
            message = own.get("DeliverLogsErrorMessage") or "Unknown error"
            what = f"delivery is {delivery}: {message}"
            why = f"records are lost: {_ERRORS.get(message, 'see the message')}"
            yield Finding(where, what, why, updated, FindingKind.NOT_RECORDING)

    def _changes(self, own: Described, settings: FlowLogSettings) -> Iterator[Difference]:
        declared = declared_settings(settings)
        to_s3 = settings.destination is LogDestination.S3
        yield from differences(declared, declared_part(declared, own))
        begins, destination = self._destination(settings), str(own.get("LogDestination") or own.get("LogGroupName", ""))
        name = destination.partition(":::" if to_s3 else ":log-group:")[2] or destination
        if not name.startswith(begins):
            yield from differences({"LogDestination": f"{begins}*"}, {"LogDestination": destination})

    def _destination(self, settings: FlowLogSettings) -> str:
        """The beginning of the name of the stack's bucket or log group."""
        of = self.planned.matrix.namespace, self.planned.environment.name
        to_s3 = settings.destination is LogDestination.S3
        return name_prefix(*of) if to_s3 else log_group_prefix(*of)

    def _bucket(self, own: Described, settings: FlowLogSettings) -> Iterator[Finding]:
        if settings.destination is not LogDestination.S3:
            return
        arn, bucket = own.get("LogDestination", "").partition("/")[0], self.seen.bucket
        where = f"bucket {arn.rpartition(':')[2]}"
        if bucket is None:
            yield self._absent(where)
            return
        for what, why, changed in self._settings(bucket, arn):
            if changed:
                yield Finding(where, what, why, self._update, FindingKind.CHANGED, changed)

    def _absent(self, where: str) -> Finding:
        why = "what the flow log delivers is lost"
        return Finding(where, "it does not exist", why, self._update, FindingKind.NOT_RECORDING)

    def _settings(self, bucket: SeenBucket, arn: str) -> Iterator[tuple[str, str, tuple[Difference, ...]]]:
        environment = self.planned.environment
        policy = bucket_policy(arn, Origin(environment.partition, environment.region, environment.account))
        why = "log delivery may be refused, or somebody else may have access"
        yield "its policy is not as declared", why, differences(policy, bucket.policy or {}, "policy")
        blocks = dict.fromkeys(_PUBLIC_ACCESS, True)
        why = "a policy or an ACL can make the records public"
        yield "public access is not blocked", why, differences(blocks, bucket.public_access or {}, "publicAccess")
        algorithm = {"SSEAlgorithm": "aws:kms"}
        live = (bucket.encryption or {}).get("ApplyServerSideEncryptionByDefault", {})
        changed = differences(algorithm, declared_part(algorithm, live), "encryption")
        yield (
            "its records are not encrypted with the stack's key",
            "everybody who can read the bucket can read them",
            changed,
        )

    def _log_group(self, own: Described, settings: FlowLogSettings) -> Iterator[Finding]:
        if settings.destination is not LogDestination.CLOUDWATCH:
            return
        group = self.seen.log_group
        where = f"log group {own.get('LogGroupName') or own.get('LogDestination', '').partition(':log-group:')[2]}"
        if group is None:
            yield self._absent(where)
            return
        declared: Mapping[str, object] = {"retentionInDays": settings.retention_days}
        changed = differences(declared, declared_part(declared, group))
        if changed:
            why = "records are kept for longer or shorter than declared"
            yield Finding(where, "it is not as declared", why, self._update, FindingKind.CHANGED, changed)
        if not group.get("kmsKeyId"):
            what, why = (
                "its records are not encrypted with the stack's key",
                "everybody who can read the group can read them",
            )
            yield Finding(where, what, why, self._update, FindingKind.CHANGED)

    def _replace(self, own: Described) -> str:
        return f"aws ec2 delete-flow-logs --flow-log-ids {own['FlowLogId']}, then {self._update}"
