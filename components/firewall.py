"""The whole firewall of one environment: both layers, the flow log, the alerts and the guard rails.

Optional parts are imported where they are declared: importing the SDK of each takes up to half a second.
"""

from dataclasses import dataclass, field

import pulumi

from components.network_policies import NetworkPolicies, NetworkPoliciesArgs
from components.security_groups import SecurityGroups, SecurityGroupsArgs
from flash_ticket.firewall.bind.edges.flow_log_settings import FlowLogSettings
from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change import resource_names
from flash_ticket.firewall.change.adopting.taken_policies import Waiting, waiting_policies
from flash_ticket.firewall.change.adoption import Adoption
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.ownership.pod_layer import PodLayerStep
from flash_ticket.firewall.change.rewriting import Rewriting, rewriting
from flash_ticket.firewall.compile.alerts.watch import Watch
from flash_ticket.firewall.compile.guard_rails.guard import CompiledGuardRails, compile_guard_rails
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.compile.pod_layer import PodFirewall
from flash_ticket.firewall.compile.vpc_layer import VpcFirewall
from flash_ticket.firewall.declare.choices import LogDestination, Protection
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall


@dataclass(frozen=True, slots=True)
class FirewallArgs:
    """What `Firewall` declares: both compiled layers, and their environment.

    Attributes:
        namespace: The firewalled namespace.
        watch: The alerts and dashboards; by default none.
        adoption: Existing resources to adopt if they are missing in the state.
        guard: The guard rails in the cluster; by default none.
        rewriting: Objects to rewrite, because somebody has changed them.
        pod_layer: What this update does with the NetworkPolicies.
        waiting: What each policy that this update takes over from others waits for.
    """

    namespace: str
    environment: Environment
    pods: PodFirewall
    vpc: VpcFirewall
    watch: Watch = field(default_factory=Watch)
    adoption: Adoption = field(default_factory=Adoption)
    guard: CompiledGuardRails = field(default_factory=CompiledGuardRails)
    rewriting: Rewriting = field(default_factory=Rewriting)
    pod_layer: PodLayerStep = PodLayerStep.DEPLOY
    waiting: Waiting = field(default_factory=dict, hash=False)

    @classmethod
    def of(
        cls,
        planned: CompiledFirewall,
        adoption: Adoption,
        deployed: Deployed,
        pod_layer: PodLayerStep = PodLayerStep.DEPLOY,
    ) -> "FirewallArgs":
        """Return the arguments that deploy a compiled firewall on top of what is deployed."""
        return cls(
            planned.matrix.namespace,
            planned.environment,
            planned.deployed_pods,
            planned.vpc,
            planned.watch,
            adoption,
            compile_guard_rails(planned.matrix, planned.environment),
            rewriting(deployed, planned.deployed_pods, planned.vpc, planned.suspensions.at),
            pod_layer,
            waiting_policies(planned, deployed),
        )


class Firewall(pulumi.ComponentResource):
    """Both layers of an environment, its flow log, and the alerts and guard rails that the stack requests.

    Attributes:
        load_balancer_group_id: The group of the load balancer, for the annotation
            ``alb.ingress.kubernetes.io/security-groups`` of the Ingress. Not set unless there is exactly one.
        group_ids: The id of each group that this program creates, by the service's or load balancer's name.
        policies: The names of the NetworkPolicies that Pulumi deploys.
        flow_log_id: The flow log, ``fl-...``. Not set unless this program makes one.
        flow_log_location: Where AWS delivers the records of the flow log.
        retained: The ARNs that ``pulumi destroy`` leaves in the account.
        traffic_queries: Athena's workgroup and table for records in S3; empty for CloudWatch Logs.
    """

    load_balancer_group_id: pulumi.Output[str] | None
    group_ids: pulumi.Output[dict[str, str]]
    policies: pulumi.Output[list[str]]
    flow_log_id: pulumi.Output[str] | None
    flow_log_location: pulumi.Output[str] | None
    retained: pulumi.Output[list[str]]
    traffic_queries: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(resource_names.FIREWALL_TYPE, name, None, opts)
        environment = args.environment
        owner = Owner.of(args.namespace, environment)
        inside = pulumi.ResourceOptions(parent=self)
        groups = SecurityGroups(
            f"{name}-groups",
            SecurityGroupsArgs(args.vpc, environment.vpc, owner, args.adoption, args.rewriting, environment.protection),
            inside,
        )
        self.policies, before_guard = self._policies(name, args, groups, inside)
        if args.guard:
            from components.guard_rails import GuardRails, GuardRailsArgs  # noqa: PLC0415 - see above

            GuardRails(f"{name}-guard", GuardRailsArgs(args.namespace, args.guard, (before_guard,)), inside)
        self.group_ids = groups.group_ids
        front, *others = environment.fronts or [""]
        self.load_balancer_group_id = groups.group_ids[front] if front and not others else None
        self.flow_log_id, self.flow_log_location = None, None
        self.retained, self.traffic_queries = pulumi.Output.from_input([]), {}
        if environment.own_flow_log:
            self._record(name, args, owner, environment.own_flow_log, inside)
        watch = args.watch
        if watch.rule or watch.dashboard:
            from components.prometheus_alerts import PrometheusAlerts, PrometheusAlertsArgs  # noqa: PLC0415 - see above

            PrometheusAlerts(
                resource_names.joined(name, resource_names.ALERTS),
                PrometheusAlertsArgs(watch.rule, watch.dashboard),
                inside,
            )
        if watch.cloudwatch:
            from components.cloudwatch_alerts import CloudWatchAlerts, CloudWatchAlertsArgs  # noqa: PLC0415 - see above

            CloudWatchAlerts(
                f"{name}-alarms",
                CloudWatchAlertsArgs(watch.cloudwatch, environment, self.flow_log_location),
                inside,
            )
        self.register_outputs(
            {
                "load_balancer_group_id": self.load_balancer_group_id,
                "group_ids": self.group_ids,
                "policies": self.policies,
                "flow_log_id": self.flow_log_id,
                "flow_log_location": self.flow_log_location,
                "retained": self.retained,
                "traffic_queries": self.traffic_queries,
            }
        )

    def outputs(self) -> dict[str, object]:
        """Return the outputs of the stack by name; a stack without a part has no output of it."""
        found = {
            "loadBalancerGroupId": self.load_balancer_group_id,
            "groupIds": self.group_ids,
            "policies": self.policies,
            "flowLogId": self.flow_log_id,
            "flowLogLocation": self.flow_log_location,
            "trafficQueries": self.traffic_queries if self.flow_log_id else None,
            "retainedOnDestroy": self.retained,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _record(
        self, name: str, args: FirewallArgs, owner: Owner, settings: FlowLogSettings, inside: pulumi.ResourceOptions
    ) -> None:
        """Declare the flow log, and Athena's part for records in S3."""
        from components.flow_logs import FlowLogs, FlowLogsArgs  # noqa: PLC0415 - see above

        environment = args.environment
        protect = True if environment.protection is Protection.PROTECTED else None  # None: as the caller says
        flow_logs = FlowLogs(
            f"{name}-flow-logs",
            FlowLogsArgs(
                owner=owner,
                vpc_id=environment.vpc,
                partition=environment.partition,
                region=environment.region,
                account_id=environment.account,
                settings=settings,
                standing=args.adoption.flow_log,
            ),
            pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(protect=protect)),
        )
        self.flow_log_id, self.flow_log_location = flow_logs.flow_log_id, flow_logs.location
        self.retained = flow_logs.retained
        if settings.destination is LogDestination.S3:
            from components.traffic_queries import TrafficQueries, TrafficQueriesArgs  # noqa: PLC0415 - see above

            queries = TrafficQueries(
                f"{name}-queries",
                TrafficQueriesArgs(
                    owner=owner,
                    account_id=environment.account,
                    scan_limit_gibibytes=settings.scan_limit_gibibytes,
                    location=flow_logs.location,
                    key_arn=flow_logs.key_arn,
                    adoption=args.adoption.queries,
                ),
                inside,
            )
            self.traffic_queries = {"workgroup": queries.workgroup, "table": queries.table}

    @staticmethod
    def _policies(
        name: str, args: FirewallArgs, groups: SecurityGroups, inside: pulumi.ResourceOptions
    ) -> tuple[pulumi.Output[list[str]], pulumi.Resource]:
        """Declare the policies unless something else applies them; return their names and what guard rails wait for."""
        if args.pod_layer is PodLayerStep.LEAVE:
            return pulumi.Output.from_input([]), groups
        protect = None
        if args.environment.protection is Protection.PROTECTED:
            protect = args.pod_layer is PodLayerStep.DEPLOY  # Pulumi cannot let go of what it protects
        declared = NetworkPolicies(
            resource_names.joined(name, resource_names.POLICIES),
            NetworkPoliciesArgs(args.pods, (groups,), args.rewriting, groups.attachments, args.pod_layer, args.waiting),
            pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(protect=protect)),
        )
        return declared.names, declared
