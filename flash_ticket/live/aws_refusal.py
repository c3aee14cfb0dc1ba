"""A refusal by AWS or its client library, as one line that says how to fix it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import sleep
from typing import Final, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import (
    ConnectionError as UnreachableError,
)

from flash_ticket.firewall.terms.input_error import InputError

_EXPIRED = {
    *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "AuthFailure"),
    *("UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch"),
    # Amazon S3 has its own error codes (S3 API reference, "Error responses").
    *("InvalidAccessKeyId", "TokenRefreshRequired", "InvalidToken"),
}
_FORBIDDEN = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"}
_TOO_FAST = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown", "TooManyRequestsException"}


# This class is not frozen, like every exception: see InputError.
@dataclass(slots=True, eq=False)
class RefusedError(InputError):
    """A refusal by AWS itself. A caller that knows more about the call may catch it and say more.

    Attributes:
        code: The error code of AWS, such as ``AccessDenied``.
        message: The error message of AWS, without its full stop.
    """

    code: str
    message: str

    @property
    def forbids(self) -> bool:
        """Whether a right is missing."""
        return self.code in _FORBIDDEN

    @property
    def asks_for_patience(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self.code in _TOO_FAST


@contextmanager
def explained_refusals(service: str, operation: str) -> Iterator[None]:
    """Turn an error of the SDK into InputError, and a refusal by AWS into RefusedError.

    Args:
        service: The AWS service, such as ``ec2``.
        operation: The method of the client, such as ``describe_vpcs``.
    """
    try:
        yield
    except ClientError as error:
        raise _refused(service, operation, error) from None
    except (NoCredentialsError, PartialCredentialsError, TokenRetrievalError, SSOError) as error:
        remedy = "Sign in (aws sso login), or set AWS_PROFILE or the AWS_* variables"
        raise InputError("AWS", "credentials", str(error).rstrip("."), remedy) from None
    except NoRegionError:
        raise InputError("AWS", "region", "none is named", "Set AWS_REGION, or name a region in the profile") from None
    except (UnreachableError, HTTPClientError) as error:
        remedy = "Check the network, the region and AWS_ENDPOINT_URL"
        raise InputError("AWS", service, f"it cannot be reached ({error})".rstrip("."), remedy) from None
    except BotoCoreError as error:
        raise InputError("AWS", f"{service} {operation}", str(error).rstrip("."), "Fix the AWS settings") from None


def _refused(service: str, operation: str, error: ClientError) -> RefusedError:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "").rstrip(".")
    if code in _EXPIRED:
        problem = f"AWS refuses them: {message}"
        return RefusedError("AWS", "credentials", problem, "Sign in again (aws sso login)", code, message)
    what = "".join(word.capitalize() for word in operation.split("_"))
    remedy = f"Allow {service}:{what} to this identity" if code in _FORBIDDEN else "Try again, or fix what it says"
    return RefusedError("AWS", f"{service}:{what}", f"{code}: {message}", remedy, code, message)


WAITS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds to wait before each new attempt: about a minute in all."""

Answer = TypeVar("Answer")


def patiently(question: Callable[[], Answer]) -> Answer:
    """Return the answer. While AWS throttles, ask again after a wait that grows each time.

    Raises:
        InputError: AWS refuses for another reason, or AWS still throttles after the last wait.
    """
    for seconds in WAITS:
        try:
            return question()
        except RefusedError as refused:
            if not refused.asks_for_patience:
                raise
        sleep(seconds)
    return question()
