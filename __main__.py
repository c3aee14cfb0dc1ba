"""The firewall of one environment: read, compile, prove, declare, export."""

from pathlib import Path

import pulumi

from components.declared_versions import DeclaredVersions, DeclaredVersionsArgs
from components.firewall import Firewall, FirewallArgs
from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.change.history import VERSIONS_OUTPUT, declared_at
from flash_ticket.firewall.change.impact import impact
from flash_ticket.firewall.change.resource_names import FIREWALL
from flash_ticket.firewall.change.whose.pod_layer import pod_layer_notices, pod_layer_step
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.beside.preview import judge, preview_warnings
from flash_ticket.live.deployed import read_adoption, read_deployed
from flash_ticket.live.inventory import to_deploy
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.stack.running_program import read_declaration, read_state, refuse, refuse_input
from flash_ticket.report.impact import impact_text, impact_warnings
from flash_ticket.report.proof import proof_text

try:
    matrix, configuration = read_declaration(Path(__file__).with_name("traffic.yaml"))
    cluster = KubernetesCluster.connect(configuration.kubeconfig, configuration.context)
    labels = cluster.require_namespace(matrix.namespace)
    account = AwsAccount.connect(configuration.region, configuration.profile, configuration.owner(matrix.namespace))
    environment = bind(matrix, configuration.binding, configuration.stack, account)
    declared = declared_at(configuration.suspensions.at, matrix, configuration.written, configuration.region)
    planned = compile_firewall(matrix, environment, configuration.suspensions)
    before = read_state()
    deployed = read_deployed(cluster, account, planned.owner, environment.vpc, before.ids)
    planned = to_deploy(cluster, account, planned, deployed)
    adopted = read_adoption(account, deployed, planned)
    judged = judge(cluster, planned, labels)
    guarded, proof = list(preview_warnings(cluster, account, deployed, judged, labels)), judged.proof
    change = impact(deployed, planned.layers())
    by_others = pod_layer_notices(planned, deployed, before.policies)
except InputError as error:
    refuse_input(error)

for warning in (*map(str, (*planned.notices(), *by_others)), *impact_warnings(change), *guarded):
    pulumi.log.warn(warning)
if not proof.holds:
    refuse(proof_text(proof))
pulumi.log.info(proof_text(proof))
pulumi.log.info(impact_text(change))

firewall = Firewall(FIREWALL, FirewallArgs.of(planned, adopted, deployed, pod_layer_step(planned, before.policies)))

pulumi.export("loadBalancerGroupId", firewall.load_balancer_group_id)
pulumi.export("groupIds", firewall.group_ids)
pulumi.export("policies", firewall.policies)
pulumi.export("flowLogId", firewall.flow_log_id)
pulumi.export("flowLogLocation", firewall.flow_log_location)
pulumi.export("trafficQueries", firewall.traffic_queries)
pulumi.export("retainedOnDestroy", firewall.retained)
pulumi.export(VERSIONS_OUTPUT, DeclaredVersions("declared", DeclaredVersionsArgs(declared)).record)
