"""The proxy between engine and API passes everything on unchanged, and injects a fault exactly where it should."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.live.asking.aws_session import aws_session
from lab.recording import journal as recording_journal
from lab.recording.aws import AwsApi
from lab.recording.fault import Fault, How, Span
from lab.recording.journal import Api, Journal, Reach
from lab.recording.kubernetes import KubernetesApi
from lab.recording.proxy import Upstream, proxied
from tests.support.declared.described import nothing_deployed

POLICIES = "/apis/networking.k8s.io/v1/namespaces/flash-ticket/networkpolicies"


class Echo(BaseHTTPRequestHandler):
    """Answers with the request, and remembers it."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, bytes]]

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, body))
        self.send_response(204 if self.path == "/nothing" else 201)
        self.send_header("X-Asked", self.headers.get("X-Ask", ""))
        if self.path != "/nothing":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path != "/nothing" and self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def upstream() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """The URL of an API that answers with the request, and its list of requests."""
    asked: list[tuple[str, str, bytes]] = []
    echo = type("Echoing", (Echo,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


class Nothing:
    """Nothing is deployed, whatever is written."""

    def now(self) -> Deployed:
        return nothing_deployed()

    def after(self, former: Deployed, _: Reach) -> Deployed:
        return former


look = Nothing()


@contextmanager
def before(url: str, journal: Journal, api: Api | None = None) -> Iterator[http.client.HTTPConnection]:
    """Put a journal in front of an API, and yield a connection to it."""
    with proxied(Upstream(url, None), partial(journal.handle, api or KubernetesApi())) as proxy:
        connection = http.client.HTTPConnection(proxy.removeprefix("http://"), timeout=10)
        yield connection
        connection.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, **headers: str) -> Any:  # noqa: ANN401 - the client's signature
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers.get("X-Asked"), answer.read()


Asked = tuple[str, list[tuple[str, str, bytes]]]


def test_a_request_and_its_answer_pass_unchanged(upstream: Asked) -> None:
    url, asked = upstream
    journal = Journal(look)
    with before(url, journal) as connection:
        assert ask(connection, "PATCH", f"{POLICIES}/a?force=true", b"body", **{"X-Ask": "me"}) == (201, "me", b"body")
        assert ask(connection, "POST", "/pieces", iter([b"one", b"two"])) == (201, "", b"onetwo")
        assert ask(connection, "DELETE", "/nothing") == (204, "", b"")
        assert ask(connection, "HEAD", "/head") == (201, "", b"")
    assert asked == [
        ("PATCH", f"{POLICIES}/a?force=true", b"body"),
        ("POST", "/pieces", b"onetwo"),
        ("DELETE", "/nothing", b""),
        ("HEAD", "/head", b""),
    ]
    assert [write.action for write in journal.writes] == ["PATCH networkpolicies/a", "POST pieces", "DELETE nothing"]


@pytest.mark.parametrize(("how", "made"), [(How.KILL, True), (How.KILL_BEFORE, False)])
def test_an_engine_is_killed_at_its_write_and_sends_nothing_after_it(upstream: Asked, how: How, *, made: bool) -> None:
    url, asked = upstream
    killed: list[int] = []
    journal = Journal(look, Fault(how, 2), {how: lambda: killed.append(len(asked))})
    with before(url, journal) as connection:
        assert ask(connection, "PATCH", f"{POLICIES}/first")[0] == 201
        for name in ("second", "third"):
            with pytest.raises(http.client.RemoteDisconnected):
                ask(connection, "PATCH", f"{POLICIES}/{name}")
            connection.close()
    assert killed == [1 + made]
    assert [path.rpartition("/")[2] for _, path, _ in asked] == ["first", *(["second"] if made else [])]
    assert [write.succeeded for write in journal.writes] == [True, made]


@pytest.mark.parametrize(("how", "made"), [(How.UNHEARD, True), (How.SILENT, False)])
def test_a_missing_answer_does_not_show_whether_the_write_was_made(
    upstream: Asked, monkeypatch: pytest.MonkeyPatch, how: How, *, made: bool
) -> None:
    url, asked = upstream
    monkeypatch.setattr(recording_journal, "PATIENCE_SECONDS", 0.01)
    with before(url, Journal(look, Fault(how, 1))) as connection:
        with pytest.raises(http.client.RemoteDisconnected):
            ask(connection, "PATCH", f"{POLICIES}/a")
        assert len(asked) == made
        connection.close()
        assert ask(connection, "PATCH", f"{POLICIES}/a")[0] == 201


def test_an_api_that_is_gone_closes_every_connection_and_the_other_api_works(upstream: Asked) -> None:
    url, asked = upstream
    journal = Journal(look, Fault(How.GONE, 1))
    with before(url, journal) as kubernetes, before(url, journal, AwsApi()) as aws:
        for method in ("PATCH", "GET"):
            with pytest.raises(http.client.RemoteDisconnected):
                ask(kubernetes, method, f"{POLICIES}/a")
            kubernetes.close()
        assert ask(aws, "GET", "/bucket")[0] == 201
    assert [path for _, path, _ in asked] == ["/bucket"]


@pytest.mark.parametrize("how", [How.DISK_FULL, How.RIVAL])
def test_an_incident_outside_the_apis_happens_once_and_the_write_passes(upstream: Asked, how: How) -> None:
    url, _ = upstream
    happened: list[How] = []
    with before(url, Journal(look, Fault(how, 1), {how: lambda: happened.append(how)})) as connection:
        assert [ask(connection, "PATCH", f"{POLICIES}/{name}")[0] for name in ("a", "b")] == [201, 201]
    assert happened == [how]


def test_each_write_is_refused_once_and_passes_at_its_second_try_even_in_a_later_run(upstream: Asked) -> None:
    url, asked = upstream
    fault = Fault(How.SERVER_ERROR, 1, Span.EACH)
    for answers in ([500, 500, 201], [201, 201, 201]):
        with before(url, Journal(look, fault)) as connection:
            assert [ask(connection, "PATCH", f"{POLICIES}/{name}")[0] for name in ("a", "b", "a")] == answers
    assert len(asked) == 4


def test_random_suffixes_of_names_do_not_make_another_write(upstream: Asked) -> None:
    url, _ = upstream
    with before(url, Journal(look, Fault(How.SERVER_ERROR, 1, Span.EACH)), AwsApi()) as connection:
        names = ("records-20261124120000000000000001", "records-20261124120000000000000002", "results")
        assert [ask(connection, "POST", f"/{name}")[0] for name in names] == [500, 201, 500]


def test_timestamps_do_not_make_another_write(upstream: Asked) -> None:
    url, _ = upstream
    moments = ("2026-11-24T12:00:00Z", "2026-11-24T12:00:20Z")
    with before(url, Journal(look, Fault(How.SERVER_ERROR, 1, Span.EACH))) as connection:
        bodies = (f'{{"flash-firewall/rewritten-at": "{moment}"}}'.encode() for moment in moments)
        assert [ask(connection, "PATCH", f"{POLICIES}/a", body)[0] for body in bodies] == [500, 201]


def kubernetes_says(url: str) -> str:
    settings = client.Configuration(host=url)
    settings.retries = False
    with client.ApiClient(settings) as api, pytest.raises(ApiException) as refused:
        client.NetworkingV1Api(api).delete_namespaced_network_policy("a", "flash-ticket")
    return str(refused.value.status)


def aws_says(url: str, service: str, ask_for: Callable[[Any], object]) -> str:
    once = Config(retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "lab", "aws_secret_access_key": "lab"}
    session = aws_session("ap-northeast-2", None)
    with pytest.raises(ClientError) as refused:
        ask_for(session.client(service, endpoint_url=url, config=once, **keys))
    return str(refused.value.response["Error"]["Code"])


AWS_WRITES: dict[str, Callable[[Any], object]] = {
    "ec2": lambda ec2: ec2.delete_security_group(GroupId="sg-1"),
    "s3": lambda s3: s3.create_bucket(Bucket="records"),
    "iam": lambda iam: iam.delete_role(RoleName="delivery"),
    "kms": lambda kms: kms.create_key(),
}


@pytest.mark.parametrize(
    ("how", "kubernetes", "aws"),
    [
        (How.SERVER_ERROR, "500", ["InternalError", "InternalError", "ServiceFailure", "InternalFailure"]),
        (How.THROTTLED, "429", ["RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException"]),
        (
            How.CONFLICT,
            "409",
            ["IncorrectState", "OperationAborted", "ConcurrentModification", "OperationAbortedException"],
        ),
        (How.EXPIRED, "401", ["RequestExpired", "ExpiredToken", "ExpiredToken", "ExpiredTokenException"]),
    ],
)
def test_each_client_recognises_the_refusal_as_one_of_its_api(
    upstream: Asked, how: How, kubernetes: str, aws: list[str]
) -> None:
    url, asked = upstream
    journal = Journal(look, Fault(how, 1, Span.ON))
    with proxied(Upstream(url, None), partial(journal.handle, KubernetesApi())) as proxy:
        assert kubernetes_says(proxy) == kubernetes
    with proxied(Upstream(url, None), partial(journal.handle, AwsApi())) as proxy:
        assert [aws_says(proxy, service, write) for service, write in AWS_WRITES.items()] == aws
    assert asked == []
    assert not any(write.succeeded for write in journal.writes)
