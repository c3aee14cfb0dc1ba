"""Plans of deployments, of compiled firewalls instead of APIs."""

from flash_ticket.firewall.change.adopting.taking_over import step
from flash_ticket.firewall.change.adoption import Adoption
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.ownership.pod_layer import PodLayerStep
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.live.stack.plan import Plan
from tests.support.declared.described import nothing_deployed


def planned(found: CompiledFirewall, deployed: Deployed | None = None) -> Plan:
    """Return the plan that deploys a firewall on top of what is deployed; by default of nothing."""
    stands, adopted = deployed or nothing_deployed(), Adoption()
    change = step(stands, found, adopted.taken)
    return Plan(found, found.proof(), adopted, stands, PodLayerStep.DEPLOY, change, (), ())
