"""The firewall of one environment: read, compile, prove, declare, export."""

import pulumi

import components  # noqa: F401 - it says how often Python looks for garbage
from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.change.adopting.taking_over import step
from flash_ticket.firewall.change.history import VERSIONS_OUTPUT, declared_at
from flash_ticket.firewall.change.resource_names import FIREWALL
from flash_ticket.firewall.change.whose.pod_layer import pod_layer_notices, pod_layer_step
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.asking.ahead import connect
from flash_ticket.live.beside.preview import judge, preview_warnings
from flash_ticket.live.deployed import read_adoption, read_deployed
from flash_ticket.live.inventory import to_deploy
from flash_ticket.live.stack import running_program as program
from flash_ticket.report.proof import proof_text
from flash_ticket.report.taking_over import step_text, step_warnings

try:
    matrix, configuration = program.read_declaration(__file__)
    cluster, account = connect(configuration, matrix)
    labels = cluster.require_namespaces(matrix, configuration.stack)
    environment = bind(matrix, configuration.binding, configuration.stack, account)
    declared = declared_at(configuration.suspensions.at, matrix, configuration.written, configuration.region)
    planned = compile_firewall(matrix, environment, configuration.suspensions)
    before = program.read_state()
    deployed = read_deployed(cluster, account, planned.owner, environment.vpc, before.ids, labels, environment.adopting)
    planned = to_deploy(cluster, account, planned, deployed, before.ids)
    adopted = read_adoption(account, deployed, planned, before.ids)
    judged = judge(cluster, planned, labels)
    guarded, proof = list(preview_warnings(cluster, account, deployed, judged, labels)), judged.proof
    change = step(deployed, planned, adopted.taken)
    by_others = pod_layer_notices(planned, deployed, before.policies)
except InputError as error:
    program.refuse_input(error)

for warning in (*map(str, (*planned.notices(), *by_others)), *step_warnings(change), *guarded):
    pulumi.log.warn(warning)
if not proof.holds:
    program.refuse(proof_text(proof))
pulumi.log.info(proof_text(proof))
pulumi.log.info(step_text(change))

program.begin_to_declare()  # it starts a provider, which takes a second: the SDKs are imported meanwhile
from components.declared_versions import DeclaredVersions, DeclaredVersionsArgs  # noqa: E402 - see above
from components.firewall import Firewall, FirewallArgs  # noqa: E402 - see above

firewall = Firewall(FIREWALL, FirewallArgs.of(planned, adopted, deployed, pod_layer_step(planned, before.policies)))

for output, value in firewall.outputs().items():
    pulumi.export(output, value)
pulumi.export(VERSIONS_OUTPUT, DeclaredVersions("declared", DeclaredVersionsArgs(declared)).record)
