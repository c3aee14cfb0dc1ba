"""What is deployed in one environment, in terms that two runs of the engine share: no ids, no random suffixes."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.compile.owner import GROUP_TAG
from flash_ticket.traffic.flow_logs.athena import stack_name
from tests.support.declared.owners import owner_of
from tests.support.engine.apis import NAMESPACE, Apis, Sight

_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that a run could have changed, counted: duplicates show.

    Attributes:
        firewall: Policies, attachments, groups and rules with their contents, and those of others.
        record: Flow logs, their destinations, and the Athena resources.
    """

    firewall: Counter[str]
    record: Counter[str]

    def beyond(self, other: "Standing") -> Iterator[str]:
        """Yield what is here and not in the other."""
        yield from sorted((self.firewall - other.firewall).elements())
        yield from sorted((self.record - other.record).elements())


def standing(apis: Apis) -> Standing:
    """Return what is deployed now."""
    sight = apis.look()
    return Standing(Counter(_firewall(apis, sight)), Counter(_record(apis, sight)))


def _firewall(apis: Apis, sight: Sight) -> Iterator[str]:
    names = {group: _label(described) for group, described in sight.groups.items()}
    yield from (f"policy {name} {_text(policy['spec'])}" for name, policy in sight.policies.items())
    yield from (f"policy elsewhere {name}" for name in sight.elsewhere)
    yield from (f"namespace {name} {uid}" for name, uid in sight.namespaces.items())
    for name, attachment in sight.attachments.items():
        spec = attachment["spec"]
        groups = [names.get(each, each) for each in spec["securityGroups"]["groupIds"]]
        yield f"attachment {name} {_text(spec['podSelector'])} {groups}"
    yield from (f"group {name}" for name in names.values())
    chosen = [{"Name": "group-id", "Values": list(sight.groups)}]
    for rule in apis.aws("ec2").describe_security_group_rules(Filters=chosen)["SecurityGroupRules"]:
        peer = rule.get("ReferencedGroupInfo", {}).get("GroupId", _NOTHING)
        parts = [
            names[rule["GroupId"]],
            "egress" if rule["IsEgress"] else "ingress",
            rule["IpProtocol"],
            f"{rule.get('FromPort')}-{rule.get('ToPort')}",
            names.get(peer, peer),
            *(rule.get(key, _NOTHING) for key in ("CidrIpv4", "CidrIpv6", "PrefixListId", "Description")),
            _tag(rule.get("Tags", ()), "Name"),
        ]
        yield f"rule {' '.join(map(str, parts))}"


def _record(apis: Apis, sight: Sight) -> Iterator[str]:
    yield from (f"flow log to {log['LogDestinationType']}" for log in sight.flow_logs.values())
    yield from ("bucket" for name in sight.buckets if name.startswith(NAMESPACE))
    yield from ("log group" for name in sight.log_groups if NAMESPACE in name)
    yield from (f"key {state}" for state in sight.keys.values() if state == "Enabled")
    roles = apis.aws("iam").list_roles()["Roles"]
    yield from ("role" for role in roles if role["RoleName"].startswith(f"{NAMESPACE}-{apis.stack}"))
    yield from _queries(apis, stack_name(owner_of(apis.stack)))


def _queries(apis: Apis, name: str) -> Iterator[str]:
    athena, glue = apis.aws("athena"), apis.aws("glue")
    for workgroup in athena.list_work_groups()["WorkGroups"]:
        if workgroup["Name"] == name:
            yield "workgroup"
            for query in athena.list_named_queries(WorkGroup=name)["NamedQueryIds"]:
                yield f"saved query {athena.get_named_query(NamedQueryId=query)['NamedQuery']['Name']}"
    for database in glue.get_databases()["DatabaseList"]:
        if database["Name"] == name:
            yield "database"
            yield from (f"table {table['Name']}" for table in glue.get_tables(DatabaseName=name)["TableList"])


def _label(group: Mapping[str, Any]) -> str:
    label = _tag(group.get("Tags", ()), GROUP_TAG)
    return str(group["GroupName"]) if label == _NOTHING else f"of {label}"


def _tag(tags: Any, key: str) -> str:  # noqa: ANN401 - boto3's
    return next((tag["Value"] for tag in tags if tag["Key"] == key), _NOTHING)


def _text(spec: object) -> str:
    return json.dumps(spec, sort_keys=True)
