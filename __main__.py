"""The firewall of one environment: read, compile, prove, declare, export.

Another program does the same with `package.firewall.Firewall`.
"""

import pulumi

import components  # noqa: F401 - it says how often Python looks for garbage
from flash_ticket.firewall.change.history import VERSIONS_OUTPUT, declared_at
from flash_ticket.firewall.change.resource_names import FIREWALL
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.stack import running_program as program
from flash_ticket.live.stack.plan import make_plan
from flash_ticket.report.proof import proof_text
from flash_ticket.report.taking_over import step_text, step_warnings

program.end_at_once()
try:
    matrix, configuration = program.read_declaration(__file__)
    plan = make_plan(matrix, configuration)
    declared = declared_at(configuration.suspensions.at, matrix, configuration.written, configuration.region)
except InputError as error:
    program.refuse_input(error)

for warning in plan.warnings(step_warnings(plan.change)):
    pulumi.log.warn(warning)
if not plan.proof.holds:
    program.refuse(proof_text(plan.proof))
pulumi.log.info(proof_text(plan.proof))
pulumi.log.info(step_text(plan.change))

program.begin_to_declare()  # it starts a provider, which takes a second: the SDKs are imported meanwhile
from components.declared_versions import DeclaredVersions, DeclaredVersionsArgs  # noqa: E402 - see above
from components.firewall import Firewall, FirewallArgs  # noqa: E402 - see above

firewall = Firewall(FIREWALL, FirewallArgs.of(plan.planned, plan.adopted, plan.deployed, plan.pod_layer))

for output, value in firewall.outputs().items():
    pulumi.export(output, value)
pulumi.export(VERSIONS_OUTPUT, DeclaredVersions("declared", DeclaredVersionsArgs(declared)).record)
