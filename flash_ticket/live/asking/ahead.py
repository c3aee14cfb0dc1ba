"""Asks the cluster and the account side by side what a deployment asks of them one after another.

Each question here is one that `flash_ticket.firewall.bind.bind.bind`, `flash_ticket.live.deployed.read_deployed` or
`flash_ticket.live.beside.preview` asks anyway, so this needs no further right. What is not asked here is asked there.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from flash_ticket.firewall.compile.guard_rails.rights import OVERRULING_APIS
from flash_ticket.firewall.declare.binding import Binding
from flash_ticket.firewall.declare.choices import LogDestination
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.selection import One
from flash_ticket.live.asking.answers import ask_ahead
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.beside.others import lists_of
from flash_ticket.live.deployed import standing_queries
from flash_ticket.live.inventory import interfaces_of, running
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.resolvers import resolvers_or_refusal
from flash_ticket.live.stack.settings import StackConfiguration
from flash_ticket.traffic.flow_logs.athena import stack_name

Question = Callable[[], object]


def connect(configuration: StackConfiguration, matrix: Matrix) -> tuple[KubernetesCluster, AwsAccount]:
    """Return a stack's cluster and account, and start to read them. Both remember what they have read.

    Args:
        configuration: The configuration of the stack.
        matrix: The declaration of all stacks.

    Raises:
        InputError: The kubeconfig or the AWS profile is not valid.
    """
    cluster = KubernetesCluster.connect(configuration.kubeconfig, configuration.context).remembering()
    account = AwsAccount.connect(configuration.region, configuration.profile, configuration.owner(matrix.namespace))
    read_ahead(cluster, account, matrix.namespaces_in(configuration.stack), configuration.binding)
    return cluster, account


def read_ahead(cluster: KubernetesCluster, account: AwsAccount, namespaces: Sequence[str], binding: Binding) -> None:
    """Start to read a stack's cluster and account, which remember what they have read."""
    ask_ahead((*_of_account(account, binding), *_of_cluster(cluster, namespaces)))


def _of_cluster(cluster: KubernetesCluster, namespaces: Sequence[str]) -> Iterator[Question]:
    for namespace in namespaces:
        yield partial(cluster.require_namespace, namespace)
        yield partial(cluster.network_policies, namespace)
        yield partial(cluster.attachments, namespace)
        yield partial(running, cluster, (namespace,))
    yield partial(resolvers_or_refusal, cluster)
    for api in OVERRULING_APIS:
        for found in lists_of(api, namespaces):
            yield partial(cluster.listed_if_known, *found)


def _of_account(account: AwsAccount, binding: Binding) -> Iterator[Question]:
    yield partial(_in_vpc, account, binding)
    yield partial(account.cluster, binding.cluster.name)
    yield account.tagged_groups
    yield account.tagged_rules
    yield account.tagged_flow_logs
    yield lambda: account.id
    flow_logs = binding.flow_logs
    if flow_logs and flow_logs.existing:
        yield partial(account.flow_log, flow_logs.existing.id)
    if flow_logs and flow_logs.destination is LogDestination.S3:
        yield lambda: standing_queries(account, stack_name(account.owner))
    fronts = [binding.load_balancer] if binding.load_balancer else [*binding.load_balancers.values()]
    clients = [each.clients.prefix_list for each in fronts if each.clients]
    for selection in (*clients, *(place.prefix_list for place in binding.places.values())):
        if selection:
            yield partial(account.prefix_lists, selection)


def _in_vpc(account: AwsAccount, binding: Binding) -> None:
    """Ask for the VPC, and then for what is in it."""
    (vpc,) = account.vpcs(binding.vpc)
    ask_ahead(
        (
            partial(account.groups, vpc.id, One(name="default")),
            partial(interfaces_of, account, vpc.id),
            *(partial(account.subnets, vpc.id, each.subnets) for each in binding.places.values() if each.subnets),
        )
    )
