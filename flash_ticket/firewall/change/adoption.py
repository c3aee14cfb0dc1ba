"""What stands under this stack's tags already, so that a deployment takes it over and does not make it a second time.

An engine that is killed, or that loses an answer, does not know what it has just made. AWS gives groups, rules and flow
logs their tags in the request that makes them, so each says by itself whose it is (EC2 API reference,
TagSpecification). Made anew, a group would stand twice, and a rule or a flow log would be refused for good
(InvalidPermission.Duplicate, FlowLogAlreadyExists). What Athena asks has names of the stack's own instead, and would be
refused likewise (InvalidRequestException, AlreadyExistsException).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.deployed import Deployed, Described
from flash_ticket.firewall.compile.flow_log import declared_settings
from flash_ticket.firewall.compile.vpc_layer import GROUP_TAG

_NAME_TAG = "Name"
_EVERYTHING = "-1"


@dataclass(frozen=True, slots=True)
class StandingQueries:
    """What stands of Athena's under the names of a stack; None for what does not.

    Attributes:
        workgroup: As GetWorkGroup tells it.
        database: As GetDatabase of AWS Glue tells it.
        table: As GetTable of AWS Glue tells it.
        saved: The saved queries of the workgroup, as GetNamedQuery tells them.
    """

    workgroup: Described | None = None
    database: Described | None = None
    table: Described | None = None
    saved: tuple[Described, ...] = ()


@dataclass(frozen=True, slots=True)
class DeclaredQueries:
    """What a stack calls its own at Athena.

    Attributes:
        name: The name of its workgroup and database.
        description: What they say of themselves.
        table: The name of its table.
        saved: Of saved queries, name and SQL.
    """

    name: str
    description: str
    table: str
    saved: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class QueriesAdoption:
    """The ids of what stands of Athena's, as Pulumi's resource option ``import`` takes them; None where nothing does.

    Attributes:
        workgroup: Its name.
        database: After the account: ``111122223333:flash_ticket__prod``.
        table: After the account and the database.
        saved: Of saved queries, after their names.
    """

    workgroup: str | None = None
    database: str | None = None
    table: str | None = None
    saved: tuple[tuple[str, str], ...] = ()

    def query(self, name: str) -> str | None:
        """Return the id of a saved query; None where none stands."""
        return dict(self.saved).get(name)


@dataclass(frozen=True, slots=True)
class Adoption:
    """The ids of what stands, for Pulumi's resource option ``import``: it imports what the state does not know.

    Attributes:
        groups: Of security groups, after the service or load balancer that each is of.
        rules: Of security group rules, after the rules' names.
        flow_log: Of the flow log; None where none stands.
        queries: Of what Athena asks.
    """

    groups: tuple[tuple[str, str], ...] = ()
    rules: tuple[tuple[str, str], ...] = ()
    flow_log: str | None = None
    queries: QueriesAdoption = field(default_factory=QueriesAdoption)

    def group(self, label: str) -> str | None:
        """Return the id of a group; None where none stands."""
        return dict(self.groups).get(label)

    def rule(self, name: str) -> str | None:
        """Return the id of a rule; None where none stands."""
        return dict(self.rules).get(name)


def adoption(
    deployed: Deployed, environment: Environment, declared: DeclaredQueries, standing: StandingQueries
) -> Adoption:
    """Return what can be taken over in a VPC; of two with one name neither: which of them the state knows is unsaid.

    Nor is a flow log that will be replaced: Pulumi replaces nothing that it is told to import.
    """
    vpc, settings = environment.vpc, declared_settings(environment.flow_logs)
    flow_logs = [each["FlowLogId"] for each in deployed.flow_logs if each["ResourceId"] == vpc]
    stays = [each["FlowLogId"] for each in deployed.flow_logs if _delivers(each) and _has(each, settings)]
    return Adoption(
        _unique((group for group in deployed.groups if group["VpcId"] == vpc), GROUP_TAG, "GroupId"),
        _unique(deployed.rules, _NAME_TAG, "SecurityGroupRuleId"),
        flow_logs[0] if len(flow_logs) == 1 and flow_logs[0] in stays else None,
        _of_queries(standing, declared, environment.account),
    )


def _of_queries(standing: StandingQueries, declared: DeclaredQueries, account: str) -> QueriesAdoption:
    """Return what says of itself that it is of this stack; a saved query must be as declared too: none is changed."""
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
    """Yield label and id of each group of this stack that still has the rule with which AWS makes every group.

    It lets everything out; making a group is done when that rule is taken back, and an engine may end in between.
    """
    labels = deployed.group_labels
    for group in deployed.groups:
        if any(permission["IpProtocol"] == _EVERYTHING for permission in group.get("IpPermissionsEgress", ())):
            yield labels[group["GroupId"]], group["GroupId"]


def _unique(described: Iterable[Described], tag: str, identity: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, list[str]] = defaultdict(list)
    for each in described:
        for one in each.get("Tags", ()):
            if one["Key"] == tag:
                found[one["Value"]].append(each[identity])
    return tuple((name, ids[0]) for name, ids in sorted(found.items()) if len(ids) == 1)
