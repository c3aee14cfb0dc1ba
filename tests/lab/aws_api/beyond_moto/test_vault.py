"""The key of the lab's engines."""

import json

import pytest

from lab.aws_api.beyond_moto.vault import transit
from lab.aws_api.call import Answer, Call, parsed


def asked(action: str, **body: str) -> dict[str, str]:
    def below() -> Answer:
        pytest.fail("it was passed on")

    answer = transit(parsed("PUT", f"/v1/transit/{action}/lab", {}, json.dumps(body).encode()), below)
    assert answer.succeeded
    return dict(json.loads(answer.body)["data"])


def test_what_was_encrypted_is_decrypted() -> None:
    sealed = asked("encrypt", plaintext="c2VjcmV0")

    assert sealed["ciphertext"] != "c2VjcmV0"
    assert asked("decrypt", **sealed) == {"plaintext": "c2VjcmV0"}


@pytest.mark.parametrize(
    "call",
    [
        parsed("PUT", "/v1/transit/encrypt/other", {}, b"{}"),
        parsed("GET", "/v1/transit/encrypt/lab", {}, b""),
        Call("s3", "eu-west-1", "PUT /v1/transit/encrypt/lab", {}, b"{}"),
    ],
)
def test_every_other_call_goes_to_aws(call: Call) -> None:
    aws = Answer("404 Not Found", (), b"of AWS")

    assert transit(call, lambda: aws) is aws
