"""SecurityGroupPolicies (vpcresources.k8s.aws/v1beta1), compared with the declared ones: they put groups on pods."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flash_ticket.firewall.change.deployed import Described, identity
from flash_ticket.firewall.change.foreign_attachments import attachment_notices, taken_names
from flash_ticket.firewall.change.object_difference import declared_part, differences
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY
from flash_ticket.firewall.compile.vpc_layer import OwnGroup, PodAttachment
from flash_ticket.verify.finding import Comparison, Finding, FindingKind
from flash_ticket.verify.observed import Observed


@dataclass(frozen=True, slots=True)
class Attachments(Comparison):
    """The SecurityGroupPolicies of one stack, declared and live.

    Attributes:
        group_ids: The ids of the stack's groups that exist.
    """

    observed: Observed
    group_ids: Mapping[OwnGroup, str]

    def findings(self) -> Iterator[Finding]:
        """Yield each difference from the declaration.

        Raises:
            InputError: A live policy has a selector that cannot be read.
        """
        deployed = self.observed.deployed
        live = {self._key(each): each for each in (*deployed.foreign_attachments, *deployed.attachments)}
        declared = {(each.namespace or self._home, each.service): each for each in self.planned.vpc.attachments}
        taken = list(taken_names(deployed, self.planned.layers()))
        for error in taken:
            why = "a deployment refuses to replace it, and new pods get its groups in place of their own"
            yield Finding(error.key, error.problem, why, error.remedy, FindingKind.WIDENING)
        for key, attachment in declared.items():
            if _where(*key) not in {error.key for error in taken}:
                yield from self._against(attachment, _where(*key), live.get(key))
        for each in deployed.attachments:
            namespace, name = self._key(each)
            if (namespace, name) not in declared:
                delete = f"kubectl delete securitygrouppolicy --namespace {namespace} {name}"
                yield Finding(
                    _where(namespace, name),
                    "nothing declares it",
                    "the pods that it selects get groups that are not meant for them",
                    f"{self._update}; if it is still there afterwards, Pulumi does not know it: {delete}",
                    FindingKind.LEFT_OVER,
                )
        pods = ((pod.namespace, dict(pod.labels)) for pod in self.observed.inventory.pods)
        for policy, notice in attachment_notices(deployed, self.planned.matrix, pods):
            if self._key(policy) not in declared:
                yield Finding(notice.where, notice.what, notice.why, notice.remedy, FindingKind.WIDENING)

    def _against(self, attachment: PodAttachment, where: str, live: Described | None) -> Iterator[Finding]:
        if live is None:
            why = f"new pods of {attachment.service} do not get its group, and declared flows are cut"
            yield Finding(where, "it does not exist", why, self._update, FindingKind.MISSING)
            return
        if any(group not in self.group_ids for group in attachment.groups):
            return  # the missing group has a finding of its own
        labels = {"app.kubernetes.io/managed-by": MANAGED_BY}
        spec = attachment.manifest(self._home, [self.group_ids[group] for group in attachment.groups])["spec"]
        found = declared_part(labels, live["metadata"].get("labels") or {})
        changed = (*differences(spec, live.get("spec", {}), "spec"), *differences(labels, found, "metadata.labels"))
        if changed:
            why = f"new pods of {attachment.service} get groups other than its own, or other pods get its group"
            yield Finding(where, "it is not as declared", why, self._update, FindingKind.CHANGED, changed)

    def _key(self, manifest: Described) -> tuple[str, str]:
        namespace, name = identity(manifest)
        return namespace or self._home, name

    @property
    def _home(self) -> str:
        return self.planned.matrix.namespace


def _where(namespace: str, name: str) -> str:
    return f"SecurityGroupPolicy {namespace}/{name}"
