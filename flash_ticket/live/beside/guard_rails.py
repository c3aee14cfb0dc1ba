"""What guard rails would do to the deployer and to the running pods. The check runs before a deployment."""

from collections.abc import Iterator, Mapping

from flash_ticket.firewall.declare.binding import BINDING_KEY, stack_file
from flash_ticket.firewall.declare.sections.guard_rails import Enforcement
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.beside.secrets import secrets_warnings
from flash_ticket.live.kubernetes_cluster import KubernetesCluster


def guard_rail_warnings(
    cluster: KubernetesCluster, firewall: CompiledFirewall, present: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Yield the pods that the Pod Security labels would refuse, and the Secrets that no SealedSecret makes.

    Args:
        cluster: The stack's cluster.
        firewall: The firewall to deploy.
        present: The labels that each firewalled namespace has now.

    Raises:
        InputError: The admission policy would lock out its deployer, or the cluster does not answer.
    """
    guard = firewall.environment.guard_rails
    if guard is None:
        return
    if guard.admission and guard.admission.enforcement is Enforcement.DENY:
        user, groups = cluster.whoami()
        if not any(subject.includes(user, groups) for subject in guard.changers()):
            raise InputError(
                stack_file(firewall.environment.name),
                f"{BINDING_KEY}.guardRails.admission.deployers",
                f"you are {user}, of the groups {', '.join(groups)}, and would lock yourself out",
                "Name yourself, or one of your groups",
            )
    labels = guard.pod_security.labels() if guard.pod_security else {}
    for namespace, has in present.items():
        if not labels.items() <= has.items() and (found := cluster.label_warnings(namespace, labels)):
            yield f"Pod Security: {'; '.join(found)}. New pods of that kind are refused; those that run stay."
    if guard.secrets:
        yield from secrets_warnings(cluster, present, guard.secrets)
