"""Existing resources with this stack's tags, which a deployment adopts instead of creating them a second time.

A Pulumi engine that is killed, or that loses a response, does not know what it has just created. AWS sets the tags of
groups, rules and flow logs in the request that creates them, so the tags show their stack (EC2 API reference,
TagSpecification). Without adoption, a group would exist twice, and AWS would refuse a rule or a flow log
(InvalidPermission.Duplicate, FlowLogAlreadyExists). Athena's resources have names of the stack instead, and AWS would
refuse them as well (InvalidRequestException, AlreadyExistsException).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.adopting.taken_groups import TakenGroups
from flash_ticket.firewall.change.deployed import Deployed, Described, is_taken_over
from flash_ticket.firewall.compile.flow_log import declared_settings
from flash_ticket.firewall.compile.owner import GROUP_TAG

_NAME_TAG = "Name"
_EVERYTHING = "-1"


@dataclass(frozen=True, slots=True)
class StandingQueries:
    """The existing Athena resources with the names of a stack; None for those that do not exist.

    Attributes:
        workgroup: As GetWorkGroup returns it.
        database: As GetDatabase of AWS Glue returns it.
        table: As GetTable of AWS Glue returns it.
        saved: The saved queries of the workgroup, as GetNamedQuery returns them.
    """

    workgroup: Described | None = None
    database: Described | None = None
    table: Described | None = None
    saved: tuple[Described, ...] = ()


@dataclass(frozen=True, slots=True)
class DeclaredQueries:
    """The names and content of a stack's Athena resources.

    Attributes:
        name: The name of its workgroup and database.
        description: Their description.
        table: The name of its table.
        saved: The name and SQL of each saved query.
    """

    name: str
    description: str
    table: str
    saved: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class QueriesAdoption:
    """The ids of existing Athena resources for Pulumi's resource option ``import``; None for missing ones.

    Attributes:
        workgroup: Its name.
        database: The account and the name: ``111122223333:flash_ticket__prod``.
        table: The account, the database and the name.
        saved: The name and id of each saved query.
    """

    workgroup: str | None = None
    database: str | None = None
    table: str | None = None
    saved: tuple[tuple[str, str], ...] = ()

    def query(self, name: str) -> str | None:
        """Return the id of a saved query, or None if it does not exist."""
        return dict(self.saved).get(name)


@dataclass(frozen=True, slots=True)
class Adoption:
    """The ids of existing resources for Pulumi's resource option ``import``; it imports those missing in the state.

    Attributes:
        groups: The service or load balancer, and the id, of each security group.
        rules: The name and id of each security group rule.
        flow_log: The id of the flow log; None if it does not exist.
        queries: The ids of Athena's resources.
        taken: The groups of others among them.
    """

    groups: tuple[tuple[str, str], ...] = ()
    rules: tuple[tuple[str, str], ...] = ()
    flow_log: str | None = None
    queries: QueriesAdoption = field(default_factory=QueriesAdoption)
    taken: TakenGroups = field(default_factory=TakenGroups)

    def group(self, label: str) -> str | None:
        """Return the id of a group, or None if it does not exist."""
        return dict(self.groups).get(label)

    def rule(self, name: str) -> str | None:
        """Return the id of a rule, or None if it does not exist."""
        return dict(self.rules).get(name)


def adoption(
    deployed: Deployed,
    environment: Environment,
    declared: DeclaredQueries,
    standing: StandingQueries,
    taken: TakenGroups | None = None,
) -> Adoption:
    """Return what a deployment can adopt in a VPC.

    Two resources with the same name are not adopted, because it is unclear which of them the state contains. A flow log
    that will be replaced is not adopted, because Pulumi does not replace a resource with the option ``import``.
    """
    of_others = taken or TakenGroups()
    vpc, own = environment.vpc, environment.own_flow_log
    settings = declared_settings(own) if own else {}
    flow_logs = [each["FlowLogId"] for each in deployed.flow_logs if each["ResourceId"] == vpc]
    stays = [each["FlowLogId"] for each in deployed.flow_logs if _delivers(each) and _has(each, settings)]
    return Adoption(
        _unique((group for group in deployed.groups if group["VpcId"] == vpc), GROUP_TAG, "GroupId"),
        _unique((*deployed.rules, *of_others.rules), _NAME_TAG, "SecurityGroupRuleId"),
        flow_logs[0] if own and len(flow_logs) == 1 and flow_logs[0] in stays else None,
        _of_queries(standing, declared, environment.account),
        of_others,
    )


def _of_queries(standing: StandingQueries, declared: DeclaredQueries, account: str) -> QueriesAdoption:
    """Return the resources with this stack's description; saved queries must also be as declared (none can change)."""
    name = declared.name
    database = standing.database and standing.database.get("Description") == declared.description
    return QueriesAdoption(
        name if standing.workgroup and standing.workgroup.get("Description") == declared.description else None,
        f"{account}:{name}" if database else None,
        f"{account}:{name}:{declared.table}" if database and standing.table else None,
        tuple(
            (query["Name"], query["NamedQueryId"])
            for query in standing.saved
            if (query["Name"], query["QueryString"]) in declared.saved
        ),
    )


def _has(flow_log: Described, settings: Described) -> bool:
    return all(flow_log.get(key) == value for key, value in settings.items())


def _delivers(flow_log: Described) -> bool:
    """Return whether AWS delivers a flow log; if its destination is gone, the new one needs a new flow log."""
    return bool(flow_log.get("DeliverLogsStatus", "SUCCESS") == "SUCCESS")


def unfinished_groups(deployed: Deployed) -> Iterator[tuple[str, str]]:
    """Yield label and id of each group of this stack that still has the default egress rule of AWS.

    This rule allows all egress traffic. Pulumi deletes it after it creates a group, and can be killed in between. In a
    group that others have made, it is a rule of theirs.
    """
    labels = deployed.group_labels
    for group in deployed.groups:
        if is_taken_over(group, labels[group["GroupId"]]):
            continue
        if any(permission["IpProtocol"] == _EVERYTHING for permission in group.get("IpPermissionsEgress", ())):
            yield labels[group["GroupId"]], group["GroupId"]


def _unique(described: Iterable[Described], tag: str, identity: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, list[str]] = defaultdict(list)
    for each in described:
        for one in each.get("Tags", ()):
            if one["Key"] == tag:
                found[one["Value"]].append(each[identity])
    return tuple((name, ids[0]) for name, ids in sorted(found.items()) if len(ids) == 1)
