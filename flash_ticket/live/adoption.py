"""What stands already and can be taken over, with Athena's part asked for where the stack has one."""

from flash_ticket.firewall.bind.environment import LogDestination
from flash_ticket.firewall.change.adoption import Adoption, StandingQueries, adoption
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.compiled_firewall import CompiledFirewall
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.standing_queries import standing_queries
from flash_ticket.traffic.flow_logs.athena import stack_name


def read_adoption(account: AwsAccount, deployed: Deployed, planned: CompiledFirewall) -> Adoption:
    """Return what a deployment takes over where the state does not know it.

    Raises:
        InputError: AWS cannot be asked, or a right is missing.
    """
    application, environment = planned.matrix.namespace, planned.environment
    queries = StandingQueries()
    if environment.recording.destination is LogDestination.S3:
        queries = standing_queries(account, stack_name(application, environment.name))
    return adoption(deployed, environment, application, queries)
