"""Reads the counters of nftables from the kernel.

Version 1.0.6 of the ``nft`` command ends with a failed assertion where it is to list a set whose elements hold two TCP
flags.
"""

import socket
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

TABLE = "lab_vpc"
"""The table that the imitation keeps its rules and counters in."""

_NETFILTER = 12  # the protocol of the socket
_SUBSYSTEM, _INET = 10 << 8, 1
_NEW_ELEMENTS, _GET_ELEMENTS, _NEW_OBJECT, _GET_OBJECT = (_SUBSYSTEM | number for number in (12, 13, 18, 19))
_ERROR, _DONE = 2, 3
_REQUEST, _DUMP = 0x1, 0x300
_TABLE, _NAME = 1, 2  # the same for sets and for objects
_OBJECT_TYPE, _OBJECT_DATA, _COUNTER = 3, 4, 1
_ELEMENTS, _ELEMENT, _KEY, _VALUE, _EXPRESSION, _EXPRESSION_DATA = 3, 1, 1, 1, 7, 2
_BYTES, _PACKETS = 1, 2
_KEY_PATH = (_ELEMENT, _KEY, _VALUE)
_COUNTER_PATH = (_ELEMENT, _EXPRESSION, _EXPRESSION_DATA)
_BYTES_PATH, _PACKETS_PATH = (*_COUNTER_PATH, _BYTES), (*_COUNTER_PATH, _PACKETS)
_NESTED = {path[:depth] for path in (_KEY_PATH, _BYTES_PATH) for depth in range(1, len(path))}
_NUMBER = 0x3FFF  # an attribute's type without its flags
_HEADER, _FAMILY, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBH"), struct.Struct("=HH")
_RECEIVED = 1 << 17


class Tally(NamedTuple):
    """A number of packets.

    Attributes:
        key: What they have in common, as nftables keeps it: each part begins at a multiple of four bytes.
        packets: How many there are.
        bytes: Their length in all.
    """

    key: bytes
    packets: int
    bytes: int


def tallies(name: str) -> Iterator[Tally]:
    """Yield the elements of a set, each with its counter."""
    length = 0
    for answer in _answers(_GET_ELEMENTS, _DUMP, _texts(name), _NEW_ELEMENTS):
        content = bytes(_only(answer, _ELEMENTS))
        if content and not length:
            length, unpack = _layout(content)
        # All elements of a set have one layout.
        yield from (Tally(*unpack(content, offset)) for offset in range(0, len(content), length or 1))


def _layout(content: bytes) -> tuple[int, Callable[[bytes, int], tuple[bytes, int, int]]]:
    """Return how long an element is, and what reads its key, packets and bytes, from the first element of many."""
    whole, _ = _ATTRIBUTE.unpack_from(content)
    places: dict[tuple[int, ...], tuple[int, int]] = {}
    _place(content[:whole], 0, (), places)
    (key, key_end), (size, _), (packets, _) = (places[path] for path in (_KEY_PATH, _BYTES_PATH, _PACKETS_PATH))
    if not key < size < packets:
        raise OSError("the kernel lays out the elements of a set in another order than this program reads")
    layout = struct.Struct(f"!{key}x{key_end - key}s{size - key_end}xQ{packets - size - 8}xQ")

    def unpack(content: bytes, offset: int) -> tuple[bytes, int, int]:
        held, length, number = layout.unpack_from(content, offset)
        return held, number, length

    return _aligned(whole), unpack


def _place(content: bytes, offset: int, path: tuple[int, ...], places: dict[tuple[int, ...], tuple[int, int]]) -> None:
    """Find where the attributes within an element are."""
    while offset < len(content):
        length, kind = _ATTRIBUTE.unpack_from(content, offset)
        inner = (*path, kind & _NUMBER)
        places[inner] = offset + _ATTRIBUTE.size, offset + length
        if inner in _NESTED:
            _place(content[: offset + length], offset + _ATTRIBUTE.size, inner, places)
        offset += _aligned(length)


def total(name: str) -> int:
    """Return how many packets a named counter has counted."""
    asked = _texts(name) + _attribute(_OBJECT_TYPE, struct.pack("!I", _COUNTER))
    answer = next(_answers(_GET_OBJECT, 0, asked, _NEW_OBJECT))
    return int.from_bytes(_only(_only(answer, _OBJECT_DATA), _PACKETS))


def _answers(kind: int, flags: int, asked: bytes, wanted: int) -> Iterator[memoryview]:
    """Yield the attributes of each message of an answer."""
    body = _FAMILY.pack(_INET, 0, 0) + asked
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | flags, 1, 0) + body)
        while True:
            rest = memoryview(kernel.recv(_RECEIVED))
            while rest:
                length, kind, _, _, _ = _HEADER.unpack_from(rest)
                content = rest[_HEADER.size : length]
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    number = -int.from_bytes(content[:4], "little", signed=True)
                    raise OSError(number, "the kernel does not say what nftables counts")
                if kind == wanted:
                    yield content[_FAMILY.size :]
                    if not flags:
                        return
                rest = rest[_aligned(length) :]


def _attributes(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    while content:
        length, kind = _ATTRIBUTE.unpack_from(content)
        yield kind & _NUMBER, content[_ATTRIBUTE.size : length]
        content = content[_aligned(length) :]


def _only(content: memoryview, kind: int) -> memoryview:
    return dict(_attributes(content)).get(kind, content[:0])


def _texts(name: str) -> bytes:
    return _attribute(_TABLE, f"{TABLE}\0".encode()) + _attribute(_NAME, f"{name}\0".encode())


def _attribute(kind: int, content: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(content)
    return _ATTRIBUTE.pack(length, kind) + content + bytes(_aligned(length) - length)


def _aligned(length: int) -> int:
    return (length + 3) // 4 * 4
