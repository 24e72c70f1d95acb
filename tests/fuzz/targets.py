"""What any bytes at all must not bring about in the parsers that read what strangers send. Each target takes bytes, the
first of which choose how the rest is put to it, and raises when a promise is broken."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from proxy_addon.content_decoding import UndecodableContent, decoder_for
from proxy_addon.eventstream import BrokenFrame, EventStreamParser
from proxy_addon.framing import Parser
from proxy_addon.identify import account_mark, caller_of, key_header, proxy_user
from proxy_addon.json_lines import LineParser
from proxy_addon.shapes import UnreadableRequest, shape_for
from proxy_addon.sse import SseParser
from proxy_addon.tap import Tap

ENCODINGS = ("", "identity", "gzip", "deflate", "br", "zstd", "x-gzip")
TYPES = ("", "text/event-stream", "application/json", "application/vnd.amazon.eventstream", "application/x-ndjson")
PATHS = (
    "/v1/messages",
    "/v1/chat/completions",
    "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
    "/model/x/invoke",
)
SHAPES = tuple(ApiShape)
MOST_UNFOLDED = 100_000
FACTS = RequestFacts(model="gpt-5-mini", is_stream=True, body_bytes=10)


def chunked(data: bytes, step: int) -> Iterator[bytes]:
    """The data in chunks of 1 to 16 bytes, all of one size."""
    size = step % 16 + 1
    return (data[start : start + size] for start in range(0, len(data), size))


def _told(parser: Parser, chunks: Iterator[bytes]) -> tuple[list[bytes], str]:
    """The events, and the error that ended them."""
    events: list[bytes] = []
    try:
        for chunk in chunks:
            events += parser.feed(chunk)
        events += parser.close()
    except BrokenFrame as error:
        return events, str(error)
    return events, ""


def _same_in_any_chunking(made: Callable[[], Parser], data: bytes) -> None:
    step, data = (data[0], data[1:]) if data else (0, data)
    whole, whole_error = _told(made(), iter([data]))
    parts, parts_error = _told(made(), chunked(data, step))
    assert whole_error == parts_error
    assert parts[: len(whole)] == whole if whole_error else parts == whole


def events(data: bytes) -> None:
    """Server-sent events are the same in any chunking, and never raise."""
    _same_in_any_chunking(lambda: SseParser(4_096), data)
    _same_in_any_chunking(lambda: LineParser(4_096), data)


def frames(data: bytes) -> None:
    """Amazon's frames are the same in any chunking, and are whole, or broken."""
    _same_in_any_chunking(lambda: EventStreamParser(65_536), data)


def decoding(data: bytes) -> None:
    """A body unfolds to the same in any chunking, and to no more than is allowed, or is told to be undecodable."""
    if len(data) < 2:
        return
    encoding, step, data = ENCODINGS[data[0] % len(ENCODINGS)], data[1], data[2:]
    results = [_unfolded(encoding, chunks) for chunks in (iter([data]), chunked(data, step))]
    assert results[0][1] == results[1][1], "whether it can be decoded does not hang on its chunks"
    assert results[0][1] or results[0][0] == results[1][0]


def _unfolded(encoding: str, chunks: Iterator[bytes]) -> tuple[bytes, bool]:
    decoder, out = decoder_for(encoding, MOST_UNFOLDED), bytearray()
    if decoder is None:
        return b"", True
    try:
        for chunk in chunks:
            for piece in decoder.decode(chunk):
                out += piece
                assert len(out) <= MOST_UNFOLDED
    except UndecodableContent:
        return bytes(out), True
    return bytes(out), False


def requests(data: bytes) -> None:
    """A request's body tells facts that can be reckoned with, or is unreadable."""
    if len(data) < 2:
        return
    shape, path, body = SHAPES[data[0] % len(SHAPES)], PATHS[data[1] % len(PATHS)], data[2:]
    try:
        facts = shape_for(shape).read_request(path, {"content-type": "application/json"}, body)
    except UnreadableRequest:
        return
    assert facts.body_bytes >= 0
    assert facts.output_limit is None or facts.output_limit >= 0
    reader = shape_for(shape).socket_reader(facts)
    if reader is not None:
        reader.sent(body)
        reader.received(body)
        reader.open_turns()


def answers(data: bytes) -> None:
    """An answer goes on to the byte, whatever it says; what is made of it is never below nothing."""
    if len(data) < 4:
        return
    shape, kind, encoding = SHAPES[data[0] % len(SHAPES)], TYPES[data[1] % len(TYPES)], ENCODINGS[data[2] % 4]
    step, body = data[3], data[4:]
    tap = Tap(shape_for(shape).reader(FACTS), content_type=kind, content_encoding=encoding)
    assert b"".join(tap.tap(chunk) for chunk in chunked(body, step)) == body
    facts = tap.finish()
    usage = facts.usage
    amounts = (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
    assert all(amount is None or amount >= 0 for amount in amounts)
    assert facts.output_bytes >= 0


def callers(data: bytes) -> None:
    """Whoever calls with whatever headers is somebody or nobody, and nothing raises."""
    text = data.decode("utf-8", "surrogateescape")  # as mitmproxy reads headers
    parts = text.split("\n")
    headers: Mapping[str, str] = {
        name: parts[number % len(parts)]
        for number, name in enumerate(
            ("authorization", "x-api-key", "x-goog-api-key", "api-key", "x-bursar-key", "x-bursar-task",
             "x-bursar-session", "user-agent", "proxy-authorization")
        )
    }  # fmt: skip
    caller = caller_of(headers, parts[0], proxy_user(parts[-1]))
    assert len(caller.task) <= 1_000
    assert len(caller.session) <= 1_000
    account_mark(key_header("openai", data.decode("latin-1")))


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (events, frames, decoding, requests, answers, callers)
}
"""All of them by name."""

_STREAM = (
    b'event: message_start\ndata: {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 9}}}\n\n'
)
_CHAT = json.dumps({"model": "gpt-5-mini", "max_tokens": 9, "stream": True, "tools": [{"type": "function"}], "n": 2,
                    "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}).encode()  # fmt: skip
_ANSWER = json.dumps({"id": "1", "model": "gpt-5-mini", "usage": {"prompt_tokens": 9, "completion_tokens": 5},
                      "choices": [{"message": {"content": "x", "tool_calls": [{"id": "a"}]}}]}).encode()  # fmt: skip
SEEDS: Mapping[str, tuple[bytes, ...]] = {
    "events": (b"\x03" + _STREAM * 2, b"\x00\xef\xbb\xbfdata: a\r\ndata:b\r\r\n:c\n\n", b'\x07{"a": 1}\n{"b": 2}\n'),
    "frames": (b"\x05\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff",),
    "decoding": (b"\x02\x03" + gzip.compress(_CHAT, mtime=0), b"\x03\x01" + zlib.compress(_CHAT), b"\x00\x00" + _CHAT),
    "requests": tuple(bytes([number, number % 4]) + _CHAT for number in range(len(SHAPES))),
    "answers": tuple(
        bytes([number, kind, 0, 7]) + body
        for number in range(len(SHAPES))
        for kind, body in ((1, _STREAM), (1, b"data: " + _ANSWER + b"\n\ndata: [DONE]\n\n"), (2, _ANSWER))
    ),
    "callers": (b"Bearer bsr_abc\nsk-ant-x\nBasic eDp5\ncurl/8", b"", b"Basic eDp5", "Basic é".encode()),
}
"""Bytes from which others are made."""
