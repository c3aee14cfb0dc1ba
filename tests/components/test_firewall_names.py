"""The names that stacks in use depend on: if one changes, the engine deletes a resource and creates another."""

import pytest

from components.firewall import Firewall, FirewallArgs
from flash_ticket.firewall.change.adoption import Adoption
from flash_ticket.firewall.change.resource_names import FIREWALL
from flash_ticket.firewall.project import read_project
from tests.support.declared.accounts import ROOT, STACKS
from tests.support.declared.described import nothing_deployed
from tests.support.declared.golden_file import compare
from tests.support.pulumi.pulumi_mocks import deploy

COMPUTED = {
    "aws:s3/bucket:Bucket": {"arn": "arn:aws:s3:::records"},
    "aws:cloudwatch/logGroup:LogGroup": {"arn": "arn:aws:logs:x", "name": "records"},
}


@pytest.mark.parametrize("stack", STACKS)
def test_the_resources_of_a_committed_stack_keep_their_urns_and_aliases(stack: str, *, update_golden: bool) -> None:
    args = FirewallArgs.of(read_project(ROOT, stack), Adoption(), nothing_deployed())
    declared = deploy(lambda: Firewall(FIREWALL, args), computed=COMPUTED, stack_name=stack).resources
    lines = sorted(" ".join((each.urn, *each.aliases)) for each in declared)

    assert len(lines) > 50
    compare(f"resources-{stack}.txt", "\n".join((*lines, "")), update=update_golden)
