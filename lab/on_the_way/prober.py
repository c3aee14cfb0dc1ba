"""``python -m lab.on_the_way.prober`` tries connections again and again, and keeps some open, until its input ends.

One process serves all network namespaces: a socket stays in the namespace that it was made in. Orders and answers are
lines of JSON, see `lab.on_the_way.probe`. Every attempt has a source port that no attempt of its flow had before:
enforcers remember connections by their ports.
"""

import contextlib
import ctypes
import errno
import json
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lab.packets.connections import QUESTION, allow_many_files

PATIENCE_SECONDS = 0.9
"""After which an attempt is lost. TCP asks again after one second: what a second question opens, counts as lost."""

_UDP_PATIENCE_SECONDS = 3.0  # nothing asks again, and a program answers, which may wait for a processor

_KEPT_SECONDS, _QUIET_SECONDS = 0.1, 1.0
_MOST_EVENTS = 1 << 14
_FIRST_PORT, _LAST_PORT = 1024, 65535
_CLONE_NEWNET = 0x40000000
_STREAM, _DATAGRAM = (kind | socket.SOCK_NONBLOCK for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
_PATIENCE_SECONDS = {_STREAM: PATIENCE_SECONDS, _DATAGRAM: _UDP_PATIENCE_SECONDS}
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: no socket is left waiting
_TCP_INFO, _ASKED_AGAIN = 104, 100  # its size here, and the offset of tcpi_total_retrans
_ESTABLISHED = 1
_STDIN = 0
_EAGER = -10


@dataclass(slots=True)
class _Flow:
    """One connection that is tried again and again.

    Attributes:
        tried: The start of each attempt since the last look, and whether it passed.
    """

    number: int
    where: tuple[str, int]
    kind: int
    port: int
    tried: list[tuple[float, bool]] = field(default_factory=list)


@dataclass(slots=True)
class _Attempt:
    flow: _Flow
    begun: float
    socket: socket.socket


@dataclass(slots=True)
class _Kept:
    """A connection that stays open, over which a byte goes back and forth.

    Attributes:
        heard: When the last byte came back.
        silence: The longest time between two of them since the last look.
        ended: Why there is no connection any more; empty while there is one.
        answered: Whether anything ever came back.
    """

    socket: socket.socket
    heard: float
    silence: float = 0.0
    ended: str = ""
    answered: bool = False
    _sent: float = 0.0
    _waits: bool = False

    def ping(self, now: float) -> None:
        if self.ended or self._waits or now - self._sent < _KEPT_SECONDS:
            return
        try:
            self.socket.send(b".")
        except BlockingIOError:
            return
        except OSError as error:
            self.ended = errno.errorcode.get(error.errno or 0, "?")
            return
        self._sent, self._waits = now, True

    def hear(self, now: float) -> None:
        try:
            if not self.socket.recv(64):
                self.ended = "closed"
                return
        except BlockingIOError:
            return
        except OSError as error:
            self.ended = errno.errorcode.get(error.errno or 0, "?")
            return
        self._waits, self.answered = False, True
        self.silence = max(self.silence, now - self.heard)
        self.heard = now

    def as_json(self, now: float) -> dict[str, Any]:
        """Return what happened since the last call, and start again."""
        silence, self.silence = max(self.silence, now - self.heard), 0.0
        return {"silence": silence, "quiet": now - self.heard, "ended": self.ended, "answered": self.answered}


class Prober:
    """Tries connections at an interval."""

    def __init__(self) -> None:
        self._interval = 0.02
        self._flows: dict[int, _Flow] = {}
        self._by_namespace: dict[int, list[_Flow]] = {}
        self._namespaces: dict[str, int] = {}
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._poll = select.epoll()
        self._open: dict[int, _Attempt] = {}
        self._waiting = {_STREAM: deque[_Attempt](), _DATAGRAM: deque[_Attempt]()}
        self._kept: dict[int, _Kept] = {}
        self._kept_by_socket: dict[int, _Kept] = {}
        self._ticks: list[float] = []
        self._looks_from: float | None = None
        self._finishes = False
        self._libc = ctypes.CDLL(None, use_errno=True)

    def run(self) -> None:
        """Follow orders until there are no more."""
        os.set_blocking(_STDIN, False)
        self._poll.register(_STDIN, select.EPOLLIN)
        unread, due = b"", time.monotonic()
        while True:
            now = time.monotonic()
            if now >= due:
                self._tick(now)
                due = max(due + self._interval, time.monotonic())
            for number, events in self._poll.poll(max(0.0, due - time.monotonic()), _MOST_EVENTS):
                if number == _STDIN:
                    content = os.read(_STDIN, 1 << 20)
                    if not content:
                        return
                    *lines, unread = (unread + content).split(b"\n")
                    for line in lines:
                        self._follow(json.loads(line))
                elif number in self._open:
                    self._see(self._open[number], events)
                elif number in self._kept_by_socket:
                    self._hear(number)
            self._expire(time.monotonic())

    def _follow(self, order: dict[str, Any]) -> None:
        if "flows" in order:
            self._interval = order["interval"]
            self._add(order["flows"])
        if "without" in order:
            self._remove(order["without"])
        if "keep" in order:
            for number in order["keep"]:
                self._keep(self._flows[number])
        if "look" in order:
            self._looks_from = time.monotonic()
            self._finishes = order.get("finish", False)

    def _add(self, flows: list[dict[str, Any]]) -> None:
        for each in flows:
            path = each["namespace"]
            if path not in self._namespaces:
                self._namespaces[path] = os.open(path, os.O_RDONLY)
            # What leads to one listener by two addresses must not meet in one source port.
            first = _FIRST_PORT + each["number"] * 7919 % (_LAST_PORT - _FIRST_PORT)
            flow = _Flow(
                each["number"],
                (each["address"], each["port"]),
                _STREAM if each["protocol"] == "TCP" else _DATAGRAM,
                first,
            )
            self._flows[flow.number] = flow
            self._by_namespace.setdefault(self._namespaces[path], []).append(flow)

    def _remove(self, numbers: list[int]) -> None:
        for number in numbers:
            gone = self._flows.pop(number)
            for flows in self._by_namespace.values():
                if gone in flows:
                    flows.remove(gone)
            if kept := self._kept.pop(number, None):
                self._kept_by_socket.pop(kept.socket.fileno(), None)
                kept.socket.close()

    def _tick(self, now: float) -> None:
        if self._looks_from is None:
            self._ticks.append(now)
            for namespace, flows in self._by_namespace.items():
                with self._entered(namespace):
                    for flow in flows:
                        self._begin(flow)
        elif not any(self._waiting.values()):
            self._looks_from = None
            self._tell(time.monotonic())
            if self._finishes:
                self._remove(list(self._flows))
        for kept in self._kept.values():
            kept.ping(now)

    @contextlib.contextmanager
    def _entered(self, namespace: int) -> Iterator[None]:
        self._libc.setns(namespace, _CLONE_NEWNET)
        try:
            yield
        finally:
            self._libc.setns(self._own, _CLONE_NEWNET)

    def _begin(self, flow: _Flow) -> None:
        opened = self._socket(flow)
        attempt = _Attempt(flow, time.monotonic(), opened)
        failed = opened.connect_ex(flow.where)
        if flow.kind == _DATAGRAM and not failed:
            try:
                opened.send(QUESTION)
            except OSError as error:
                failed = error.errno or -1
        if failed not in (0, errno.EINPROGRESS):
            opened.close()
            flow.tried.append((attempt.begun, False))
            return
        self._open[opened.fileno()] = attempt
        self._waiting[flow.kind].append(attempt)
        self._poll.register(opened.fileno(), select.EPOLLOUT if flow.kind == _STREAM else select.EPOLLIN)

    def _socket(self, flow: _Flow) -> socket.socket:
        opened = socket.socket(type=flow.kind)
        if flow.kind == _STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        while True:
            flow.port = flow.port + 1 if flow.port < _LAST_PORT else _FIRST_PORT
            try:
                opened.bind(("", flow.port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue  # something listens on it
            return opened

    def _see(self, attempt: _Attempt, events: int) -> None:
        if events & select.EPOLLERR:
            self._end(attempt, passed=False)
        elif attempt.flow.kind == _DATAGRAM:
            with contextlib.suppress(BlockingIOError):
                self._end(attempt, passed=_is_heard(attempt.socket))
        elif time.monotonic() - attempt.begun > PATIENCE_SECONDS:
            self._end(attempt, passed=_is_connected_at_once(attempt.socket))
        else:
            self._end(attempt, passed=True)

    def _end(self, attempt: _Attempt, *, passed: bool) -> None:
        del self._open[attempt.socket.fileno()]
        attempt.socket.close()
        attempt.flow.tried.append((attempt.begun, passed))

    def _expire(self, now: float) -> None:
        for kind, waiting in self._waiting.items():
            while waiting:
                first = waiting[0]
                if self._open.get(first.socket.fileno()) is first:
                    if now - first.begun < _PATIENCE_SECONDS[kind]:
                        break
                    # This process may have had no processor for a while: the kernel knows what came.
                    passed = False
                    with contextlib.suppress(BlockingIOError):
                        passed = (_is_heard if kind == _DATAGRAM else _is_connected_at_once)(first.socket)
                    self._end(first, passed=passed)
                waiting.popleft()

    def _keep(self, flow: _Flow) -> None:
        now, former = time.monotonic(), self._kept.get(flow.number)
        if former and not former.ended:
            if now - former.heard < _QUIET_SECONDS:
                return
            self._kept_by_socket.pop(former.socket.fileno())
            former.socket.close()
        namespace = next(each for each, flows in self._by_namespace.items() if flow in flows)
        with self._entered(namespace):
            opened = socket.socket(type=_STREAM)
            opened.connect_ex(flow.where)
        kept = _Kept(opened, now)
        self._kept[flow.number] = self._kept_by_socket[opened.fileno()] = kept
        self._poll.register(opened.fileno(), select.EPOLLIN)

    def _hear(self, number: int) -> None:
        kept = self._kept_by_socket[number]
        kept.hear(time.monotonic())
        if kept.ended:
            self._poll.unregister(number)
            del self._kept_by_socket[number]
            kept.socket.close()

    def _tell(self, now: float) -> None:
        seen = {
            "flows": {number: _runs(flow) for number, flow in self._flows.items()},
            "kept": {number: kept.as_json(now) for number, kept in self._kept.items()},
            "ticks": self._ticks,
        }
        self._ticks = []
        sys.stdout.write(json.dumps(seen) + "\n")
        sys.stdout.flush()


def _is_heard(opened: socket.socket) -> bool:
    """Return whether an answer has come; raise BlockingIOError if none has."""
    try:
        opened.recv(512)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def _is_connected_at_once(opened: socket.socket) -> bool:
    """Return whether a connection stands, and its first question was answered."""
    info = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO)
    asked_again = int.from_bytes(info[_ASKED_AGAIN : _ASKED_AGAIN + 4], sys.byteorder)
    return info[0] == _ESTABLISHED and asked_again == 0


def _runs(flow: _Flow) -> list[list[Any]]:
    """Return the attempts since the last look, in the order of their start; equal ones in a row are one run.

    Each run is: whether they passed, how many they are, the start of the first and of the last one, and the longest
    time between two.
    """
    runs: list[list[Any]] = []
    for begun, passed in sorted(flow.tried):
        if runs and runs[-1][0] is passed:
            last = runs[-1]
            last[1], last[4], last[3] = last[1] + 1, max(last[4], begun - last[3]), begun
        else:
            runs.append([passed, 1, begun, begun, 0.0])
    flow.tried.clear()
    return runs


def main() -> None:
    """Run until the input ends."""
    allow_many_files()
    with contextlib.suppress(OSError):
        os.nice(_EAGER)  # it must not come too late beside engines; it needs little
    Prober().run()


if __name__ == "__main__":
    main()
