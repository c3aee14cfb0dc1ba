"""What stands now, read from both APIs."""

from flash_ticket.firewall.change.deployed import Deployed, is_ours
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.kubernetes_cluster import KubernetesCluster


def read_deployed(cluster: KubernetesCluster, account: AwsAccount, namespace: str) -> Deployed:
    """Return what the stack has deployed, and what others have put beside it.

    Raises:
        InputError: An API cannot be asked.
    """
    policies = cluster.network_policies(namespace)
    attachments = cluster.attachments(namespace)
    return Deployed(
        tuple(policy for policy in policies if is_ours(policy)),
        tuple(policy for policy in policies if not is_ours(policy)),
        tuple(cluster.cluster_network_policies()),
        tuple(policy for policy in attachments if is_ours(policy)),
        tuple(policy for policy in attachments if not is_ours(policy)),
        tuple(account.own_groups()),
        tuple(account.own_rules()),
        tuple(account.own_flow_logs()),
    )
