"""The key with which the lab's engines encrypt secrets in their states.

An engine that derives its key from a passphrase spends half of a short command on that. A key of HashiCorp Vault costs
it one request. The lab answers as the transit engine of Vault does, and hides nothing: its secrets are no secrets.
"""

import json
from collections.abc import Callable

from lab.aws_api.call import Answer, Call

SECRETS_PROVIDER = "hashivault://lab"
"""What ``pulumi stack init --secrets-provider`` gets."""

_ENCRYPT, _DECRYPT = (f"PUT /v1/transit/{verb}/lab" for verb in ("encrypt", "decrypt"))
_PREFIX = "vault:v1:"


def vault_variables(endpoint: str) -> dict[str, str]:
    """Return the variables that lead an engine to the key.

    Args:
        endpoint: The URL of the lab's AWS, which answers for Vault too.
    """
    return {"VAULT_SERVER_URL": endpoint, "VAULT_SERVER_TOKEN": "lab"}


def transit(call: Call, below: Callable[[], Answer]) -> Answer:
    """Encrypt and decrypt. Every other call goes to the layers below."""
    if call.service or call.action not in (_ENCRYPT, _DECRYPT):
        return below()
    sent = json.loads(call.body)
    if call.action == _ENCRYPT:
        data = {"ciphertext": _PREFIX + sent["plaintext"]}
    else:
        data = {"plaintext": sent["ciphertext"].removeprefix(_PREFIX)}
    return Answer("200 OK", (("Content-Type", "application/json"),), b"").with_body(json.dumps({"data": data}).encode())
