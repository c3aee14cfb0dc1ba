"""What stands under this stack's tags already, so that a deployment takes it over and does not make it a second time.

An engine that is killed, or that loses an answer, does not know what it has just made. AWS gives groups, rules and flow
logs their tags in the request that makes them, so each says by itself whose it is (EC2 API reference,
TagSpecification). Made anew, a group would stand twice, and a rule or a flow log would be refused for good
(InvalidPermission.Duplicate, FlowLogAlreadyExists).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from segmentation.deployed import Deployed, Described
from segmentation.environment import Environment
from segmentation.flow_log import declared_settings
from segmentation.security_group import GROUP_TAG

_NAME_TAG = "Name"
_EVERYTHING = "-1"


@dataclass(frozen=True, slots=True)
class Adoption:
    """The ids of what stands, for Pulumi's resource option ``import``: it imports what the state does not know.

    Attributes:
        groups: Of security groups, after the service or load balancer that each is of.
        rules: Of security group rules, after the rules' names.
        flow_log: Of the flow log; None where none stands.
    """

    groups: tuple[tuple[str, str], ...] = ()
    rules: tuple[tuple[str, str], ...] = ()
    flow_log: str | None = None

    def group(self, label: str) -> str | None:
        """Return the id of a group; None where none stands."""
        return dict(self.groups).get(label)

    def rule(self, name: str) -> str | None:
        """Return the id of a rule; None where none stands."""
        return dict(self.rules).get(name)


def adoption(deployed: Deployed, environment: Environment) -> Adoption:
    """Return what can be taken over in a VPC; of two with one name neither: which of them the state knows is unsaid.

    Nor is a flow log that will be replaced: Pulumi replaces nothing that it is told to import.
    """
    vpc, settings = environment.vpc, declared_settings(environment.recording)
    flow_logs = [each["FlowLogId"] for each in deployed.flow_logs if each["ResourceId"] == vpc]
    stays = [each["FlowLogId"] for each in deployed.flow_logs if _delivers(each) and _has(each, settings)]
    return Adoption(
        _unique((group for group in deployed.groups if group["VpcId"] == vpc), GROUP_TAG, "GroupId"),
        _unique(deployed.rules, _NAME_TAG, "SecurityGroupRuleId"),
        flow_logs[0] if len(flow_logs) == 1 and flow_logs[0] in stays else None,
    )


def _has(flow_log: Described, settings: Described) -> bool:
    return all(flow_log.get(key) == value for key, value in settings.items())


def _delivers(flow_log: Described) -> bool:
    """Tell whether a flow log's destination is there; made anew, that has another name, and so the log is replaced."""
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
