"""A preview names the Secrets that no SealedSecret makes, and reads nothing of them but their names."""

import json
from typing import Any

import pytest

from flash_ticket.firewall.declare.sections.guard_rails import Enforcement, SecretsRule, Subject, SubjectKind
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.beside.secrets import secrets_warnings
from tests.support.clouds.api_server import answering, connected

ACCOUNT = Subject(SubjectKind.SERVICE_ACCOUNT, "sealed-secrets-controller", "kube-system")
RULE = SecretsRule(Enforcement.DENY, ACCOUNT, ("helm.sh/release.v1", "kubernetes.io/tls"))
API = "/apis/bitnami.com/v1alpha1"
SEALED = f"{API}/namespaces/shop/sealedsecrets?includeObject=None&limit=500"
SECRETS = (
    "/api/v1/namespaces/shop/secrets?includeObject=None&limit=500"
    "&fieldSelector=type%21%3Dhelm.sh/release.v1%2Ctype%21%3Dkubernetes.io/tls"
)
INSTALLED = {
    API: (200, b"{}"),
    "/api/v1/namespaces/kube-system/serviceaccounts/sealed-secrets-controller": (200, b"{}"),
}


def table(*names: str, following: str = "") -> tuple[int, bytes]:
    rows = [{"cells": [name, "Opaque", 1, "5d"]} for name in names]
    return 200, json.dumps({"kind": "Table", "metadata": {"continue": following}, "rows": rows}).encode()


def warned(answers: dict[str, Any]) -> list[str]:
    with answering(answers) as url:
        return list(secrets_warnings(connected(url), ("shop",), RULE))


def test_secrets_without_a_sealed_secret_of_their_name_are_named() -> None:
    pages = {SECRETS: table("api-key", "db", following="2"), f"{SECRETS}&continue=2": table("redis")}
    (warning,) = warned({**INSTALLED, **pages, SEALED: table("db")})

    assert warning.startswith(
        "guardRails.secrets: no SealedSecret makes api-key, redis. They stay, and their content can no longer change. "
    )


def test_there_is_no_warning_when_each_secret_has_its_sealed_secret() -> None:
    assert warned({**INSTALLED, SECRETS: table("db"), SEALED: table("db", "redis")}) == []


def test_a_cluster_without_sealed_secrets_or_without_the_account_is_named() -> None:
    without_api = warned({SECRETS: table()})
    without_account = warned({API: (200, b"{}"), SECRETS: table(), SEALED: table()})

    assert without_api == [
        "guardRails.secrets: the cluster does not know SealedSecrets. Install the Sealed Secrets controller first"
    ]
    assert "no service account sealed-secrets-controller in kube-system, so no Secret" in without_account[0]


def test_without_the_right_to_list_secrets_the_preview_goes_on_and_says_so() -> None:
    account = "/api/v1/namespaces/kube-system/serviceaccounts/sealed-secrets-controller"
    (warning,) = warned({API: (200, b"{}"), account: (403, b"{}"), SECRETS: (403, b"{}")})

    assert "this identity may not list the Secrets and SealedSecrets of shop" in warning
    assert "RBAC cannot limit a list to names" in warning


def test_an_answer_with_objects_instead_of_names_is_refused() -> None:
    with pytest.raises(InputError, match="without the table that was asked for"):
        warned({**INSTALLED, SECRETS: (200, b'{"kind": "SecretList", "items": []}')})
