"""Connections that are tried, and what comes of them."""

import errno
import resource
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path

from flash_ticket.firewall.terms.ports import PortRange, Protocol
from lab.node.network import entered

# A question that a name server answers (RFC 1035): the address of localhost. Our own listeners send it back.
QUESTION = bytes.fromhex("4c42 0100 0001 0000 0000 0000") + b"\x09localhost\x00\x00\x01\x00\x01"
_AGAIN_SECONDS = (0.0, 0.3, 1.0)
_TYPES = {Protocol.TCP: socket.SOCK_STREAM, Protocol.UDP: socket.SOCK_DGRAM}
_REFUSED = {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM}
_MOST_FILES = 1 << 16
_BACKLOG = 1024
_SILENT_SECONDS = 3
_AT_ONCE = struct.pack("ii", 1, 0)  # it lingers for no second
_SO_RCVBUFFORCE, _WAITING_BYTES = 33, 1 << 22  # questions that come while this process has no processor


class Ending(Enum):
    """How a connection of TCP ends that was tried."""

    CLOSED = "closed"
    """As programs close it. What ends it is sent again for a minute if something stops it."""
    RESET = "reset"
    """At once and for both ends, so that no packet of it meets a later policy."""


class Answer(StrEnum):
    """What came of a connection."""

    CONNECTED = "connected"
    REFUSED = "refused"
    """Something says no. Every port that is tried has a listener, so it is an enforcer that rejects, or there is no
    way."""
    SILENT = "silent"

    @property
    def passes(self) -> bool:
        """Whether the connection got through."""
        return self is Answer.CONNECTED


@dataclass(frozen=True, slots=True)
class Attempt:
    """One connection to try.

    Attributes:
        source: The network namespace that opens it.
        address: Where to.
        port: One port of TCP or UDP.
    """

    source: Path
    address: str
    port: PortRange


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one connection that was tried.

    Attributes:
        answer: What came of it.
        source_port: The port that it was opened from.
    """

    answer: Answer
    source_port: int


@dataclass(slots=True)
class Listeners:
    """Answers on many ports of many network namespaces, in a thread of its own: it sends back what it gets."""

    _poll: select.epoll = field(default_factory=select.epoll)
    _sockets: dict[int, socket.socket] = field(default_factory=dict)
    _by_namespace: dict[Path, list[int]] = field(default_factory=dict)
    _accepted: dict[int, socket.socket] = field(default_factory=dict)
    _started: bool = False

    def listen(self, namespace: Path, address: str, ports: Iterable[PortRange]) -> None:
        """Answer on some ports; those that something else answers on already are left to it."""
        with entered(namespace):
            for port in ports:
                listener = socket.socket(type=_TYPES[port.protocol])
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.settimeout(0)
                try:
                    listener.bind((address, port.first))
                except OSError as error:
                    listener.close()
                    if error.errno != errno.EADDRINUSE:
                        raise
                    continue
                if port.protocol is Protocol.TCP:
                    # What a caller opens and ends without a word, the kernel answers alone.
                    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _SILENT_SECONDS)
                    listener.listen(_BACKLOG)
                else:
                    listener.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _WAITING_BYTES)
                self._sockets[listener.fileno()] = listener
                self._by_namespace.setdefault(namespace, []).append(listener.fileno())
                self._poll.register(listener.fileno(), select.EPOLLIN)
        if not self._started:
            self._started = True
            threading.Thread(target=self._answer, daemon=True).start()

    def close(self, namespace: Path) -> None:
        """Stop answering in a network namespace."""
        for number in self._by_namespace.pop(namespace, ()):
            self._poll.unregister(number)
            self._sockets.pop(number).close()

    def _answer(self) -> None:
        while True:
            for number, _ in self._poll.poll():
                if number in self._accepted:
                    self._send_back(number)
                    continue
                listener = self._sockets.get(number)
                if listener is None:
                    continue
                try:
                    if listener.type is socket.SOCK_STREAM:
                        self._accept(listener)
                    else:
                        content, sender = listener.recvfrom(512)
                        listener.sendto(content, sender)
                except OSError:
                    continue  # the caller is gone, or the listener

    def _accept(self, listener: socket.socket) -> None:
        accepted, _ = listener.accept()
        accepted.settimeout(0)
        self._accepted[accepted.fileno()] = accepted
        self._poll.register(accepted.fileno(), select.EPOLLIN)

    def _send_back(self, number: int) -> None:
        """Send back what a caller sends, until the caller ends the connection."""
        accepted = self._accepted[number]
        try:
            content = accepted.recv(512)
            if content:
                accepted.send(content)
                return
        except BlockingIOError:
            return
        except OSError:
            pass  # the caller is gone
        self._poll.unregister(number)
        self._accepted.pop(number).close()


def allow_many_files() -> None:
    """Let this process hold a socket for each connection that is tried at once."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, _MOST_FILES), most))


def attempt_all(attempts: Sequence[Attempt], seconds: float, ending: Ending = Ending.CLOSED) -> list[Answer]:
    """Try connections, all at once, and return what came of each.

    Args:
        attempts: What to try.
        seconds: After which a connection counts as stopped. TCP asks again after one second.
        ending: How each ends.

    Raises:
        OSError: A connection cannot be tried at all.
    """
    return [each.answer for each in try_all(attempts, seconds, ending)]


def try_all(attempts: Sequence[Attempt], seconds: float, ending: Ending = Ending.CLOSED) -> list[Tried]:
    """Do the same as `attempt_all`, and return the ports that the connections were opened from as well.

    Raises:
        OSError: A connection cannot be tried at all.
    """
    tried = _Round(attempts, seconds, ending)
    return [Tried(answer, port) for answer, port in zip(tried.answers(), tried.source_ports, strict=True)]


class _Round:
    def __init__(self, attempts: Sequence[Attempt], seconds: float, ending: Ending) -> None:
        self._attempts = attempts
        self._ending = ending
        self._seconds = seconds
        self._poll = select.epoll()
        self._open: dict[int, tuple[int, socket.socket]] = {}
        self._answers: dict[int, Answer] = {}
        self._ports: dict[int, int] = {}

    @property
    def source_ports(self) -> list[int]:
        return [self._ports[number] for number in range(len(self._attempts))]

    def answers(self) -> list[Answer]:
        by_source: dict[Path, list[int]] = {}
        for number, attempt in enumerate(self._attempts):
            by_source.setdefault(attempt.source, []).append(number)
        begun = time.monotonic()
        for source, numbers in by_source.items():
            with entered(source):
                for number in numbers:
                    self._begin(number)
        again = list(_AGAIN_SECONDS[1:])
        # Counted from when the last one was begun; with many, beginning them takes a while.
        begun, end = time.monotonic(), time.monotonic() + self._seconds
        while self._open and (left := end - time.monotonic()) > 0:
            if again and time.monotonic() - begun > again[0]:
                again.pop(0)
                for number, unanswered in list(self._open.values()):
                    if self._attempts[number].port.protocol is Protocol.UDP:
                        self._ask(number, unanswered)
            for descriptor, _ in self._poll.poll(min(left, 0.1)):
                self._see(descriptor)
        for number, unanswered in self._open.values():
            self._answers[number] = Answer.SILENT
            unanswered.close()
        self._poll.close()
        return [self._answers[number] for number in range(len(self._attempts))]

    def _begin(self, number: int) -> None:
        attempt = self._attempts[number]
        opened = socket.socket(type=_TYPES[attempt.port.protocol])
        opened.settimeout(0)
        is_stream = attempt.port.protocol is Protocol.TCP
        if is_stream and self._ending is Ending.RESET:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._open[opened.fileno()] = (number, opened)
        self._poll.register(opened.fileno(), select.EPOLLOUT if is_stream else select.EPOLLIN)
        failed = opened.connect_ex((attempt.address, attempt.port.first))
        self._ports[number] = opened.getsockname()[1]
        if failed not in (0, errno.EINPROGRESS):
            self._end(opened.fileno(), failed)
        elif not is_stream:
            self._ask(number, opened)

    def _ask(self, _number: int, opened: socket.socket) -> None:
        try:
            opened.send(QUESTION)
        except OSError as error:
            self._end(opened.fileno(), error.errno or 0)

    def _see(self, descriptor: int) -> None:
        if descriptor not in self._open:
            return
        number, opened = self._open[descriptor]
        failed = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not failed and self._attempts[number].port.protocol is Protocol.UDP:
            try:
                opened.recv(512)
            except BlockingIOError:
                return
            except OSError as error:
                failed = error.errno or 0
        self._end(descriptor, failed)

    def _end(self, descriptor: int, failed: int) -> None:
        number, opened = self._open.pop(descriptor)
        self._poll.unregister(descriptor)
        opened.close()
        if failed == 0:
            self._answers[number] = Answer.CONNECTED
        elif failed in _REFUSED:
            self._answers[number] = Answer.REFUSED
        elif failed == errno.ETIMEDOUT:
            self._answers[number] = Answer.SILENT
        else:
            raise OSError(failed, f"{self._attempts[number]} cannot be tried: {errno.errorcode.get(failed, failed)}")
