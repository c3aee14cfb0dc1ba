"""The admission policy for Secrets: which ones the namespace admits, and from whose requests.

An owner reference alone proves nothing, because everybody who may write a Secret may write one into it. So the policy
also looks at the user of the request, which the API server has authenticated. A type cannot change after creation (API
reference, Secret), so a Secret of a listed type cannot become an ordinary one. The policy does not look at deletions:
the garbage collector deletes the Secret of a deleted SealedSecret, and the controller makes a deleted Secret again.
"""

import json
from typing import Any, Final

from flash_ticket.firewall.compile.guard_rails.admission import (
    CONTROLLERS,
    AdmissionPolicy,
    matched,
    policy_for,
    same,
)
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.sections.guard_rails import SecretsRule

SEALED_KIND: Final = "SealedSecret"
SEALED_VERSION: Final = "bitnami.com/v1alpha1"

_OWNED = (
    "has(object.metadata.ownerReferences) && object.metadata.ownerReferences.exists(owner, "
    f'owner.kind == "{SEALED_KIND}" && owner.apiVersion == "{SEALED_VERSION}")'
)
_SAME_CONTENT = f'request.operation == "UPDATE" && {same("data")}'
_SAME_OWNERS = same("metadata.ownerReferences")


def secrets_policies(matrix: Matrix, rule: SecretsRule | None) -> tuple[AdmissionPolicy, ...]:
    """Return the policy for the Secrets of each namespace; empty without a rule."""
    if rule is None:
        return ()
    home, enforcement = matrix.namespace, rule.enforcement
    return tuple(
        policy_for(f"{namespace}-firewall-secrets", namespace, home, enforcement, _spec(namespace, rule))
        for namespace in matrix.namespaces
    )


def _spec(namespace: str, rule: SecretsRule) -> dict[str, Any]:
    listed = f"(has(object.type) && object.type in {json.dumps(list(rule.types))})"
    sealed = f"(request.userInfo.username == {json.dumps(rule.controller.known_as)} && {_OWNED})"
    # Everybody may change labels and finalizers. Only Kubernetes itself may change the owners: it removes those that
    # are gone. A new owner would make a Secret look sealed.
    kept = f"({_SAME_CONTENT} && ({_SAME_OWNERS} || request.userInfo.username in {json.dumps(CONTROLLERS)}))"
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [matched("", "v1", "secrets", ["CREATE", "UPDATE"])]},
        "validations": [
            {
                "expression": f"{listed} || {sealed} || {kept}",
                "message": f"Secrets of {namespace} come only from SealedSecrets: seal this one with kubeseal, and "
                f"apply the {SEALED_KIND}",
                "reason": "Forbidden",
            }
        ],
    }
