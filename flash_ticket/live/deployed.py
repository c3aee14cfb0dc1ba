"""What is deployed now, read from both APIs."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from flash_ticket.firewall.bind.environment import Adopting
from flash_ticket.firewall.change.adopting.taken_groups import (
    State,
    TakenGroups,
    crowded_groups,
    taken_groups,
    with_taken_groups,
)
from flash_ticket.firewall.change.adoption import Adoption, DeclaredQueries, StandingQueries, adoption
from flash_ticket.firewall.change.deployed import Deployed, Described, is_ours
from flash_ticket.firewall.change.ownership.own_resources import Tagged
from flash_ticket.firewall.change.ownership.rule_identity import existing_groups, taken_rules
from flash_ticket.firewall.compile.names.domains_layer import DomainsKind
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.compile.pod_layer import PART_OF_LABEL
from flash_ticket.firewall.compile.quota import crowded_ways, refuse_excess
from flash_ticket.firewall.declare.choices import LogDestination
from flash_ticket.firewall.declare.fields import DEFAULT_DENY
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import InputError, refuse_all
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import RefusedError
from flash_ticket.live.kubernetes_cluster import ForbiddenError
from flash_ticket.traffic.flow_logs.athena import TABLE, description, saved_queries, stack_name

_NOT_THERE = {"InvalidRequestException", "EntityNotFoundException"}
"""The error codes for a missing workgroup (Athena) and for a missing database or table (Glue)."""


class ClusterSide(Protocol):
    """Returns what the cluster holds of a firewall, as `KubernetesCluster` does."""

    def network_policies(self, namespace: str) -> Sequence[Described]:
        """Return the NetworkPolicies of a namespace."""

    def domains_policies(self, namespace: str, kind: DomainsKind) -> Sequence[Described]:
        """Return the policies of this kind in a namespace."""

    def attachments(self, namespace: str) -> Sequence[Described]:
        """Return the SecurityGroupPolicies of a namespace."""

    def cluster_network_policies(self) -> Sequence[str]:
        """Return the names of the policies that can come before every NetworkPolicy."""


class AccountSide(Protocol):
    """Returns what the account holds with the name of a stack, as `AwsAccount` does."""

    def tagged_groups(self) -> Sequence[Described]:
        """Return the security groups of all owners with that name."""

    def groups_by_id(self, ids: Sequence[str]) -> Sequence[Described]:
        """Return security groups of any owner."""

    def tagged_rules(self) -> Sequence[Described]:
        """Return the rules of all owners with that name."""

    def tagged_flow_logs(self) -> Sequence[Described]:
        """Return the flow logs of all owners with that name."""


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
    queries = (account.ask_once("athena", "get_named_query", NamedQueryId=query)["NamedQuery"] for query in saved)
    return StandingQueries(workgroup, database, table, tuple(queries))


def _found(account: AwsAccount, service: str, operation: str, part: str, **asked: str) -> Any:  # noqa: ANN401 - the SDK's
    try:
        return account.ask_once(service, operation, **asked).get(part)
    except RefusedError as refused:
        if refused.code in _NOT_THERE:
            return None
        raise


def read_deployed(  # noqa: PLR0913, PLR0917 - both APIs, whose firewall, and where it is and was
    cluster: ClusterSide,
    account: AccountSide,
    owner: Owner,
    vpc: str,
    state: Collection[str] = frozenset(),
    further: Collection[str] = (),
    adopting: Adopting | None = None,
) -> Deployed:
    """Return what the stack has deployed, and what others have added beside it.

    Args:
        cluster: The stack's cluster.
        account: The stack's account and region.
        owner: The stack's firewall, which tells its own resources from those of others with the stack's name.
        vpc: The stack's VPC.
        state: The ids of the resources in the stack's state; empty if the state is not known.
        further: The namespaces of its pods, with or without the one that it is named after.
        adopting: What the binding lets it take over; its groups count as deployed.

    Raises:
        InputError: An API does not answer, a right is missing, it is unclear whether a group is the stack's, a group
            cannot be taken over, or another firewall of this program has a namespace.
    """
    namespaces = dict.fromkeys((owner.namespace, *further, *_left(state)))
    policies = [policy for namespace in namespaces for policy in cluster.network_policies(namespace)]
    policies += (each for namespace in namespaces for each in _for_names(cluster, namespace) if is_ours(each))
    refuse_all(_of_another_firewall(policies, owner))
    attachments = [each for namespace in namespaces for each in cluster.attachments(namespace)]
    tagged = Tagged(tuple(account.tagged_groups()), tuple(account.tagged_rules()), tuple(account.tagged_flow_logs()))
    if adopting and adopting.groups:
        found = account.groups_by_id([group.id for _, group in adopting.groups])
        tagged = with_taken_groups(tagged, found, adopting, owner)
    own = tagged.of(owner, vpc, filter(is_ours, attachments), state)
    return Deployed(
        tuple(policy for policy in policies if is_ours(policy)),
        tuple(policy for policy in policies if not is_ours(policy)),
        _overruling(cluster),
        tuple(policy for policy in attachments if is_ours(policy)),
        tuple(policy for policy in attachments if not is_ours(policy)),
        own.groups,
        own.rules,
        own.flow_logs,
    )


def _left(state: Collection[str]) -> Iterator[str]:
    """Yield the namespaces with a default-deny of their own name in the state: the id of an object has both."""
    for each in sorted(state):
        namespace, slash, name = each.partition("/")
        if slash and name == f"{DEFAULT_DENY}-{namespace}":
            yield namespace


def _of_another_firewall(policies: Iterable[Described], owner: Owner) -> Iterator[InputError]:
    """Yield an error for each namespace with policies that this program made for another application."""
    found = {
        policy["metadata"]["namespace"]: other
        for policy in policies
        if is_ours(policy) and (other := policy["metadata"]["labels"].get(PART_OF_LABEL, owner.namespace))
        if other != owner.namespace
    }
    for namespace, other in sorted(found.items()):
        yield InputError(
            "Kubernetes",
            f"namespace {namespace}",
            f"it has the policies of the firewall of {other}, and one namespace cannot have two of them",
            f"Declare these services in the traffic.yaml of {other}, or remove {namespace} there first",
        )


def refuse_unfit(account: AwsAccount, deployed: Deployed, planned: CompiledFirewall) -> None:
    """Refuse a deployment that AWS would refuse on its way: beyond quotas, or with rules that others have added.

    Raises:
        InputError: AWS would refuse it, a call to AWS fails, or a right is missing.
    """
    refuse_excess(planned.vpc, planned.environment, deployed.crowding, planned.matrix.namespace)
    refuse_all(crowded_ways(planned.vpc, planned.environment, deployed.firewall(planned.environment).rules))
    rules = _rules_around(account, deployed, planned)
    taken = taken_groups(planned, deployed, rules, {})
    refuse_all(crowded_groups(planned, taken))
    known = replace(deployed, rules=(*deployed.rules, *taken.rules))
    refuse_all(taken_rules(planned.owner, planned.vpc, known, rules))


def _rules_around(account: AwsAccount, deployed: Deployed, planned: CompiledFirewall) -> Sequence[Described]:
    """Return all rules of the firewall's groups, and of the groups of others that it adds rules to."""
    held = {group["GroupId"] for group in deployed.groups}
    return account.rules_in(held | existing_groups(planned.environment))


def _for_names(cluster: ClusterSide, namespace: str) -> Iterator[Described]:
    """Yield the policies for domain names, without kinds that this identity may not list: preview and verify say so."""
    for kind in DomainsKind:
        with suppress(ForbiddenError):
            yield from cluster.domains_policies(namespace, kind)


def _overruling(cluster: ClusterSide) -> tuple[str, ...]:
    """Return the names of policies that can come first; a list that this identity may not read stands for its names."""
    try:
        return tuple(cluster.cluster_network_policies())
    except ForbiddenError as error:
        return (f"those of {error.key}, which this identity may not read",)


def read_adoption(
    account: AwsAccount, deployed: Deployed, planned: CompiledFirewall, state: State | None = None
) -> Adoption:
    """Return the resources that a deployment takes over because they exist but are missing from its state.

    Args:
        account: The stack's account and region.
        deployed: What is deployed.
        planned: The firewall to deploy.
        state: What the stack's state holds.

    Raises:
        InputError: A call to AWS fails, or a right is missing.
    """
    owner, environment = planned.owner, planned.environment
    name, standing = stack_name(owner), StandingQueries()
    if environment.records_to(LogDestination.S3):
        standing = standing_queries(account, name)
    saved = tuple((query.name, query.sql) for query in saved_queries(name)) if standing.saved else ()
    declared = DeclaredQueries(name, description(owner), TABLE, saved)
    taken = TakenGroups()
    if deployed.groups:
        taken = taken_groups(planned, deployed, _rules_around(account, deployed, planned), state or {})
    return adoption(deployed, environment, declared, standing, taken)
