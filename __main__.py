"""The firewall of one environment: read, compile, prove, declare, export."""

from pathlib import Path

import pulumi

from components.firewall import Firewall, FirewallArgs
from live.aws_account import AwsAccount
from live.kubernetes_cluster import KubernetesCluster
from live.refusal import refuse
from live.stack_configuration import read_stack_configuration
from segmentation.bind import bind
from segmentation.input_error import InputError
from segmentation.network_policy import compile_policies
from segmentation.proof import prove
from segmentation.quota import refuse_excess
from segmentation.report.proof import proof_text
from segmentation.security_group import compile_groups
from segmentation.traffic_file import declaration, read_matrix
from segmentation.trap import traps

try:
    matrix = read_matrix(Path(__file__).with_name("traffic.yaml"))
    configuration = read_stack_configuration()
    cluster = KubernetesCluster.connect(configuration.kubeconfig, configuration.context)
    cluster.require_namespace(matrix.namespace)
    account = AwsAccount.connect(configuration.region, configuration.profile, configuration.stack)
    environment = bind(matrix, configuration.binding, configuration.stack, account)
    pods = compile_policies(matrix, environment)
    vpc = compile_groups(matrix, environment)
    refuse_excess(vpc, environment, cluster.foreign_attachments(matrix.namespace))
    proof = prove(matrix, environment, [policy.manifest() for policy in pods.policies], vpc)
except InputError as error:
    refuse(str(error))

for trap in traps(environment, pods):
    pulumi.log.warn(str(trap))

if not proof.holds:
    refuse(proof_text(proof))
pulumi.log.info(proof_text(proof))

firewall = Firewall("firewall", FirewallArgs(matrix.namespace, environment, pods, vpc))

pulumi.export("loadBalancerGroupId", firewall.load_balancer_group_id)
pulumi.export("groupIds", firewall.group_ids)
pulumi.export("policies", firewall.policies)
pulumi.export("flowLogId", firewall.flow_log_id)
pulumi.export("flowLogLocation", firewall.flow_log_location)
pulumi.export("retainedOnDestroy", firewall.retained)
pulumi.export("matrix", declaration(matrix))
