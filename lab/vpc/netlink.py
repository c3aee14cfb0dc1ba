"""Reads the counters of nftables from the kernel.

Version 1.0.6 of the ``nft`` command ends with a failed assertion where it is to list a set whose elements hold two TCP
flags.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

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
_NUMBER = 0x3FFF  # an attribute's type without its flags
_HEADER, _FAMILY, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBH"), struct.Struct("=HH")
_RECEIVED = 1 << 17


@dataclass(frozen=True, slots=True)
class Tally:
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
    for answer in _answers(_GET_ELEMENTS, _DUMP, _texts(name), _NEW_ELEMENTS):
        for _, element in _attributes(_only(answer, _ELEMENTS)):
            parts = dict(_attributes(element))
            counted = dict(_attributes(_only(parts[_EXPRESSION], _EXPRESSION_DATA)))
            key = bytes(_only(parts[_KEY], _VALUE))
            yield Tally(key, int.from_bytes(counted[_PACKETS]), int.from_bytes(counted[_BYTES]))


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
