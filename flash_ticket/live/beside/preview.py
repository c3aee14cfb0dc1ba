"""Everything that a preview warns of beside the firewall itself, read from the cluster and the account."""

from collections.abc import Iterator, Mapping

from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.foreign_attachments import attachment_notices, refuse_taken_names
from flash_ticket.firewall.change.overruling import overruling
from flash_ticket.firewall.change.whose.rule_identity import added_by_others, existing_groups
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.beside.guard_rails import guard_rail_warnings
from flash_ticket.live.beside.others import read_others
from flash_ticket.live.inventory import warnings_of_what_runs
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.resolvers import resolver_warnings


def preview_warnings(
    cluster: KubernetesCluster,
    account: AwsAccount,
    deployed: Deployed,
    planned: CompiledFirewall,
    labels: Mapping[str, str],
) -> Iterator[str]:
    """Yield what guard rails would refuse, where DNS is, what others change, and what the network plug-in leaves out.

    Each part asks the cluster or the account on its own. The first one that cannot ends the preview, because a
    deployment without it could lock somebody out, cut DNS, or replace an object of others.

    Args:
        cluster: The stack's cluster.
        account: The stack's account and region.
        deployed: What the cluster and the account hold of the firewall.
        planned: The firewall to deploy.
        labels: The labels of the namespace.

    Raises:
        InputError: An API does not answer, a right is missing, the deployer would be locked out, or an object of others
            has the name of one of ours.
    """
    yield from guard_rail_warnings(cluster, planned, labels)
    yield from resolver_warnings(cluster, account, planned.environment)
    yield from others_warnings(cluster, deployed, planned, labels)
    yield from rule_warnings(account, deployed, planned)
    yield from warnings_of_what_runs(cluster, planned, deployed)


def rule_warnings(account: AwsAccount, deployed: Deployed, planned: CompiledFirewall) -> Iterator[str]:
    """Yield the rules that others have put into groups of ours.

    Raises:
        InputError: A call to AWS fails, or a right is missing.
    """
    held = {group["GroupId"] for group in deployed.groups}
    rules = account.rules_in(held | existing_groups(planned.environment)) if held else ()
    yield from map(str, added_by_others(deployed, planned.vpc, rules))


def others_warnings(
    cluster: KubernetesCluster, deployed: Deployed, planned: CompiledFirewall, labels: Mapping[str, str]
) -> Iterator[str]:
    """Yield what policies of others change for our pods, and which of them this identity may not read.

    Args:
        cluster: The stack's cluster.
        deployed: What the namespace holds.
        planned: The firewall to deploy.
        labels: The labels of the namespace.

    Raises:
        InputError: A SecurityGroupPolicy of others has the name of one of ours, or the cluster does not answer.
    """
    layers = planned.layers()
    refuse_taken_names(deployed, layers)
    others = read_others(cluster, planned.matrix.namespace, labels)
    yield from map(str, overruling(others, layers))
    for error in others.unread:
        yield f"Policies of others were not read, and the proof does not cover them. {error}"
    yield from (str(notice) for _, notice in attachment_notices(deployed, planned.matrix))
