"""Objects whose rules are not what is to be deployed: they are written anew, whole.

Pulumi's Kubernetes provider sees a change of what it has written, and not what somebody has added to it: one more rule,
one more peer, one more group. (It compares what is live at the places that the program has set.) So each object says
when its rules were last written, and a new moment has the API server take all of it again: the lists and selectors
that decide are atomic there, and what was added goes (Kubernetes documentation, "Server-Side Apply", merge strategy).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flash_ticket.firewall.change.deployed import Deployed, Described
from flash_ticket.firewall.change.object_difference import differences
from flash_ticket.firewall.compile.pod_layer import ANNOTATION_PREFIX, PodFirewall
from flash_ticket.firewall.compile.vpc_layer import PodAttachment, VpcFirewall
from flash_ticket.firewall.terms.moment import written

TAKE_BACK = {"pulumi.com/patchForce": "true"}
"""What somebody changed by hand is ours again at the next update; a conflict would leave it as it is."""

REWRITTEN = f"{ANNOTATION_PREFIX}/rewritten-at"
"""The annotation with the moment, as ISO 8601; absent while nothing had to be written anew."""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """When the rules of objects were last written anew, by the objects' names.

    Attributes:
        policies: Of NetworkPolicies.
        attachments: Of SecurityGroupPolicies.
    """

    policies: tuple[tuple[str, str], ...] = ()
    attachments: tuple[tuple[str, str], ...] = ()

    def of_policy(self, name: str) -> dict[str, str]:
        """Return the annotation of a NetworkPolicy; empty for none."""
        return _annotation(dict(self.policies).get(name))

    def of_attachment(self, name: str) -> dict[str, str]:
        """Return the annotation of a SecurityGroupPolicy; empty for none."""
        return _annotation(dict(self.attachments).get(name))


def rewriting(deployed: Deployed, pods: PodFirewall, vpc: VpcFirewall, now: datetime) -> Rewriting:
    """Return which objects that stand are to be written anew, now, and when the others last were.

    Args:
        deployed: What stands.
        pods: The pod layer that is to be deployed.
        vpc: The VPC layer that is to be deployed.
        now: The present.
    """
    policies = {policy.name: _deciding(policy.manifest()["spec"]) for policy in pods.policies}
    attachments = {each.service: _attachment(each, deployed) for each in vpc.attachments}
    moment = written(now.timestamp())
    return Rewriting(
        tuple(_moments(deployed.policies, policies, moment)),
        tuple(_moments(deployed.attachments, attachments, moment)),
    )


def _moments(live: tuple[Described, ...], wanted: dict[str, Any], now: str) -> Iterator[tuple[str, str]]:
    for found in live:
        name = found["metadata"]["name"]
        if name not in wanted:
            continue
        last = (found["metadata"].get("annotations") or {}).get(REWRITTEN)
        moment = now if differences(wanted[name], _deciding(found["spec"])) else last
        if moment:
            yield name, moment


def _deciding(spec: Described) -> dict[str, Any]:
    """Return what of a spec decides: rules of a direction that a policy does not have do not."""
    if "policyTypes" not in spec:
        return dict(spec)
    directions = [str(each).lower() for each in spec["policyTypes"]]
    rules = {direction: spec.get(direction) or [] for direction in directions}
    return {"podSelector": spec.get("podSelector", {}), "directions": directions, **rules}


def _attachment(attachment: PodAttachment, deployed: Deployed) -> dict[str, Any]:
    groups = [group for group, label in deployed.group_labels.items() if label == attachment.group.label]
    return {
        "podSelector": {"matchLabels": dict(attachment.pods)},
        "securityGroups": {"groupIds": groups},
    }


def _annotation(moment: str | None) -> dict[str, str]:
    return {REWRITTEN: moment} if moment else {}
