"""The VPC layer as Pulumi resources: our groups, rules in our and in existing groups, and attachments to pods.

Not here on purpose: the groups of datastores, nodes and cluster, which others own, and inline rules, which would
conflict with rules as separate resources.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

import pulumi
from pulumi_aws import ec2, vpc
from pulumi_kubernetes.apiextensions import CustomResource

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.change.adoption import Adoption
from flash_ticket.firewall.change.deployed import own_description
from flash_ticket.firewall.change.rewriting import TAKE_BACK, Rewriting
from flash_ticket.firewall.compile.owner import GROUP_TAG, Owner
from flash_ticket.firewall.compile.vpc_layer import (
    GroupRule,
    Holder,
    OwnGroup,
    PodAttachment,
    RulePeer,
    VpcFirewall,
)
from flash_ticket.firewall.declare.choices import Protection
from flash_ticket.firewall.terms.verdict import Direction

RuleResource = vpc.SecurityGroupIngressRule | vpc.SecurityGroupEgressRule

_RULE_TYPES = {
    Direction.INGRESS: vpc.SecurityGroupIngressRule,
    Direction.EGRESS: vpc.SecurityGroupEgressRule,
}


@dataclass(frozen=True, slots=True)
class SecurityGroupsArgs:
    """What `SecurityGroups` declares.

    Attributes:
        firewall: The compiled VPC layer.
        vpc_id: The VPC of the groups.
        owner: The firewall that they belong to: its namespace is that of the pods, and its tags mark the rules.
        adoption: Existing resources to adopt if they are missing in the state.
        rewriting: The SecurityGroupPolicies to rewrite, because they are not as deployed.
        protection: Whether the engine may delete groups and attachments. Rules come and go with the flows.
    """

    firewall: VpcFirewall
    vpc_id: str
    owner: Owner
    adoption: Adoption = field(default_factory=Adoption)
    rewriting: Rewriting = field(default_factory=Rewriting)
    protection: Protection = Protection.NONE


class SecurityGroups(pulumi.ComponentResource):
    """The security groups of one environment, their rules, and the SecurityGroupPolicies that attach them to pods.

    A pod gets its groups only after every rule of these exists. A group is deleted only after its pods' policy.

    Attributes:
        group_ids: The id of each group that this program creates, by the service's or load balancer's name.
        attachments: The SecurityGroupPolicy of each service.
    """

    group_ids: pulumi.Output[dict[str, str]]
    attachments: dict[str, CustomResource]

    def __init__(self, name: str, args: SecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flash-ticket-firewall:components:SecurityGroups", name, None, opts)
        self._name, self._args = name, args
        # None leaves it to the options that a caller gives to the component.
        self._protected = True if args.protection is Protection.PROTECTED else None
        self._groups = {group: self._group(group) for group in args.firewall.groups}
        about: dict[RulePeer, list[RuleResource]] = defaultdict(list)
        for rule in args.firewall.rules:
            made = self._rule(rule)
            for end in {rule.holder, rule.peer}:
                about[end].append(made)
        self.attachments = {
            attachment.service: self._attach(attachment, (rule for group in attachment.groups for rule in about[group]))
            for attachment in args.firewall.attachments
        }
        self.group_ids = pulumi.Output.all(**{group.label: made.id for group, made in self._groups.items()})
        self.register_outputs({"group_ids": self.group_ids})

    def _group(self, group: OwnGroup) -> ec2.SecurityGroup:
        # AWS replaces a group if its name, description or VPC changes, so they contain nothing that can change.
        kept = self._args.adoption.taken.kept_of(group.label)
        return ec2.SecurityGroup(
            f"{self._name}-{group.label}",
            name=kept.name if kept else None,
            description=kept.description if kept else own_description(group.label),
            vpc_id=self._args.vpc_id,
            tags={
                "Name": f"{self._args.owner.name}-{group.label}",
                **(kept.tags if kept else {}),
                **self._args.owner.tags,
                GROUP_TAG: group.label,
            },
            opts=self._imported(self._args.adoption.group(group.label), "tags", "tagsAll", protect=self._protected),
        )

    def _imported(self, id_: str | None, *unlike: str, protect: bool | None = None) -> pulumi.ResourceOptions:
        """Return the options that adopt a resource; the first update leaves these properties of others alone."""
        left = list(unlike) if id_ in self._args.adoption.taken.imported else None
        return pulumi.ResourceOptions(parent=self, import_=id_, ignore_changes=left, protect=protect)

    def _rule(self, rule: GroupRule) -> RuleResource:
        declared: RuleResource = _RULE_TYPES[rule.direction](
            f"{self._name}-{rule.name}",
            security_group_id=self._id_of(rule.holder),
            ip_protocol=rule.ports.protocol.lower(),
            from_port=rule.ports.first,
            to_port=rule.ports.last,
            description=rule.description,
            tags={"Name": rule.name, **self._args.owner.tags},
            opts=self._imported(self._args.adoption.rule(rule.name), "description", "tags", "tagsAll"),
            **self._peer(rule.peer),
        )
        return declared

    def _peer(self, peer: RulePeer) -> dict[str, pulumi.Input[str]]:
        match peer:
            case PrefixList():
                return {"prefix_list_id": peer.id}
            case IPv4Network():
                return {"cidr_ipv4": str(peer)}
            case IPv6Network():
                return {"cidr_ipv6": str(peer)}
            case OwnGroup() | Group():
                return {"referenced_security_group_id": self._id_of(peer)}

    def _id_of(self, holder: Holder) -> pulumi.Input[str]:
        return holder.id if isinstance(holder, Group) else self._groups[holder].id

    def _attach(self, attachment: PodAttachment, rules: Iterable[RuleResource]) -> CustomResource:
        rewritten = self._args.rewriting.of_attachment(attachment.service)
        ids = [self._groups[group].id for group in attachment.groups]
        manifest = attachment.manifest(self._args.owner.namespace, ids)
        annotations = {"annotations": {**TAKE_BACK, **rewritten}} if rewritten else {}
        return CustomResource(
            f"{self._name}-{attachment.service}-pods",
            api_version=manifest["apiVersion"],
            kind=manifest["kind"],
            metadata={**manifest["metadata"], **annotations},
            spec=manifest["spec"],
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(rules), protect=self._protected),
        )
