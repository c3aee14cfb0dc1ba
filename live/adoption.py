"""What stands already and can be taken over, with Athena's part asked for where the stack has one."""

from live.aws_account import AwsAccount
from live.standing_queries import standing_queries
from segmentation.adoption import Adoption, StandingQueries, adoption
from segmentation.athena import stack_name
from segmentation.compiled_firewall import CompiledFirewall
from segmentation.deployed import Deployed
from segmentation.environment import LogDestination


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
