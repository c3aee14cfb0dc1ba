"""Which Secrets of the namespace the guard rail for Secrets would not admit, by their names alone.

RBAC cannot limit a list to names: the right to list Secrets is the right to read them. So no role of this program has
that right. A preview by somebody who has it asks the API server for names. Only names of Secrets enter this process.
"""

from collections.abc import Iterable, Iterator, Sequence

from flash_ticket.firewall.compile.guard_rails.secrets import SEALED_KIND, SEALED_VERSION
from flash_ticket.firewall.declare.sections.guard_rails import Enforcement, SecretsRule
from flash_ticket.firewall.terms.input_error import escaped
from flash_ticket.live.kubernetes_cluster import ForbiddenError, KubernetesCluster

_SAID = "guardRails.secrets"
_MOST_NAMES = 20
_THEN = {
    Enforcement.AUDIT: "the audit log gets an entry for each change of their content",
    Enforcement.WARN: "who changes their content gets a warning",
    Enforcement.DENY: "their content can no longer change",
}


def secrets_warnings(cluster: KubernetesCluster, namespaces: Iterable[str], rule: SecretsRule) -> Iterator[str]:
    """Yield the Secrets that no SealedSecret makes, and what of the Sealed Secrets controller the cluster lacks.

    Args:
        cluster: The stack's cluster.
        namespaces: The firewalled namespaces.
        rule: Which Secrets they admit.

    Raises:
        InputError: The cluster does not answer.
    """
    yield from _missing_parts(cluster, rule)
    for namespace in namespaces:
        yield from _unsealed(cluster, namespace, rule)


def _unsealed(cluster: KubernetesCluster, namespace: str, rule: SecretsRule) -> Iterator[str]:
    others = ",".join(f"type!={each}" for each in rule.types)
    selected = {"fieldSelector": others} if others else {}
    try:
        secrets = cluster.names(f"/api/v1/namespaces/{namespace}/secrets", **selected)
        sealed = cluster.names(f"/apis/{SEALED_VERSION}/namespaces/{namespace}/sealedsecrets")
    except ForbiddenError:
        yield (
            f"{_SAID}: this identity may not list the Secrets and {SEALED_KIND}s of {namespace}, so this preview does "
            "not name those that would not pass. That right would let it read every Secret: RBAC cannot limit a list "
            f"to names. Compare kubectl get secrets,sealedsecrets --namespace {namespace} yourself"
        )
        return
    if unsealed := [name for name in secrets if name not in set(sealed)]:
        yield (
            f"{_SAID}: no {SEALED_KIND} makes {_listed(unsealed)}. They stay, and {_THEN[rule.enforcement]}. "
            "Seal each of them with kubeseal, delete the Secret, and apply the SealedSecret; or list its type under "
            f"{_SAID}.types"
        )


def _missing_parts(cluster: KubernetesCluster, rule: SecretsRule) -> Iterator[str]:
    account = rule.controller
    try:
        if not cluster.exists(f"/apis/{SEALED_VERSION}"):
            yield f"{_SAID}: the cluster does not know {SEALED_KIND}s. Install the Sealed Secrets controller first"
        elif not cluster.exists(f"/api/v1/namespaces/{account.namespace}/serviceaccounts/{account.name}"):
            yield (
                f"{_SAID}.controller: there is no service account {account.name} in {account.namespace}, so no Secret "
                "would be admitted. Name the one of the Sealed Secrets controller"
            )
    except ForbiddenError:
        return


def _listed(names: Sequence[str]) -> str:
    left = len(names) - _MOST_NAMES
    return escaped(", ".join(names[:_MOST_NAMES])) + (f" and {left} more" if left > 0 else "")
