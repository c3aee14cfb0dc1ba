"""Decides which deployed objects to rewrite as a whole, because their rules differ from the planned ones.

Pulumi's Kubernetes provider compares only the fields that the program has set, so it does not see an added rule, peer
or group. Therefore each object has an annotation with the time when its rules were last rewritten. A new time makes the
API server write the whole object again. Its lists and selectors are atomic, so additions disappear (Kubernetes
documentation, "Server-Side Apply", merge strategy).
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
"""The annotation that overwrites manual changes at the next update; without it, a conflict would keep them."""

REWRITTEN = f"{ANNOTATION_PREFIX}/rewritten-at"
"""The annotation with the time, as ISO 8601; it is absent until the object has been rewritten."""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """The time when each object's rules were last rewritten, by the object's name.

    Attributes:
        policies: The times of NetworkPolicies.
        attachments: The times of SecurityGroupPolicies.
    """

    policies: tuple[tuple[str, str], ...] = ()
    attachments: tuple[tuple[str, str], ...] = ()

    def of_policy(self, name: str) -> dict[str, str]:
        """Return the annotation of a NetworkPolicy; empty if it was never rewritten."""
        return _annotation(dict(self.policies).get(name))

    def of_attachment(self, name: str) -> dict[str, str]:
        """Return the annotation of a SecurityGroupPolicy; empty if it was never rewritten."""
        return _annotation(dict(self.attachments).get(name))


def rewriting(deployed: Deployed, pods: PodFirewall, vpc: VpcFirewall, now: datetime) -> Rewriting:
    """Return the current time for deployed objects to rewrite, and the last time for the others.

    Args:
        deployed: What is deployed.
        pods: The planned pod layer.
        vpc: The planned VPC layer.
        now: The current time.
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
    """Return the effective part of a spec, without rules of a direction that is not in policyTypes."""
    if "policyTypes" not in spec:
        return dict(spec)
    directions = [str(each).lower() for each in spec["policyTypes"]]
    rules = {direction: spec.get(direction) or [] for direction in directions}
    return {"podSelector": spec.get("podSelector", {}), "directions": directions, **rules}


def without_effect(spec: Described) -> frozenset[str]:
    """Return the keys of a spec with rules of a direction that is not in policyTypes.

    A policy of others that this program has taken over can have them: the API server leaves what we do not set.
    """
    directions = {str(each).lower() for each in spec.get("policyTypes") or ()}
    return frozenset({"ingress", "egress"} - directions if directions else ())


def _attachment(attachment: PodAttachment, deployed: Deployed) -> dict[str, Any]:
    carried = {group.label for group in attachment.groups}
    groups = [group for group, label in deployed.group_labels.items() if label in carried]
    return {
        "podSelector": {"matchLabels": dict(attachment.pods)},
        "securityGroups": {"groupIds": groups},
    }


def _annotation(moment: str | None) -> dict[str, str]:
    return {REWRITTEN: moment} if moment else {}
