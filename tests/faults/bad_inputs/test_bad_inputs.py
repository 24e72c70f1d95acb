"""No reader fails on an input that is wrong, no byte of an answer is lost over it, and nothing impossible is told."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields as fields_of

import pytest

from app.core.call import ApiShape
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.key_limits import KeyLimits
from app.core.usage import Usage
from proxy_addon.attribution import origin_of
from proxy_addon.calls import Head
from proxy_addon.content_decoding import UndecodableContent, decoder_for
from proxy_addon.eventstream import BrokenFrame, EventStreamParser
from proxy_addon.heads import AmbiguousHead, check_request_head, status_of
from proxy_addon.identify import caller_of, proxy_user
from proxy_addon.json_lines import LineParser
from proxy_addon.patience import patience_s
from proxy_addon.permission import forbidden_names
from proxy_addon.routes import Kind, Routes
from proxy_addon.shapes import UnreadableRequest, shape_for
from proxy_addon.shapes.fields import MAX_COUNT
from proxy_addon.sse import SseParser
from proxy_addon.tap import Tap
from proxy_addon.websocket import asks_for_socket, socket_reader
from tests.faults.bad_inputs.inputs import ANSWERS, ENCODINGS_UNKNOWN, FRAMES, PACKED, REQUESTS, STREAMS
from tests.faults.bad_inputs.labels import FIELDS, MESSAGES, PATHS, QUERIES

SHAPES = [shape for shape in ApiShape if shape is not ApiShape.UNMETERED]
ASKED = RequestFacts(model="gpt-5-mini", is_stream=True, body_bytes=100)
CHUNKINGS = (1, 7, 65_536)
SMALL = 100_000
"""Longer ones are not fed byte by byte."""


def _pieces(data: bytes, size: int) -> Iterable[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_read_or_refused(name: str) -> None:
    body = REQUESTS[name]
    for shape in SHAPES:
        try:
            facts = shape_for(shape).read_request("/v1/models/gpt-5-mini:generateContent", {}, body)
        except UnreadableRequest as error:
            _says_nothing_of_it(error)
        else:
            assert facts.output_limit is None or 0 <= facts.output_limit <= MAX_COUNT
            assert facts.body_bytes >= len(body) or shape is ApiShape.OPENAI_MEDIA
    origin_of({}, "/v1/chat/completions", body)
    with suppress(UnreadableRequest):
        forbidden_names(KeyLimits(), "/v1/chat/completions", body)


def _says_nothing_of_it(error: UnreadableRequest) -> None:
    assert "gpt" not in str(error), "the words of a body are nobody's business"


TWICE = [name for name in REQUESTS if name.startswith("the model twice") or name == "the limit twice"]


@pytest.mark.parametrize("name", TWICE)
@pytest.mark.parametrize("shape", [ApiShape.OPENAI_CHAT, ApiShape.ANTHROPIC_MESSAGES, ApiShape.OPENAI_RESPONSES])
def test_a_request_that_gives_a_key_twice_is_refused(name: str, shape: ApiShape) -> None:
    with pytest.raises(UnreadableRequest, match="twice"):
        shape_for(shape).read_request("/v1/chat/completions", {}, REQUESTS[name])


def _is_sensible(facts: ResponseFacts) -> None:
    for field in fields_of(Usage):
        value = getattr(facts.usage, field.name)
        assert value is None or not isinstance(value, int) or value >= 0, field.name
    assert facts.output_bytes >= 0


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read_as_far_as_it_goes(name: str) -> None:
    for shape in SHAPES:
        reader = shape_for(shape).reader(ASKED)
        for _ in range(2):
            reader.feed(ANSWERS[name])
            _is_sensible(reader.facts())


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "application/x-ndjson", ""])
def test_an_answer_is_passed_on_whatever_it_is(name: str, kind: str) -> None:
    body = ANSWERS[name] if kind != "text/event-stream" else b"data: " + ANSWERS[name] + b"\n\n"
    _passes(body, kind, "")


def _passes(body: bytes, kind: str, encoding: str, shape: ApiShape = ApiShape.OPENAI_CHAT) -> Tap:
    tap = Tap(shape_for(shape).reader(ASKED), content_type=kind, content_encoding=encoding)
    passed = b"".join(tap.tap(piece) for piece in _pieces(body, 4_096))
    assert passed == body
    facts = tap.finish()
    _is_sensible(facts)
    assert facts.usage.is_known or facts.output_bytes >= min(1, len(body)), "what is not understood is not free"
    return tap


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("parser", [SseParser, LineParser])
def test_a_stream_is_read_alike_in_any_pieces(name: str, parser: Callable[[], SseParser | LineParser]) -> None:
    data = STREAMS[name]
    read = []
    for size in CHUNKINGS if len(data) < SMALL else CHUNKINGS[2:]:
        events = parser()
        read.append([event for piece in _pieces(data, size) for event in events.feed(piece)] + events.close())
    assert all(one == read[0] for one in read)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("shape", [ApiShape.OPENAI_CHAT, ApiShape.ANTHROPIC_MESSAGES, ApiShape.GEMINI])
def test_a_stream_is_passed_on_whatever_it_is(name: str, shape: ApiShape) -> None:
    _passes(STREAMS[name], "text/event-stream", "", shape)


@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_read_as_far_as_they_go(name: str) -> None:
    data = FRAMES[name]
    for size in CHUNKINGS if len(data) < SMALL else CHUNKINGS[2:]:
        frames = EventStreamParser()
        try:
            for piece in _pieces(data, size):
                for event in frames.feed(piece):
                    assert isinstance(event, bytes)
        except BrokenFrame:
            pass
    for shape in (ApiShape.BEDROCK_CONVERSE, ApiShape.BEDROCK_INVOKE):
        _passes(data, "application/vnd.amazon.eventstream", "", shape)


@pytest.mark.parametrize("name", PACKED)
def test_packed_bytes_are_unpacked_or_not(name: str) -> None:
    encoding, body = PACKED[name]
    for size in CHUNKINGS if len(body) < SMALL else CHUNKINGS[2:]:
        decoder = decoder_for(encoding)
        assert decoder is not None
        given = 0
        try:
            for piece in _pieces(body, size):
                given += sum(len(part) for part in decoder.decode(piece))
        except UndecodableContent:
            pass
        assert given <= 1024**2 + 100 * len(body) + 128 * 1024
    _passes(body, "application/json", encoding)


@pytest.mark.parametrize("name", ENCODINGS_UNKNOWN)
def test_an_encoding_that_is_not_known_is_not_read(name: str) -> None:
    assert decoder_for(name) is None
    assert _passes(b'{"usage":{"prompt_tokens":0,"completion_tokens":0}}', "application/json", name).is_blind


@pytest.mark.parametrize("name", FIELDS)
def test_fields_are_read_as_far_as_they_go(name: str) -> None:
    fields = dict(FIELDS[name])
    caller = caller_of(fields)
    assert isinstance(caller.token, str)
    assert 0 < patience_s(fields) <= 590
    origin_of(fields, "/v1/chat/completions", b"{}")
    assert not asks_for_socket("GET", fields)
    for value in fields.values():
        proxy_user(value)
    for shape in SHAPES:
        shape_for(shape).reader(ASKED, fields).facts()


@pytest.mark.parametrize("name", PATHS)
def test_a_path_leads_where_it_says_or_nowhere(name: str) -> None:
    path, routes = PATHS[name], Routes({"openai": "https://llm.example.com/v1"})
    for method in ("POST", "GET", "PUT", ""):
        route = routes.by_prefix(method, path)
        if route is not None:
            assert "evil" not in route.upstream.host or route.key_use.value == "withheld"
            assert route.kind is not Kind.METERED or ".." not in route.path
        routes.by_host(method, "https", "api.openai.com", 443, path)
        routes.by_host(method, "https", path[:300], 443, path)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_read_as_far_as_it_goes(name: str) -> None:
    head = Head.of("POST", f"/openai/v1/chat/completions?{QUERIES[name]}", ((b"host", b"127.0.0.1"),))
    assert isinstance(head.caller.token, str)
    assert head.path == "/openai/v1/chat/completions"


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("path", ["/openai/v1/responses", "/openai/v1/realtime?model=gpt-realtime"])
def test_messages_of_a_socket_are_read_or_refused(name: str, path: str) -> None:
    route = Routes().by_prefix("POST", path.partition("?")[0])
    assert route is not None
    reader = socket_reader(route, path, {})
    if reader is None:
        pytest.fail("a socket that cannot be metered")
    for turn in reader.received(MESSAGES[name]):
        _is_sensible(turn.answer)
    try:
        reader.sent(MESSAGES[name])
    except UnreadableRequest as error:
        _says_nothing_of_it(error)
    for turn in (*reader.received(MESSAGES[name]), *reader.open_turns()):
        _is_sensible(turn.answer)


@pytest.mark.parametrize("name", [*REQUESTS, *STREAMS])
def test_a_head_that_is_none_is_refused(name: str) -> None:
    data = REQUESTS[name] if name in REQUESTS else STREAMS[name]
    for check in (check_request_head, status_of):
        with pytest.raises(AmbiguousHead):
            check(data)


def test_there_are_three_hundred_of_them() -> None:
    tables = (REQUESTS, ANSWERS, STREAMS, FRAMES, PACKED, ENCODINGS_UNKNOWN, FIELDS, PATHS, QUERIES, MESSAGES)
    assert sum(len(table) for table in tables) >= 300
