"""The parts of the firewall, each as a component of its own that takes the same plain values as the whole.

Each reads, compiles and proves the whole firewall, and declares its part: with the names, types and order that it has
in the whole firewall of the same name.
"""

from typing import NotRequired

import pulumi

from flash_ticket.firewall.change.parts.part import Part
from package.firewall import FirewallArgs, Planned


class NetworkPolicies(Planned):
    """The pod layer alone: the NetworkPolicies, and the policies for domain names.

    Default-deny is created after every other policy, and deleted before it.
    """

    _part = Part.NETWORK_POLICIES

    policies: pulumi.Output[list[str]]
    """The names of the NetworkPolicies."""


class SecurityGroups(Planned):
    """The VPC layer alone: the security groups, their rules, and what attaches them to pods.

    A pod gets its groups after every rule of these exists. A group is deleted after its attachment.
    """

    _part = Part.SECURITY_GROUPS

    load_balancer_group_id: pulumi.Output[str] | None
    """The security group of the load balancer. Not set unless there is exactly one load balancer."""
    group_ids: pulumi.Output[dict[str, str]]
    """The id of each security group, by the name of its service or load balancer."""


class FlowLogs(Planned):
    """The flow log of the VPC alone, with its bucket or log group, and Athena's table and queries for a bucket."""

    _part = Part.FLOW_LOGS

    flow_log_id: pulumi.Output[str] | None
    """The flow log."""
    flow_log_location: pulumi.Output[str] | None
    """Where AWS delivers the records: the ARN of the folder in the bucket, or the name of the log group."""
    retained: pulumi.Output[list[str]]
    """The ARNs of what stays in the account when the stack is destroyed."""
    traffic_queries: dict[str, pulumi.Output[str]]
    """The workgroup and the table of Athena. Empty unless the flow log is in S3."""


class AlertsArgs(FirewallArgs):
    """The inputs of `Alerts`."""

    flow_log_location: NotRequired[pulumi.Input[str]]
    """Where AWS delivers the records of the flow log: the output of `FlowLogs`. CloudWatch's alarms need it."""


class Alerts(Planned):
    """The alerts alone: rules for Prometheus, a dashboard for Grafana, alarms and a dashboard of CloudWatch."""

    _part = Part.ALERTS

    alerts: pulumi.Output[list[str]]
    """The names of the objects for Prometheus and Grafana, and of the alarms."""

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)


class GuardRails(Planned):
    """The guard rails alone: admission policies, roles, and the labels of Pod Security."""

    _part = Part.GUARD_RAILS

    admission_policies: list[str]
    """The names of the admission policies."""


PARTS = (NetworkPolicies, SecurityGroups, FlowLogs, Alerts, GuardRails)
"""The parts, which together are the whole firewall."""
