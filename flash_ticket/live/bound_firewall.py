"""A stack's firewall with the addresses of its account, or with those of a saved inventory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flash_ticket.firewall.bind.bind import bind
from flash_ticket.firewall.change.overruling import Others
from flash_ticket.firewall.change.ownership.own_resources import Tagged
from flash_ticket.firewall.compile.owner import GROUP_TAG, tags_of
from flash_ticket.firewall.compile.quota import refuse_excess
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import read_matrix
from flash_ticket.firewall.project import MATRIX_FILE, lines_of_settings
from flash_ticket.firewall.prove.administrators import NO_ADMINISTRATORS, Administrators
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.stack.settings import StackConfiguration, read_stack_file
from flash_ticket.traffic.attribution.attributed_traffic import known_environment, refuse_other_stack
from flash_ticket.traffic.attribution.inventory_file import read_inventory
from flash_ticket.traffic.attribution.pod_history import merged
from flash_ticket.traffic.proposals.proposal import fitted

GroupIds = Mapping[str, str]
"""The id of each security group of a stack that exists, by the service's or load balancer's name."""


Bound = tuple[CompiledFirewall, GroupIds, Administrators]
"""A firewall, the groups that exist, and the policies of administrators as far as known."""


def bound_firewall(project: Path, stack: str, inventories: Sequence[Path] | None = None) -> Bound:
    """Return a stack's firewall as declared, without suspensions, the groups that exist, and policies above it.

    Without inventories it asks the account, and never the cluster.

    Args:
        project: The folder of traffic.yaml and Pulumi.<stack>.yaml.
        stack: The stack, such as ``dev``.
        inventories: Saved inventories, which replace the account.

    Raises:
        InputError: A file or an inventory cannot be used, or the account cannot be asked.
    """
    settings, matrix = read_stack_file(project, stack), read_matrix(project / MATRIX_FILE)
    matrix = matrix.within(settings.stack, settings.suspensions.at)
    with lines_of_settings(project, settings.stack):
        if inventories:
            return _saved(matrix, settings, inventories)
        return _of_account(matrix, settings)


def _of_account(matrix: Matrix, settings: StackConfiguration) -> Bound:
    account = AwsAccount.connect(settings.region, settings.profile, settings.owner(matrix.namespace))
    environment = bind(matrix, settings.binding, settings.stack, account)
    firewall = compile_firewall(matrix, environment)
    refuse_excess(firewall.vpc, environment)
    tagged = Tagged(tuple(account.tagged_groups()), (), ())
    own = tagged.of(firewall.owner, environment.vpc, ())
    group_ids = {tags_of(group)[GROUP_TAG]: group["GroupId"] for group in own.groups}
    return firewall, group_ids, NO_ADMINISTRATORS


def _saved(matrix: Matrix, settings: StackConfiguration, inventories: Sequence[Path]) -> Bound:
    found = merged([read_inventory(path) for path in inventories])
    refuse_other_stack(found, settings.stack)
    environment = fitted(known_environment(found), matrix, MATRIX_FILE)
    # Who applies the pod layer, and which policies are accepted, are settings of today, and no answers of the account.
    cluster = replace(environment.cluster, pod_layer=settings.binding.cluster.pod_layer)
    accepted = tuple(settings.binding.accepted_policies)
    firewall = compile_firewall(matrix, replace(environment, cluster=cluster, accepted_policies=accepted))
    refuse_excess(firewall.vpc, firewall.environment)
    labels = found.deployed.group_labels if found.deployed else {}
    group_ids = {label: group for group, label in labels.items()}
    return firewall, group_ids, Others(found.others or (), found.namespaces).administrators
