"""One call of the AWS API, as the layers around moto see it."""

import io
import json
import re
import sys
import threading
import urllib.parse
import xml.sax.saxutils
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_REMEMBERED = 512
_CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        service: The service it is signed for, such as ``ec2``; empty if it is not signed.
        region: The region it is signed for.
        action: The ``Action`` of a query API (EC2, IAM, STS), the operation of a JSON API (Logs, KMS), or method and
            path of a REST API (S3, EKS), such as ``POST /clusters``.
        parameters: The flat parameters of a query API, such as ``SecurityGroupId.1``.
        body: The request's body.
    """

    service: str
    region: str
    action: str
    parameters: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: a status line such as ``200 OK``, headers and body."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def succeeded(self) -> bool:
        """Whether the status is 2xx."""
        return self.status.startswith("2")

    def with_body(self, body: bytes) -> "Answer":
        """Return this answer with another body."""
        kept = tuple((name, value) for name, value in self.headers if name.lower() != "content-length")
        return Answer(self.status, (*kept, ("Content-Length", str(len(body)))), body)


# A layer answers a call itself, or calls the given function to get the answer of the layers below.
Layer = Callable[[Call, Callable[[], Answer]], Answer]


def refused(code: str, message: str) -> Answer:
    """Return the error document of EC2's query API."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error>'
        f"<Code>{code}</Code><Message>{xml.sax.saxutils.escape(message)}</Message>"
        "</Error></Errors><RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    )
    return Answer("400 Bad Request", (("Content-Type", "text/xml;charset=UTF-8"),), b"").with_body(text.encode())


def unknown(call: Call, message: str) -> Answer:
    """Return an error that no client retries, for an operation that the lab lacks."""
    if call.parameters:
        return refused("UnsupportedOperation", message)
    body = json.dumps({"__type": "UnsupportedOperation", "message": message}).encode()
    return Answer("400 Bad Request", (("Content-Type", "application/x-amz-json-1.1"),), b"").with_body(body)


@dataclass(frozen=True, slots=True)
class LayeredApplication:
    """A WSGI application: the layers in order, then the application below all of them."""

    layers: tuple[Layer, ...]
    application: "WSGIApplication"
    # moto loses changes if two threads change one object at once; the real service does not.
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    _answered: OrderedDict[str, Answer] = field(default_factory=OrderedDict)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request."""
        call = _read(environ)
        # An SDK that gets no answer sends the request again with the same id (AWS SDKs and Tools Reference Guide,
        # "Retry behavior"). moto would run it twice, and fail the second deletion because there is nothing to delete.
        invocation = environ.get("HTTP_AMZ_SDK_INVOCATION_ID", "")
        with self._one_at_a_time:
            known = self._answered.get(invocation)
            answer = known or self._answer(call, environ, 0)
            if invocation and answer.succeeded:
                self._answered[invocation] = answer
                if len(self._answered) > _REMEMBERED:
                    self._answered.popitem(last=False)
        if known:
            sys.stderr.write(f"answered again: {call.service} {call.action}\n")
        start_response(answer.status, list(answer.headers))
        return [answer.body]

    def _answer(self, call: Call, environ: "WSGIEnvironment", depth: int) -> Answer:
        if depth == len(self.layers):
            try:
                return _pass_on(self.application, environ)
            except NotImplementedError as error:
                return unknown(call, str(error))
        return self.layers[depth](call, lambda: self._answer(call, environ, depth + 1))


def _read(environ: "WSGIEnvironment") -> Call:
    length = environ.get("CONTENT_LENGTH")
    stream = environ["wsgi.input"]
    if length:
        body: bytes = stream.read(int(length))
    else:
        body = stream.read() if environ.get("wsgi.input_terminated") else b""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    headers = {
        "authorization": environ.get("HTTP_AUTHORIZATION", ""),
        "content-type": environ.get("CONTENT_TYPE", ""),
        "x-amz-target": environ.get("HTTP_X_AMZ_TARGET", ""),
    }
    return parsed(environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/"), headers, body)


def parsed(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Return the call that a request makes.

    Args:
        method: The HTTP method.
        path: The path of the URL.
        headers: The headers, by name in lower case.
        body: The body of the request.
    """
    signature = _CREDENTIAL.search(headers.get("authorization", ""))
    parameters: dict[str, str] = {}
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        parameters = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    return Call(
        service=signature["service"] if signature else "",
        region=signature["region"] if signature else "",
        action=parameters.get("Action") or target or f"{method} {path}",
        parameters=parameters,
        body=body,
    )


def _pass_on(application: "WSGIApplication", environ: "WSGIEnvironment") -> Answer:
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], object]:
        started[:] = [status, tuple(headers)]
        return lambda _data: None

    parts = application(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close:
            close()
    return Answer(started[0], started[1], body)
