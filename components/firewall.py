"""The whole firewall of one environment: both layers, the flow log, the alerts and the guard rails; or one part of it.

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
from flash_ticket.firewall.change.parts.part import Part, component_name
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
        part: The only part to declare; None for the whole firewall.
        flow_log_location: Where the flow log delivers, for `Part.ALERTS` alone; the whole firewall knows it.
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
    part: Part | None = None
    flow_log_location: pulumi.Output[str] | None = None

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

    A part alone has the names and types that it has in the whole firewall, so that a program can go from one to the
    other, and nothing is replaced.

    Attributes:
        load_balancer_group_id: The group of the load balancer, for the annotation
            ``alb.ingress.kubernetes.io/security-groups`` of the Ingress. Not set unless there is exactly one.
        group_ids: The id of each group that this program creates, by the service's or load balancer's name.
        policies: The names of the NetworkPolicies that Pulumi deploys.
        flow_log_id: The flow log, ``fl-...``. Not set unless this program makes one.
        flow_log_location: Where AWS delivers the records of the flow log.
        retained: The ARNs that ``pulumi destroy`` leaves in the account.
        traffic_queries: Athena's workgroup and table for records in S3; empty for CloudWatch Logs.
        alerts: The names of the alarms, and of the objects for Prometheus and Grafana.
        admission_policies: The names of the admission policies.
    """

    # Not among the class's own annotations: Pulumi takes these for outputs of each component that inherits them.
    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(resource_names.FIREWALL_TYPE, component_name(name, args.part), None, opts)
        self._prefix, self._args = name, args
        self._inside = pulumi.ResourceOptions(parent=self)
        self._owner = Owner.of(args.namespace, args.environment)
        self.load_balancer_group_id: pulumi.Output[str] | None = None
        self.group_ids: pulumi.Output[dict[str, str]] = pulumi.Output.from_input({})
        self.policies: pulumi.Output[list[str]] = pulumi.Output.from_input([])
        self.flow_log_id: pulumi.Output[str] | None = None
        self.flow_log_location: pulumi.Output[str] | None = args.flow_log_location
        self.retained: pulumi.Output[list[str]] = pulumi.Output.from_input([])
        self.traffic_queries: dict[str, pulumi.Output[str]] = {}
        self.alerts: pulumi.Output[list[str]] = pulumi.Output.from_input([])
        self.admission_policies: list[str] = []
        self._declare()
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

    def _declare(self) -> None:
        args = self._args
        before: list[pulumi.Resource] = []
        groups = self._groups() if self._has(Part.SECURITY_GROUPS) else None
        if self._has(Part.NETWORK_POLICIES) and args.pod_layer is not PodLayerStep.LEAVE:
            before = [self._policies(groups)]
        elif groups:
            before = [groups]
        if self._has(Part.GUARD_RAILS) and args.guard:
            self._guard(before)
        if self._has(Part.FLOW_LOGS) and args.environment.own_flow_log:
            self._record(args.environment.own_flow_log)
        if self._has(Part.ALERTS):
            self._watch()

    def _has(self, part: Part) -> bool:
        return self._args.part in {None, part}

    def _groups(self) -> SecurityGroups:
        args, environment = self._args, self._args.environment
        groups = SecurityGroups(
            resource_names.joined(self._prefix, Part.SECURITY_GROUPS),
            SecurityGroupsArgs(
                args.vpc, environment.vpc, self._owner, args.adoption, args.rewriting, environment.protection
            ),
            self._inside,
        )
        self.group_ids = groups.group_ids
        front, *others = environment.fronts or [""]
        self.load_balancer_group_id = groups.group_ids[front] if front and not others else None
        return groups

    def _policies(self, groups: SecurityGroups | None) -> NetworkPolicies:
        """Declare the policies; those of a service wait for the attachment of its group if the groups are declared."""
        args, protect = self._args, None
        if args.environment.protection is Protection.PROTECTED:
            protect = args.pod_layer is PodLayerStep.DEPLOY  # Pulumi cannot let go of what it protects
        declared = NetworkPolicies(
            resource_names.joined(self._prefix, resource_names.POLICIES),
            NetworkPoliciesArgs(
                args.pods,
                (groups,) if groups else (),
                args.rewriting,
                groups.attachments if groups else {},
                args.pod_layer,
                args.waiting,
            ),
            pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(protect=protect)),
        )
        self.policies = declared.names
        return declared

    def _guard(self, after: list[pulumi.Resource]) -> None:
        from components.guard_rails import GuardRails, GuardRailsArgs  # noqa: PLC0415 - see above

        args = GuardRailsArgs(self._args.namespace, self._args.guard, tuple(after))
        guard = GuardRails(resource_names.joined(self._prefix, Part.GUARD_RAILS), args, self._inside)
        self.admission_policies = guard.names

    def _record(self, settings: FlowLogSettings) -> None:
        """Declare the flow log, and Athena's part for records in S3."""
        from components.flow_logs import FlowLogs, FlowLogsArgs  # noqa: PLC0415 - see above

        args, environment = self._args, self._args.environment
        protect = True if environment.protection is Protection.PROTECTED else None  # None: as the caller says
        flow_logs = FlowLogs(
            resource_names.joined(self._prefix, Part.FLOW_LOGS),
            FlowLogsArgs(
                owner=self._owner,
                vpc_id=environment.vpc,
                partition=environment.partition,
                region=environment.region,
                account_id=environment.account,
                settings=settings,
                standing=args.adoption.flow_log,
            ),
            pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(protect=protect)),
        )
        self.flow_log_id, self.flow_log_location = flow_logs.flow_log_id, flow_logs.location
        self.retained = flow_logs.retained
        if settings.destination is LogDestination.S3:
            from components.traffic_queries import TrafficQueries, TrafficQueriesArgs  # noqa: PLC0415 - see above

            queries = TrafficQueries(
                f"{self._prefix}-queries",
                TrafficQueriesArgs(
                    owner=self._owner,
                    account_id=environment.account,
                    scan_limit_gibibytes=settings.scan_limit_gibibytes,
                    location=flow_logs.location,
                    key_arn=flow_logs.key_arn,
                    adoption=args.adoption.queries,
                ),
                self._inside,
            )
            self.traffic_queries = {"workgroup": queries.workgroup, "table": queries.table}

    def _watch(self) -> None:
        watch = self._args.watch
        names: list[pulumi.Output[list[str]]] = []
        if watch.rule or watch.dashboard:
            from components.prometheus_alerts import PrometheusAlerts, PrometheusAlertsArgs  # noqa: PLC0415 - see above

            objects = PrometheusAlerts(
                resource_names.joined(self._prefix, resource_names.ALERTS),
                PrometheusAlertsArgs(watch.rule, watch.dashboard),
                self._inside,
            )
            names.append(objects.objects)
        if watch.cloudwatch:
            from components.cloudwatch_alerts import CloudWatchAlerts, CloudWatchAlertsArgs  # noqa: PLC0415 - see above

            alarms = CloudWatchAlerts(
                f"{self._prefix}-alarms",
                CloudWatchAlertsArgs(watch.cloudwatch, self._args.environment, self.flow_log_location),
                self._inside,
            )
            names.append(alarms.alarms)
        self.alerts = pulumi.Output.all(*names).apply(lambda found: [name for each in found for name in each])
