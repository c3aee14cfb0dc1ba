"""What is deployed now, read from both APIs."""

from collections.abc import Sequence
from typing import Any, Protocol

from flash_ticket.firewall.change.adoption import Adoption, DeclaredQueries, StandingQueries, adoption
from flash_ticket.firewall.change.deployed import Deployed, Described, is_ours
from flash_ticket.firewall.declare.choices import LogDestination
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import RefusedError
from flash_ticket.traffic.flow_logs.athena import TABLE, description, saved_queries, stack_name

_NOT_THERE = {"InvalidRequestException", "EntityNotFoundException"}
"""The error codes for a missing workgroup (Athena) and for a missing database or table (Glue)."""


class ClusterSide(Protocol):
    """Returns what the cluster holds of a firewall, as `KubernetesCluster` does."""

    def network_policies(self, namespace: str) -> Sequence[Described]:
        """Return the NetworkPolicies of a namespace."""

    def attachments(self, namespace: str) -> Sequence[Described]:
        """Return the SecurityGroupPolicies of a namespace."""

    def cluster_network_policies(self) -> Sequence[str]:
        """Return the names of the ClusterNetworkPolicies."""


class AccountSide(Protocol):
    """Returns what the account holds of a firewall, as `AwsAccount` does."""

    def own_groups(self) -> Sequence[Described]:
        """Return the security groups of the stack."""

    def own_rules(self) -> Sequence[Described]:
        """Return the rules of the stack."""

    def own_flow_logs(self) -> Sequence[Described]:
        """Return the flow logs of the stack."""


def standing_workgroup(account: AwsAccount, name: str) -> Any:  # noqa: ANN401 - the SDK's
    """Return the workgroup as GetWorkGroup returns it, or None if it does not exist.

    Raises:
        InputError: A call to AWS fails, or a right is missing.
    """
    return _found(account, "athena", "get_work_group", "WorkGroup", WorkGroup=name)


def standing_queries(account: AwsAccount, name: str) -> StandingQueries:
    """Return the Athena resources that exist under a stack's name.

    Raises:
        InputError: A call to AWS fails, or a right is missing.
    """
    workgroup = standing_workgroup(account, name)
    database = _found(account, "glue", "get_database", "Database", Name=name)
    table = _found(account, "glue", "get_table", "Table", DatabaseName=name, Name=TABLE) if database else None
    saved = account.pages("athena", "list_named_queries", "NamedQueryIds", WorkGroup=name) if workgroup else ()
    queries = (account.ask("athena", "get_named_query", NamedQueryId=query)["NamedQuery"] for query in saved)
    return StandingQueries(workgroup, database, table, tuple(queries))


def _found(account: AwsAccount, service: str, operation: str, part: str, **asked: str) -> Any:  # noqa: ANN401 - the SDK's
    try:
        return account.ask(service, operation, **asked).get(part)
    except RefusedError as refused:
        if refused.code in _NOT_THERE:
            return None
        raise


def read_deployed(cluster: ClusterSide, account: AccountSide, namespace: str) -> Deployed:
    """Return what the stack has deployed, and what others have added beside it.

    Raises:
        InputError: An API does not answer, or a right is missing.
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


def read_adoption(account: AwsAccount, deployed: Deployed, planned: CompiledFirewall) -> Adoption:
    """Return the resources that a deployment takes over because they exist but are missing from its state.

    Raises:
        InputError: A call to AWS fails, or a right is missing.
    """
    application, environment = planned.matrix.namespace, planned.environment
    name, standing = stack_name(application, environment.name), StandingQueries()
    if environment.flow_logs.destination is LogDestination.S3:
        standing = standing_queries(account, name)
    saved = tuple((query.name, query.sql) for query in saved_queries(name)) if standing.saved else ()
    declared = DeclaredQueries(name, description(application, environment.name), TABLE, saved)
    return adoption(deployed, environment, declared, standing)
