"""The firewall as one component that takes plain values, for programs of other teams.

It does what the project's own program does: it reads the cluster and the account, compiles, proves, and then declares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NotRequired, TypedDict

import pulumi

from components import firewall
from flash_ticket.firewall.change.parts.part import Part, component_name
from flash_ticket.firewall.change.resource_names import FIREWALL_TYPE
from package.plan import known_values, plan_of


class FirewallArgs(TypedDict):
    """The inputs of `Firewall`."""

    traffic: Mapping[str, Any]
    """The allowed traffic, with the keys of `traffic.yaml`. It is known before anything is deployed."""
    binding: pulumi.Input[Mapping[str, Any]]
    """Where the names of the traffic are, with the keys of the binding. Values in it may be outputs of resources."""
    region: str
    """The region of the account, such as `eu-west-1`."""
    environment: NotRequired[str]
    """The name of the environment. Tags and names hold it, so it never changes. Default: the name of the stack."""
    profile: NotRequired[str]
    """The AWS profile to read the account with. Default: as the environment variables say."""
    kubeconfig: NotRequired[pulumi.Input[str]]
    """The kubeconfig to read the cluster with: its path or its content. Default: as KUBECONFIG says."""
    context: NotRequired[str]
    """The context of the kubeconfig. Default: its current one."""
    suspensions: NotRequired[Sequence[Mapping[str, Any]]]
    """Policies that are open for a while, with the keys `policy`, `until`, `reason` and `author`."""


class Planned(firewall.Firewall):
    """A firewall, or the part of it that a class below names, of plain values."""

    _part: Part | None = None

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs: dict[str, Any] = dict(args)
        # Only an alarm reads it: nothing waits for it.
        location = inputs.pop("flow_log_location", None)
        values, opts = known_values(inputs), _reaching_all(opts)
        if values is None:
            self._wait(name, inputs, opts)
            return
        plan = plan_of(f"{type(self).__name__} {name}", values, self._part, location)
        planned = firewall.FirewallArgs.of(plan.planned, plan.adopted, plan.deployed, plan.pod_layer)
        where = None if location is None else pulumi.Output.from_input(location)
        super().__init__(name, replace(planned, part=self._part, flow_log_location=where), opts)

    def _wait(self, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions | None) -> None:
        """Declare nothing in a preview in which an input is not known yet."""
        pulumi.ComponentResource.__init__(self, FIREWALL_TYPE, component_name(name, self._part), None, opts)
        pulumi.log.warn(
            "An input is not known before resources of this program exist. This preview neither compiles, proves nor "
            "shows the firewall. The update proves it before it touches it. Preview again once those resources exist.",
            self,
        )
        unknown: pulumi.Output[Any] = pulumi.Output.from_input(inputs).apply(lambda _: None)
        self.group_ids = self.policies = self.retained = self.alerts = unknown
        self.load_balancer_group_id = self.flow_log_id = self.flow_log_location = None
        self.traffic_queries, self.admission_policies = {}, []
        self.register_outputs({})


def _reaching_all(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions | None:
    """Return options whose `depends_on` holds for every resource of the component: the SDK passes on the others."""
    if opts is None or opts.depends_on is None:
        return opts
    after = pulumi.ResourceOptions(depends_on=opts.depends_on)

    def later(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, after))

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[later]))


class Firewall(Planned):
    """Both layers of one environment, with the flow log, the alerts and the guard rails that the binding asks for.

    Before it declares a resource, it reads the cluster and the account, compiles the policies and groups, and proves
    them. If an input has a mistake or the proof does not hold, the update ends, and the firewall is not touched.
    """

    load_balancer_group_id: pulumi.Output[str] | None
    """The security group of the load balancer. Not set unless there is exactly one load balancer."""
    group_ids: pulumi.Output[dict[str, str]]
    """The id of each security group, by the name of its service or load balancer."""
    policies: pulumi.Output[list[str]]
    """The names of the NetworkPolicies."""
    flow_log_id: pulumi.Output[str] | None
    """The flow log. Not set unless this firewall makes one."""
    flow_log_location: pulumi.Output[str] | None
    """Where AWS delivers the records of the flow log."""
    retained: pulumi.Output[list[str]]
    """The ARNs of what stays in the account when the stack is destroyed."""
    traffic_queries: dict[str, pulumi.Output[str]]
    """The workgroup and the table of Athena. Empty unless the flow log is in S3."""
