"""Everything that a preview warns of beside the firewall itself, read from the cluster and the account."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.foreign_attachments import attachment_notices, refuse_taken_names
from flash_ticket.firewall.change.overruling import Others, absent_policies, overruling
from flash_ticket.firewall.change.ownership.rule_identity import added_by_others, existing_groups
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.prove.proof import Proof
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.beside.guard_rails import guard_rail_warnings
from flash_ticket.live.beside.identities import api_warnings, identity_warnings
from flash_ticket.live.beside.others import read_others
from flash_ticket.live.inventory import warnings_of_what_runs
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.observed import cilium_config
from flash_ticket.live.resolvers import resolver_warnings
from flash_ticket.verify.plugin.cilium_agents import config_warnings, names_are_declared


@dataclass(frozen=True, slots=True)
class Judged:
    """A firewall to deploy, with its proof in a cluster where others have policies, too.

    Attributes:
        others: The policies of other APIs.
        proof: The proof with the policies of administrators.
    """

    planned: CompiledFirewall
    others: Others
    proof: Proof


def judge(cluster: KubernetesCluster, planned: CompiledFirewall, labels: Mapping[str, Mapping[str, str]]) -> Judged:
    """Prove a firewall together with the policies of administrators in its cluster.

    Args:
        cluster: The stack's cluster.
        planned: The firewall to deploy.
        labels: The labels of each firewalled namespace.

    Raises:
        InputError: The cluster does not answer.
    """
    others = read_others(cluster, labels)
    return Judged(planned, others, planned.proof(others.administrators))


def preview_warnings(
    cluster: KubernetesCluster,
    account: AwsAccount,
    deployed: Deployed,
    judged: Judged,
    labels: Mapping[str, Mapping[str, str]],
) -> Iterator[str]:
    """Yield what guard rails would refuse, where DNS is, what others change, and what the network plug-in does.

    Each part asks the cluster or the account on its own. The first one that cannot ends the preview, because a
    deployment without it could lock somebody out, cut DNS, or replace an object of others.

    Args:
        cluster: The stack's cluster.
        account: The stack's account and region.
        deployed: What the cluster and the account hold of the firewall.
        judged: The firewall to deploy, with its proof.
        labels: The labels of each firewalled namespace.

    Raises:
        InputError: An API does not answer, a right is missing, the deployer would be locked out, or an object of others
            has the name of one of ours.
    """
    planned = judged.planned
    yield from guard_rail_warnings(cluster, planned, labels)
    yield from resolver_warnings(cluster, account, planned.environment)
    yield from api_warnings(cluster, planned)
    yield from identity_warnings(cluster, account, planned)
    config = cilium_config(cluster, planned.environment)
    yield from config_warnings(planned.environment.cluster, config, names_are_declared(planned.matrix))
    yield from others_warnings(deployed, judged)
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


def others_warnings(deployed: Deployed, judged: Judged) -> Iterator[str]:
    """Yield what policies of others change for our pods, and which of them this identity may not read.

    Args:
        deployed: What the namespace holds.
        judged: The firewall to deploy, with its proof.

    Raises:
        InputError: A SecurityGroupPolicy of others has the name of one of ours.
    """
    planned, others = judged.planned, judged.others
    refuse_taken_names(deployed, planned.layers())
    yield from map(str, overruling(others, planned.matrix, judged.proof))
    yield from map(str, absent_policies(others, planned.environment))
    for error in others.unread:
        yield f"Policies of others were not read, and the proof does not cover them. {error}"
    yield from (str(notice) for _, notice in attachment_notices(deployed, planned.matrix))
