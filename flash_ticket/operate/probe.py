"""Runs the probe's script in pods of the cluster: in their own containers, or in a container added to each pod."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Event
from time import monotonic
from typing import Any

import websocket
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream
from kubernetes.stream.ws_client import ERROR_CHANNEL, STDOUT_CHANNEL
from urllib3.exceptions import HTTPError

from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.live.progress import Progress
from flash_ticket.verify.probe.plan import CONNECTION_SECONDS, ProbePlan, RunningPod
from flash_ticket.verify.probe.result import Probe, ProbeOutput, probe_result
from flash_ticket.verify.probe.script import command

_TIMEOUT = (4, 10)
"""Seconds to connect and to read, as in every other call to the cluster."""

_MOST_SAID = 64 * 1024
"""The most characters to read from a container. The script prints about 20 for each connection."""

_NOBODY = 65534
"""The user of the added container. The restricted level of Pod Security requires a user other than root."""

_STARTING = 60
"""Seconds for the start of a shell or a container. This includes the pull of an image."""

_STEP = 0.5
"""Seconds between two checks of the progress."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """How many seconds to wait for one pod, counted from now, and an event that ends the wait early."""

    seconds: int
    stop: Event
    begun: float = field(default_factory=monotonic)

    def goes_on(self) -> bool:
        return monotonic() < self.begun + self.seconds and not self.stop.is_set()


_Run = Callable[[RunningPod, _Wait], ProbeOutput]


def run_probe(cluster: KubernetesCluster, plan: ProbePlan, image: str | None, limit: int | None) -> Probe:
    """Run the planned probe in all pods at once, and return the result.

    The result says what did not run because the cluster refused it or because a right is missing.

    Args:
        cluster: The cluster where the pods run.
        plan: The connections to try.
        image: The image of the container to add to each pod. None runs the script in the pod's own container.
        limit: Seconds to wait for one pod. None waits a minute longer than its connections may take.
    """
    runs: _Run = _InContainer(cluster, plan) if image is None else _Beside(cluster, plan, image)
    asked = [pod for pod in plan.pods if plan.ends(pod)]
    stop, progress, begun = Event(), Progress(), monotonic()
    with ThreadPoolExecutor(max_workers=max(1, len(asked))) as pool:
        waits = {pod: _Wait(limit or plan.seconds(pod) + _STARTING, stop) for pod in asked}
        running = {pod: pool.submit(_output_of, runs, pod, waits[pod]) for pod in asked}
        try:
            while left := wait(running.values(), timeout=_STEP).not_done:
                progress.say(f"probing: {len(left)} of {len(asked)} pods left, {monotonic() - begun:.0f} s")
        finally:
            stop.set()  # an interrupt does not wait for the rest
            progress.end()
    return probe_result(plan, {pod: running[pod].result() if pod in running else ProbeOutput("") for pod in plan.pods})


def _output_of(run: _Run, pod: RunningPod, limit: _Wait) -> ProbeOutput:
    try:
        return run(pod, limit)
    except ApiException as error:
        return ProbeOutput("", _problem(error))
    except (HTTPError, websocket.WebSocketException, OSError) as error:
        return ProbeOutput("", f"the connection to the API server broke: {error}")


def _command(plan: ProbePlan, pod: RunningPod) -> list[str]:
    return command(CONNECTION_SECONDS, plan.ends(pod))


class _InContainer:
    """Runs the script with pods/exec of the Kubernetes API, over a WebSocket."""

    def __init__(self, cluster: KubernetesCluster, plan: ProbePlan) -> None:
        self._cluster, self._plan = cluster, plan

    def __call__(self, pod: RunningPod, limit: _Wait) -> ProbeOutput:
        # Opening a stream changes its client, so each thread needs its own client.
        core = client.CoreV1Api(client.ApiClient(self._cluster.api.configuration))
        websocket.setdefaulttimeout(sum(_TIMEOUT))
        opened = stream(
            core.connect_get_namespaced_pod_exec,
            pod.name,
            pod.namespace or self._plan.namespace,
            command=_command(self._plan, pod),
            container=pod.container,
            stdin=False,
            stdout=True,
            stderr=False,
            tty=False,
            _preload_content=False,
        )
        try:
            said = ""
            while opened.is_open() and limit.goes_on() and len(said) < _MOST_SAID:
                opened.update(timeout=_STEP)
                said += opened.read_channel(STDOUT_CHANNEL)
            if opened.is_open():
                return ProbeOutput(
                    said, f"it has not ended within {limit.seconds} s; its connections end by themselves"
                )
            return ProbeOutput(said, _ended(opened.read_channel(ERROR_CHANNEL)))
        finally:
            opened.sock.shutdown()  # the client's own close leaves a socket open if the other side has closed it


class _Beside:
    """Runs the script with pods/ephemeralcontainers of the Kubernetes API."""

    def __init__(self, cluster: KubernetesCluster, plan: ProbePlan, image: str) -> None:
        self._cluster, self._plan, self._image = cluster, plan, image

    def __call__(self, pod: RunningPod, limit: _Wait) -> ProbeOutput:
        core = client.CoreV1Api(self._cluster.api)
        namespace = pod.namespace or self._plan.namespace
        before = core.read_namespaced_pod(pod.name, namespace, _request_timeout=_TIMEOUT)
        earlier = before.spec.ephemeral_containers if before.spec else None
        name = f"flash-firewall-probe-{len(earlier or ())}"
        core.patch_namespaced_pod_ephemeralcontainers(
            pod.name,
            namespace,
            {"spec": {"ephemeralContainers": [self._container(name, pod)]}},
            _content_type="application/strategic-merge-patch+json",
            _request_timeout=_TIMEOUT,
        )
        state = "has not been started"
        while limit.goes_on():
            found = core.read_namespaced_pod(pod.name, namespace, _request_timeout=_TIMEOUT)
            state = _state(found, name)
            if not state:
                said = core.read_namespaced_pod_log(
                    pod.name, namespace, container=name, limit_bytes=_MOST_SAID, _request_timeout=_TIMEOUT
                )
                return ProbeOutput(said, "its container has ended without an answer")
            limit.stop.wait(_STEP)
        return ProbeOutput("", f"container {name} {state} within {limit.seconds} s; it ends by itself once it has run")

    def _container(self, name: str, pod: RunningPod) -> dict[str, Any]:
        return {
            "name": name,
            "image": self._image,
            "command": _command(self._plan, pod),
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "runAsUser": _NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }


def _state(pod: Any, name: str) -> str:  # noqa: ANN401 - the client's model of a pod
    """Return why a container has not ended, or an empty text if it has."""
    for each in pod.status.ephemeral_container_statuses or ():
        if each.name == name and each.state is not None:
            if each.state.terminated is not None:
                return ""
            if each.state.waiting is not None:
                return f"waits ({each.state.waiting.reason}) and has not ended"
            return "has not ended"
    return "has not been started"


def _ended(status: str) -> str:
    """Return why a command failed, from the Status at the end of its stream, or an empty text if it succeeded."""
    try:
        found = json.loads(status)
    except ValueError:
        return "its stream broke off"
    return "" if found.get("status") == "Success" else _words(str(found.get("message", "the command failed")))


def _problem(error: ApiException) -> str:
    """Return what the API server says.

    If the API server refuses a WebSocket, the client keeps the answer only in the cause of its error.
    """
    status: int | None = error.status
    body: str | bytes = error.body or ""
    cause = error.__context__
    if isinstance(cause, websocket.WebSocketBadStatusException):
        status, body = cause.status_code, cause.resp_body or ""
    try:
        message = str(json.loads(body)["message"])
    except (TypeError, ValueError, KeyError):
        message = str(error.reason or cause)
    if status == HTTPStatus.FORBIDDEN:
        return f"this identity may not: {_words(message)}"
    return f"the API server answers {status}: {_words(message)}" if status else _words(message)


def _words(message: str) -> str:
    """Return a message on one line, at most 300 characters of it."""
    return " ".join(message.split())[:300]
