"""AWS event streams out of bytes in any chunking: `application/vnd.amazon.eventstream`. No I/O.

A frame is: its length (4 bytes), the length of its headers (4), a CRC of these two (4), headers, payload, a CRC of all
before (4); from the event stream encoding page of the AWS documentation. Bedrock speaks two dialects in it: Converse
names each event in a header, InvokeModel wraps each in base64.
"""

import binascii
import struct
from collections.abc import Mapping
from zlib import crc32

import msgspec

MAX_FRAME_BYTES = 8 * 1024 * 1024
"""Above this a frame is dropped, not held. The documentation allows 24 MB; events of text have some hundred bytes."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_SHORT = struct.Struct(">H")
_STRING = 7
_FIXED_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_SIZED = (6, _STRING)
_OVERHEAD = _PRELUDE.size + _CRC.size


class BrokenFrame(ValueError):
    """A frame whose checksum or lengths are wrong: nothing after it can be told from noise."""


class EventStreamParser:
    """Bytes in, JSON of whole events out: `{"event type": payload}`, or the model's own event where one was wrapped.

    `has_dropped` tells that a frame was too large to be held.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self.has_dropped = False
        self._limit = max_frame_bytes
        self._held = bytearray()
        self._to_skip = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that end in this chunk. Raises BrokenFrame."""
        skipped = min(self._to_skip, len(chunk))
        self._to_skip -= skipped
        self._held += memoryview(chunk)[skipped:]
        events: list[bytes] = []
        position = 0
        while (size := self._next_size(position)) is not None and len(self._held) - position >= size:
            event = _event(bytes(self._held[position : position + size]))
            position += size
            if event:
                events.append(event)
        del self._held[:position]
        return events

    def close(self) -> list[bytes]:
        """Nothing: half a frame is no event."""
        return []

    def _next_size(self, position: int) -> int | None:
        """The length of the frame at a position, None where it cannot be told yet or the frame is skipped."""
        if len(self._held) - position < _PRELUDE.size:
            return None
        size, headers, crc = _PRELUDE.unpack_from(self._held, position)
        if crc32(self._held[position : position + 8]) != crc or size < _OVERHEAD + headers:
            raise BrokenFrame("The prelude of a frame is wrong.")
        if size <= self._limit:
            return int(size)
        self.has_dropped = True
        there = min(size, len(self._held) - position)
        self._to_skip = size - there
        del self._held[position : position + there]
        return None if self._to_skip else self._next_size(position)


def _event(frame: bytes) -> bytes:
    if crc32(frame[: -_CRC.size]) != _CRC.unpack_from(frame, len(frame) - _CRC.size)[0]:
        raise BrokenFrame("The checksum of a frame is wrong.")
    end = _PRELUDE.size + _PRELUDE.unpack_from(frame)[1]
    headers = _headers(frame[_PRELUDE.size : end])
    payload = frame[end : -_CRC.size] or b"{}"
    name = headers.get(":exception-type") or headers.get(":error-code") or headers.get(":event-type", "")
    return _unwrapped(payload) if name == "chunk" else b"{%s:%s}" % (msgspec.json.encode(name), payload)


def _headers(raw: bytes) -> Mapping[str, str]:
    """Names and values of the headers that are texts. Raises BrokenFrame."""
    found: dict[str, str] = {}
    position = 0
    try:
        while position < len(raw):
            name_end = position + 1 + raw[position]
            name, kind = raw[position + 1 : name_end].decode(), raw[name_end]
            position = name_end + 1
            if kind in _SIZED:
                size = _SHORT.unpack_from(raw, position)[0]
                position += _SHORT.size
            else:
                size = _FIXED_SIZES[kind]
            if kind == _STRING:
                found[name] = raw[position : position + size].decode()
            position += size
    except (IndexError, KeyError, struct.error, UnicodeDecodeError):
        raise BrokenFrame("The headers of a frame are wrong.") from None
    return found


class _Chunk(msgspec.Struct):
    bytes: str = ""


def _unwrapped(payload: bytes) -> bytes:
    """The event inside a chunk of InvokeModel; empty where there is none."""
    try:
        return binascii.a2b_base64(msgspec.json.decode(payload, type=_Chunk).bytes)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return b""
