"""What the meter and its ledger's writer say to each other: whole values, one after the other, over a socket of theirs.

Before each value stand its length, how it is written down, and a number by which an answer finds its question. Most
are pickled; nobody else has an end of that socket. What is said with every call is `sent_short`, by msgspec: a pickle
takes dataclasses apart and puts them together in Python, which takes ten times as long (measured).
"""

import pickle
import socket
import struct
from dataclasses import dataclass
from typing import Any

import msgspec

_HEAD = struct.Struct("!IBQ")
_PICKLED = 0


@dataclass(frozen=True, slots=True)
class Packet:
    """A value and its number, 0 where it has none."""

    value: Any
    number: int = 0


def sent_short[T](way: int) -> Any:
    """Marks a dataclass whose fields say their types as one that is sent with every call. Each has its own `way`, from
    1 to 255."""

    def mark(kind: type[T]) -> type[T]:
        assert way not in _KINDS
        _KINDS[way] = kind
        _WAYS[kind] = way
        return kind

    return mark


def packed(value: object, number: int = 0) -> bytes:
    """A value as it is sent. Raises PicklingError, TypeError or AttributeError for what cannot be."""
    if way := _WAYS.get(type(value), _PICKLED):
        try:
            data = _ENCODER.encode(value)
        except (UnicodeEncodeError, OverflowError):  # half a character, or a number beyond 64 bits
            way = _PICKLED
    if not way:
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _HEAD.pack(len(data), way, number) + data


class Unpacker:
    """Takes what came of a socket, in whatever pieces, and gives the packets that are whole."""

    def __init__(self) -> None:
        self._come = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        """Those that `data` completes."""
        self._come += data
        found, at = [], 0
        while len(self._come) - at >= _HEAD.size:
            length, way, number = _HEAD.unpack_from(self._come, at)
            begin = at + _HEAD.size
            if begin + length > len(self._come):
                break
            at = begin + length
            found.append(Packet(_unpacked(way, self._come[begin:at]), number))
        del self._come[:at]
        return found


def received(line: socket.socket) -> Any:
    """The next value that comes, and nothing of what follows it. Blocks; None at the end. Raises OSError."""
    head = _read(line, _HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, way, _number = _HEAD.unpack(head)
    data = _read(line, length)
    return _unpacked(way, data) if len(data) == length else None


def _read(line: socket.socket, length: int) -> bytes:
    """So many bytes, fewer at the end."""
    come = b""
    while len(come) < length and (data := line.recv(length - len(come))):
        come += data
    return come


def _unpacked(way: int, data: bytes | bytearray) -> Any:
    if way == _PICKLED:
        return pickle.loads(data)
    decoder = _DECODERS.get(way)
    if decoder is None:
        decoder = _DECODERS[way] = msgspec.msgpack.Decoder(_KINDS[way])
    return decoder.decode(data)


_ENCODER = msgspec.msgpack.Encoder()
_KINDS: dict[int, type] = {}
_WAYS: dict[type, int] = {}
_DECODERS: dict[int, msgspec.msgpack.Decoder[Any]] = {}
