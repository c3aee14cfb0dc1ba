"""From hand-written policies and a group to the running stack: no write cuts or deletes what is declared.

The one who deploys has the documented rights: those to take over, and those to delete recorded traffic.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from flash_ticket.firewall.compile.owner import tags_of
from flash_ticket.firewall.declare.binding import BINDING_KEY
from flash_ticket.firewall.prove.both_layers import BothLayers
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.ports import NO_PORTS, PortSet
from flash_ticket.firewall.terms.verdict import Layer
from lab.recording.journal import Journal
from lab.recording.recording import recorded
from lab.recording.surveyor import Surveyor
from lab.rights.deployer import Deployer
from lab.running.aws_session import aws_client
from lab.running.engine import Engine, Result
from lab.running.firewall_command import Ran, flash_firewall
from lab.running.kubectl import kubectl
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.declared.kubernetes.old_policies import FOLDER, LEFT, TAKEN, drafted_traffic
from tests.support.engine.apis import NAMESPACE, REPOSITORY
from tests.support.engine.rights import documented_deployer, left_over

pytestmark = pytest.mark.engine

IN = ("--namespace", NAMESPACE)
NAMED = {"Name": "tag:Name", "Values": ["flash-ticket-dev"]}
OF_REDIS = {"Name": "tag:Name", "Values": ["flash-ticket-dev-redis"]}
RECORDS = {"destination": "s3", "retentionDays": 30, "onDestroy": "delete"}
PARTS = ("network", "bucket", "delete-records", "adopt")
"""The files of ``docs/deployer/`` with the rights that this takes."""

ELSEWHERE = ("ReadEndpoints", "ReadPrefixLists")
"""Their statements that it does not need: no external is a service of AWS, and no place is a prefix list."""


@dataclass(frozen=True)
class Moved:
    """A stack that has taken over the policies of a folder.

    Attributes:
        planned: The declaration.
        journal: Every write of the first deployment.
        uids: The identity of each policy before the deployment.
        group: The id of the group of api.
        first: The first deployment, which takes over.
        second: The second one, which gives the group its tags.
        third: A preview after both.
        deployer: The one who deploys, with the documented rights.
    """

    lab: Lab
    program: Path
    planned: CompiledFirewall
    journal: Journal
    uids: Mapping[str, str]
    group: str
    first: Result
    second: Result
    third: Result
    deployer: Deployer

    def kubectl(self, *arguments: str) -> Ran:
        return kubectl(self.lab, "dev", *arguments)


def _uids(lab: Lab) -> dict[str, str]:
    """Return the identity of each policy, which a deletion and a new creation change."""
    listed = json.loads(kubectl(lab, "dev", "get", "networkpolicies", *IN, "-o", "json").stdout)["items"]
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in listed}


def _make_group(lab: Lab) -> str:
    """Make a group for api by hand, with a rule of ours, the same at the other end, and a rule that nobody declares."""
    ec2 = aws_client(lab.aws_endpoint, "ec2")
    vpc = _id(ec2.describe_vpcs(Filters=[NAMED])["Vpcs"], "VpcId")
    redis = _id(ec2.describe_security_groups(Filters=[OF_REDIS])["SecurityGroups"], "GroupId")
    group = str(
        ec2.create_security_group(
            GroupName="shop-api",
            Description="Pods of api, made by hand",
            VpcId=vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": "Team", "Value": "shop"}]}],
        )["GroupId"]
    )

    def to(peer: str) -> list[dict[str, object]]:
        pairs = [{"GroupId": peer}]
        return [{"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "UserIdGroupPairs": pairs}]

    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=to(redis))
    ec2.authorize_security_group_ingress(GroupId=redis, IpPermissions=to(group))
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ssh])
    return group


def _id(found: list[dict[str, str]], key: str) -> str:
    (only,) = found
    return only[key]


@pytest.fixture(scope="module")
def moved(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    settings = yaml.safe_load((REPOSITORY / "Pulumi.dev.yaml").read_text())
    group = _make_group(lab)
    settings["config"][BINDING_KEY] |= {
        "adopt": {"policies": list(TAKEN), "groups": {"api": group}},
        "flowLogs": RECORDS,
    }
    files = {"traffic.yaml": yaml.safe_dump(drafted_traffic()), "Pulumi.dev.yaml": yaml.safe_dump(settings)}
    program = copy_program(REPOSITORY, tmp_path_factory.mktemp("moved") / "shop", files)
    kubectl(lab, "dev", "apply", "-f", str(FOLDER)).check_returncode()
    uids, planned = _uids(lab), Surveyor.of(lab, "dev").declared(program)
    deployer = documented_deployer(lab, "dev", *PARTS)
    with recorded(lab, "dev", NAMESPACE, caller=deployer) as recording:
        first = Engine(lab, "dev", program, recording.variables).up().checked()
    with recorded(lab, "dev", NAMESPACE, caller=deployer) as later:
        engine = Engine(lab, "dev", program, later.variables)
        second, third = engine.up().checked(), engine.preview().checked()
    yield Moved(lab, program, planned, recording.journal, uids, group, first, second, third, deployer)
    engine = Engine(lab, "dev", program)
    if engine.export()["deployment"].get("resources"):  # a single test was chosen
        engine.destroy()
    kubectl(lab, "dev", "delete", "networkpolicies", "--all", *IN)


def test_no_write_cuts_a_declared_connection_that_the_old_policies_allow(moved: Moved) -> None:
    standing = [moved.journal.before, *(write.standing for write in moved.journal.writes)]
    policies = [(*each.policies, *each.foreign_policies) for each in standing]
    every = tuple(
        {**each, "metadata": {**each["metadata"], "name": f"{number}-{each['metadata']['name']}"}}
        for number, found in enumerate((policies[0], policies[-1]))
        for each in found
    )
    before, *after = (_openings(moved.planned, each, every) for each in policies)
    declared = _openings(moved.planned, tuple(each.manifest() for each in moved.planned.pods.policies), every)
    kept = {pair: ports & declared.get(pair, NO_PORTS) for pair, ports in before.items()}

    assert {("gateway", "api"), ("api", "pay"), ("api", "redis"), ("alb", "gateway")} <= {
        pair for pair, ports in kept.items() if ports
    }
    for write, opened in zip(moved.journal.writes, after, strict=True):
        cut = {pair: ports - opened.get(pair, NO_PORTS) for pair, ports in kept.items()}
        assert {pair: ports for pair, ports in cut.items() if ports} == {}, write.action


def _openings(
    planned: CompiledFirewall, policies: tuple[Mapping[str, object], ...], every: tuple[Mapping[str, object], ...]
) -> dict[tuple[str, str], PortSet]:
    layers = BothLayers(planned.matrix, planned.environment, policies, planned.vpc, every)
    return {(source.name, target.name): ports for (source, target), ports in layers.openings(Layer.POD).items()}


def test_each_policy_is_updated_in_place_after_every_new_one_and_none_is_deleted(moved: Moved) -> None:
    of_policies = [write.action for write in moved.journal.writes if "networkpolicies" in write.action]
    taken = [f"PATCH networkpolicies/{name}" for name in TAKEN]
    now = _uids(moved.lab)

    assert sorted(of_policies[3:6]) == taken
    assert of_policies[6].endswith("networkpolicies/00-default-deny")
    assert not [action for action in of_policies if action.startswith("DELETE")]
    assert {name: now[name] for name in moved.uids} == moved.uids


def test_the_preview_names_what_is_taken_over_what_changes_and_what_is_left_over(moved: Moved) -> None:
    said = "\n".join(moved.first.diagnostics)

    assert f"This takes over 3 NetworkPolicies of {NAMESPACE}: {', '.join(TAKEN)}. " in said
    assert (
        f"when this update has succeeded: kubectl delete networkpolicy --namespace {NAMESPACE} {' '.join(LEFT)}" in said
    )
    assert "have the names of its own" not in said


def test_the_group_and_its_rules_are_imported_and_get_tags_in_the_second_update(moved: Moved) -> None:
    first, second = "\n".join(moved.first.diagnostics), "\n".join(moved.second.diagnostics)
    removing = [each.action for each in moved.journal.writes if each.action.startswith(("Revoke", "Delete"))]
    ec2 = aws_client(moved.lab.aws_endpoint, "ec2")
    (group,) = ec2.describe_security_groups(GroupIds=[moved.group])["SecurityGroups"]
    tags = tags_of(group)

    assert f"This takes over the security groups {moved.group} of api, with 2 of their rules" in first
    assert "# TCP 22 from 10.0.0.0/8" in first
    assert "firewall-groups-api" in moved.first.having("import")
    assert f"This gives the security groups {moved.group} of api the tags of this stack." in second
    assert {each.operation for each in moved.second.changes} == {"update"}
    assert (group["GroupName"], group["Description"]) == ("shop-api", "Pods of api, made by hand")
    assert (tags["Team"], tags["flash-firewall:group"], tags["flash-firewall:stack"]) == ("shop", "api", "dev")
    assert all(moved.group not in each for each in removing)


def test_the_next_preview_changes_nothing_and_names_what_is_left_over_still(moved: Moved) -> None:
    said = "\n".join(moved.third.diagnostics)

    assert moved.third.changes == ()
    assert "This takes over" not in said
    assert f"Delete them now: kubectl delete networkpolicy --namespace {NAMESPACE} {' '.join(LEFT)}" in said


def test_verify_names_what_is_left_over_until_somebody_deletes_it(moved: Moved) -> None:
    before = _verified(moved)
    moved.kubectl("delete", "networkpolicy", *IN, *LEFT).check_returncode()
    after = _verified(moved)

    assert {f"NetworkPolicy {NAMESPACE}/{name}": before.get(f"NetworkPolicy {NAMESPACE}/{name}") for name in LEFT} == {
        f"NetworkPolicy {NAMESPACE}/backend-out": "widening",
        f"NetworkPolicy {NAMESPACE}/deny-in": "noted",
        f"NetworkPolicy {NAMESPACE}/deny-out": "noted",
        f"NetworkPolicy {NAMESPACE}/inside-out": "widening",
    }
    assert [where for where in after if where.startswith("NetworkPolicy")] == []


def _verified(moved: Moved) -> dict[str, str]:
    """Return the kind of each finding by its place."""
    ran = flash_firewall(moved.lab, "dev", moved.program, "verify", "--stack", "dev", "--output", "json")
    return {each["where"]: each["kind"] for each in json.loads(ran.stdout)["findings"]}


@pytest.fixture(scope="module")
def ended(moved: Moved) -> Moved:
    """Destroy the stack after its first records, with the documented rights."""
    aws = aws_client(moved.lab.aws_endpoint, "s3")
    for bucket in _buckets(moved.lab):
        aws.put_object(Bucket=bucket, Key="AWSLogs/first.log.gz", Body=b"first")
    with recorded(moved.lab, "dev", NAMESPACE, caller=moved.deployer) as recording:
        Engine(moved.lab, "dev", moved.program, recording.variables).destroy().checked()
    return moved


def _buckets(lab: Lab) -> list[str]:
    """Return the buckets with recorded traffic, and with answers about it."""
    listed = aws_client(lab.aws_endpoint, "s3").list_buckets()["Buckets"]
    return [each["Name"] for each in listed if each["Name"].startswith("flash-ticket-dev-")]


def test_destroy_deletes_what_was_taken_over(ended: Moved) -> None:
    ec2 = aws_client(ended.lab.aws_endpoint, "ec2")
    left = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["shop-api"]}])["SecurityGroups"]

    assert _uids(ended.lab) == {}
    assert left == []


def test_destroy_deletes_recorded_traffic(ended: Moved) -> None:
    assert _buckets(ended.lab) == []


def test_the_documented_rights_are_enough_and_none_is_left_over(ended: Moved) -> None:
    assert ended.deployer.refused == set()
    assert left_over(ended.deployer, *ELSEWHERE) == []
