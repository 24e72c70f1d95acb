"""AWS event streams, in any chunking, with frames made by botocore's rules and by hand."""

import base64
import itertools
import struct
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addon.eventstream import BrokenFrame, EventStreamParser


def frame(payload: bytes, **names: str) -> bytes:
    headers = b""
    for name, value in names.items():
        key = b":" + name.replace("_", "-").encode()
        headers += bytes([len(key)]) + key + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return whole + struct.pack(">I", crc32(whole))


METADATA = frame(b'{"usage":{"inputTokens":3}}', message_type="event", event_type="metadata")
CHUNK = frame(b'{"bytes":"%s"}' % base64.b64encode(b'{"type":"ping"}'), event_type="chunk")
ERROR = frame(b'{"message":"m"}', message_type="exception", exception_type="throttlingException")


@given(st.lists(st.integers(0, len(METADATA + CHUNK + ERROR)), max_size=30))
def test_events_are_named_or_unwrapped_in_any_chunking(cuts: list[int]) -> None:
    stream = METADATA + CHUNK + ERROR
    parser = EventStreamParser()
    edges = [0, *sorted(cuts), len(stream)]
    events = [event for start, end in itertools.pairwise(edges) for event in parser.feed(stream[start:end])]
    assert events == [
        b'{"metadata":{"usage":{"inputTokens":3}}}',
        b'{"type":"ping"}',
        b'{"throttlingException":{"message":"m"}}',
    ]
    assert parser.close() == []


def test_headers_of_every_kind_are_passed_over() -> None:
    raw = b"\x01a\x00\x01b\x01\x01c\x02x\x01d\x03xx\x01e\x04xxxx\x01f\x05" + b"x" * 8 + b"\x01g\x06\x00\x02xx\x01h\x08"
    raw += b"x" * 8 + b"\x01i\x09" + b"x" * 16 + b"\x0b:event-type\x07\x00\x01k"
    prelude = struct.pack(">II", 16 + len(raw) + 2, len(raw))
    whole = prelude + struct.pack(">I", crc32(prelude)) + raw + b"{}"
    assert EventStreamParser().feed(whole + struct.pack(">I", crc32(whole))) == [b'{"k":{}}']


@pytest.mark.parametrize("position", [0, 5, 9, 14, 30, len(METADATA) - 1])
def test_a_flipped_bit_is_told(position: int) -> None:
    broken = bytearray(METADATA)
    broken[position] ^= 1
    with pytest.raises(BrokenFrame):
        EventStreamParser().feed(bytes(broken) + METADATA)


def test_lengths_that_do_not_fit_are_told() -> None:
    prelude = struct.pack(">II", 20, 900)
    with pytest.raises(BrokenFrame):
        EventStreamParser().feed(prelude + struct.pack(">I", crc32(prelude)) + bytes(8))


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_a_frame_too_large_is_dropped_and_the_next_one_read(step: int) -> None:
    stream = CHUNK + frame(b'{"text":"%s"}' % (b"x" * 500), event_type="delta") + METADATA
    parser = EventStreamParser(max_frame_bytes=200)
    events = [event for start in range(0, len(stream), step) for event in parser.feed(stream[start : start + step])]
    assert events == [b'{"type":"ping"}', b'{"metadata":{"usage":{"inputTokens":3}}}']
    assert parser.has_dropped


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"bytes":7}', b'{"bytes":"?"}', b"\xff"])
def test_a_chunk_with_nothing_inside_is_no_event(payload: bytes) -> None:
    assert EventStreamParser().feed(frame(payload, event_type="chunk")) == []
