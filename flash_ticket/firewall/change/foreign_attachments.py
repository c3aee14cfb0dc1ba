"""SecurityGroupPolicies (vpcresources.k8s.aws) of others in the firewalled namespaces: what they add, and their names.

The groups of all policies that select a pod add up on its interface, and so do the rules of these groups.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from flash_ticket.firewall.change.deployed import MANAGER_LABEL, Deployed, Described, labels_of, namespace_of
from flash_ticket.firewall.change.reach import selected_services
from flash_ticket.firewall.compile.pod_layer import MANAGED_BY
from flash_ticket.firewall.compile.vpc_layer import PodAttachment
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.terms.input_error import InputError, refuse_all
from flash_ticket.firewall.terms.notice import Notice


def attachment_notices(
    deployed: Deployed, matrix: Matrix, pods: Iterable[tuple[str, Mapping[str, str]]] = ()
) -> Iterator[tuple[Described, Notice]]:
    """Yield each policy of others that may select pods of our services, with what it adds to them.

    Args:
        deployed: What the namespaces hold.
        matrix: The declared services.
        pods: The namespace and labels of running pods.

    Raises:
        InputError: A policy has a selector that cannot be read.
    """
    running = tuple(pods)
    for policy in deployed.foreign_attachments:
        namespace, name = namespace_of(policy) or matrix.namespace, policy["metadata"]["name"]
        there = (labels for where, labels in running if where == namespace)
        services = selected_services(policy, matrix.services_in(namespace), there)
        if services:
            groups = ", ".join(groups_of(policy)) or "no group"
            yield (
                policy,
                Notice(
                    f"SecurityGroupPolicy {namespace}/{name}",
                    f"this program did not create it, and it puts {groups} on pods of {', '.join(services)}",
                    f"kubectl delete securitygrouppolicy --namespace {namespace} {name}, and restart those pods",
                    why="the rules of all groups on an interface add up, and an interface has at most five groups by "
                    "default",
                ),
            )


def refuse_taken_names(deployed: Deployed, planned: BothLayers) -> None:
    """Refuse to take over policies of others that have the names of ours. A deployment would replace what they do.

    Raises:
        InputError: Others have created such a policy. The error says what to do.
    """
    refuse_all(taken_names(deployed, planned))


def taken_names(deployed: Deployed, planned: BothLayers) -> Iterator[InputError]:
    """Yield an error for each policy of others that has the name of one of ours.

    A policy without our label that does what ours does is ours: somebody has removed the label.
    """
    home = planned.matrix.namespace
    declared = {(each.namespace or home, each.service): each for each in planned.firewall.attachments}
    own = deployed.group_labels
    for policy in deployed.foreign_attachments:
        namespace = namespace_of(policy) or home
        attachment = declared.get((namespace, policy["metadata"]["name"]))
        if attachment is None:
            continue
        groups = groups_of(policy)
        spec = policy.get("spec", {})
        same_pods = spec.get("podSelector") == {"matchLabels": dict(attachment.pods)} and len(spec) == len(_PARTS)
        if same_pods and _is_ours([own.get(each) for each in groups], attachment):
            continue
        name = f"{namespace} {attachment.service}"
        pods = ", ".join(f"{key}={value}" for key, value in labels_of(spec)) or "pods that it selects otherwise"
        yield InputError(
            "Kubernetes",
            f"SecurityGroupPolicy {namespace}/{attachment.service}",
            f"this program did not create it, and it has the name of one of ours; it puts "
            f"{', '.join(groups) or 'no group'} on {pods}",
            f"Create it again under another name if you need it, and run kubectl delete securitygrouppolicy "
            f"--namespace {name}. If it was ours, run kubectl label securitygrouppolicy --namespace {name} "
            f"{MANAGER_LABEL}={MANAGED_BY}",
        )


_PARTS = ("podSelector", "securityGroups")


def _is_ours(labels: Sequence[str | None], attachment: PodAttachment) -> bool:
    """Return whether these are the groups of our policy, or of the one that an earlier version of it has made."""
    ours = [group.label for group in attachment.groups]
    return set(labels) == set(ours) or labels == ours[:1]


def groups_of(policy: Described) -> tuple[str, ...]:
    """Return the ids of the groups that a policy puts on pods."""
    return tuple((policy.get("spec", {}).get("securityGroups") or {}).get("groupIds") or ())
