"""Ask both APIs of one environment, past every proxy, what is deployed and what the binding's names stand for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.change.deployed import Deployed, Described
from flash_ticket.firewall.compile.names.domains_layer import DomainsKind
from flash_ticket.firewall.compile.owner import NOBODY, STACK_TAG, Owner
from flash_ticket.firewall.declare.binding import BINDING_KEY, parse_binding, stack_file
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.declare.yaml_document import read_document
from flash_ticket.firewall.project import MATRIX_FILE
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.deployed import AccountSide, ClusterSide, read_deployed
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.left_behind import left_behind
from flash_ticket.verify.finding import Finding
from lab.recording.journal import Part, Reach
from lab.running.aws_session import aws_session
from lab.running.lab import Lab
from lab.surroundings import REGION

_NETWORK_POLICY = "NetworkPolicy"


@dataclass(frozen=True, slots=True)
class Surveyor:
    """Reads one environment of the lab as it is now.

    Attributes:
        name: The name of the EKS cluster.
    """

    session: boto3.Session
    cluster: KubernetesCluster
    stack: str
    vpc: str
    name: str

    @classmethod
    def of(cls, lab: Lab, stack: str, environment: str = "") -> "Surveyor":
        """Return the surveyor of a stack, in the environment of its own name or in another one."""
        cluster = KubernetesCluster.connect(str(lab.kubeconfigs[stack]), None)
        session = aws_session(lab.aws_endpoint)
        name = f"flash-ticket-{environment or stack}"
        found = AwsAccount(session, NOBODY).cluster(name)
        if found is None:
            raise LookupError(name)
        return cls(session, cluster, stack, found.vpc, name)

    def standing(
        self,
        namespace: str,
        cluster: ClusterSide | None = None,
        account: AccountSide | None = None,
        further: Collection[str] = (),
    ) -> Deployed:
        """Return what is deployed of the firewall; ``cluster`` and ``account`` answer instead of the APIs."""
        owner = self._owner(namespace)
        asked = cluster or self.cluster, account or self._account(namespace)
        return read_deployed(*asked, owner, self.vpc, further=further)

    def with_group(self, group: str, former: Deployed) -> Deployed:
        """Return what was deployed before, with one group and its rules as they are now."""
        asked = [{"Name": "group-id", "Values": [group]}, {"Name": f"tag:{STACK_TAG}", "Values": [self.stack]}]
        account = AwsAccount(self.session, NOBODY)
        groups = account.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=asked)
        rules = account.pages("ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=asked)
        return replace(former, groups=_with(former.groups, group, groups), rules=_with(former.rules, group, rules))

    def left_behind(self, namespace: str) -> tuple[Finding, ...]:
        """Return what a broken deployment left behind of the traffic record."""
        return left_behind(self._account(namespace), self.standing(namespace))

    def declared(self, program: Path) -> CompiledFirewall:
        """Return what a program's folder declares, with its names looked up in the lab."""
        matrix = read_matrix(program / MATRIX_FILE)
        settings: Any = read_document(program / stack_file(self.stack))
        binding = parse_binding(settings["config"][BINDING_KEY], self.stack)
        return compile_firewall(matrix, bind(matrix, binding, self.stack, self._account(matrix.namespace)))

    def _account(self, namespace: str) -> AwsAccount:
        # An account asks each question only once, so each look needs a new account.
        return AwsAccount(self.session, self._owner(namespace))

    def _owner(self, namespace: str) -> Owner:
        return Owner.in_cluster(self.stack, namespace, REGION, self.name)


def _with(former: Sequence[Described], group: str, now: Sequence[Described]) -> tuple[Described, ...]:
    return (*(each for each in former if each["GroupId"] != group), *now)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is deployed of the firewall of one namespace, for a journal."""

    surveyor: Surveyor
    namespace: str

    def now(self) -> Deployed:
        """Return all of it."""
        return self.surveyor.standing(self.namespace)

    def after(self, former: Deployed, reach: Reach) -> Deployed:
        """Return all of it after one write since ``former``."""
        match reach.part:
            case Part.CLUSTER:
                return self.surveyor.standing(self.namespace, account=_Kept(former))
            case Part.POLICIES:
                policies = _WithPolicies(former, self.surveyor.cluster)
                return self.surveyor.standing(self.namespace, policies, _Kept(former))
            case Part.ATTACHMENTS:
                attachments = _WithAttachments(former, self.surveyor.cluster)
                return self.surveyor.standing(self.namespace, attachments, _Kept(former))
            case Part.GROUP:
                return self.surveyor.with_group(reach.group, former)
            case Part.VPC:
                return self.surveyor.standing(self.namespace, cluster=_Kept(former))
            case Part.NONE:
                return former


@dataclass(frozen=True)
class _Kept:
    """Answers from an earlier look, in place of an API that no write has reached since."""

    former: Deployed

    def network_policies(self, _: str) -> Sequence[Described]:
        return (*self.former.policies, *self.former.foreign_policies)

    @staticmethod
    def domains_policies(_: str, __: DomainsKind) -> Sequence[Described]:
        return ()  # network_policies returns those that were there

    def attachments(self, _: str) -> Sequence[Described]:
        return (*self.former.attachments, *self.former.foreign_attachments)

    def cluster_network_policies(self) -> Sequence[str]:
        return self.former.overruling

    def tagged_groups(self) -> Sequence[Described]:
        return self.former.groups

    def groups_by_id(self, ids: Sequence[str]) -> Sequence[Described]:
        return tuple(group for group in self.former.groups if group["GroupId"] in ids)

    def tagged_rules(self) -> Sequence[Described]:
        return self.former.rules

    def tagged_flow_logs(self) -> Sequence[Described]:
        return self.former.flow_logs


@dataclass(frozen=True)
class _WithPolicies(_Kept):
    """The NetworkPolicies as they are now, and all else from an earlier look."""

    cluster: KubernetesCluster

    def network_policies(self, namespace: str) -> Sequence[Described]:
        others = (each for each in super().network_policies(namespace) if each["kind"] != _NETWORK_POLICY)
        return (*self.cluster.network_policies(namespace), *others)


@dataclass(frozen=True)
class _WithAttachments(_Kept):
    """The SecurityGroupPolicies as they are now, and all else from an earlier look."""

    cluster: KubernetesCluster

    def attachments(self, namespace: str) -> Sequence[Described]:
        return self.cluster.attachments(namespace)
