"""Sockets: one usage a turn, whoever began it, and several turns side by side."""

import json
from typing import Any

import pytest

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from proxy_addon.shapes import SocketReader, UnreadableRequest, shape_for

RESPONSES, REALTIME, LIVE = ApiShape.OPENAI_RESPONSES, ApiShape.OPENAI_REALTIME, ApiShape.GEMINI_LIVE


def socket_of(shape: ApiShape, model: str = "m") -> SocketReader:
    reader = shape_for(shape).socket_reader(RequestFacts(model, True, 0))
    assert reader is not None
    return reader


def message(kind: str = "", /, **members: Any) -> bytes:
    return json.dumps({"type": kind, **members} if kind else members).encode()


def completed(response_id: str, tokens: int, **members: Any) -> bytes:
    response = {"id": response_id, "model": "gpt-6", "usage": {"input_tokens": tokens, "output_tokens": 2}}
    return message("response.completed", response=response, **members)


def test_only_dialects_with_sockets_have_a_reader_for_them() -> None:
    having = {shape for shape in ApiShape if shape_for(shape).socket_reader(RequestFacts("m", True, 0)) is not None}
    assert having == {RESPONSES, REALTIME, LIVE}


def test_each_response_of_a_socket_is_one_turn() -> None:
    socket = socket_of(RESPONSES)
    for number in (1, 2):
        request = socket.sent(message("response.create", model="gpt-6", input=[], max_output_tokens=number))
        assert request is not None
        assert (request.model, request.output_limit, request.is_stream) == ("gpt-6", number, True)
        assert socket.received(message("response.created", response={"id": f"r{number}", "usage": None})) == []
        assert socket.received(message("response.output_text.delta", delta="hello")) == []
        [turn] = socket.received(completed(f"r{number}", number))
        assert turn.request is request
        assert (turn.answer.response_id, turn.answer.usage.input_tokens) == (f"r{number}", number)
        assert (turn.answer.output_bytes, turn.answer.is_final) == (5, True)
    assert socket.open_turns() == []


def test_responses_side_by_side_are_told_apart_by_their_stream() -> None:
    socket = socket_of(RESPONSES)
    first = socket.sent(message("response.create", model="a", stream_id="1"))
    second = socket.sent(message("response.create", model="b", stream_id="2"))
    [later] = socket.received(completed("r2", 20, stream_id="2"))
    [earlier] = socket.received(completed("r1", 10, stream_id="1"))
    assert (later.request, earlier.request) == (second, first)
    assert (later.answer.usage.input_tokens, earlier.answer.usage.input_tokens) == (20, 10)


def test_an_error_on_a_socket_ends_the_turn_with_its_code() -> None:
    socket = socket_of(RESPONSES)
    request = socket.sent(message("response.create", model="a"))
    [turn] = socket.received(message("error", status=400, error={"code": "previous_response_not_found"}))
    assert (turn.request, turn.answer.error_type) == (request, "previous_response_not_found")


def test_a_response_that_cannot_be_priced_is_rejected_and_begins_nothing() -> None:
    socket = socket_of(RESPONSES)
    with pytest.raises(UnreadableRequest, match="model"):
        socket.sent(message("response.create", input=[]))
    assert socket.open_turns() == []


def test_what_is_open_when_a_socket_closes_is_told_with_what_was_seen() -> None:
    socket = socket_of(RESPONSES)
    socket.sent(message("response.create", model="a"))
    socket.sent(message("response.create", model="b"))
    socket.received(message("response.output_text.delta", delta="hello"))
    seen = [
        (turn.request.model, turn.answer.output_bytes, turn.is_begun) for turn in socket.open_turns() if turn.request
    ]
    assert seen == [("a", 5, True), ("b", 0, False)]


def test_a_realtime_response_the_provider_began_by_itself_has_no_request() -> None:
    socket = socket_of(REALTIME)
    socket.received(message("session.created", session={"model": "gpt-realtime-2"}))
    usage = {"input_tokens": 9, "output_tokens": 3, "input_token_details": {"audio_tokens": 5, "cached_tokens": 4}}
    socket.received(message("response.created", response={"id": "r"}))
    [turn] = socket.received(message("response.done", response={"id": "r", "usage": usage}))
    assert turn.request is None
    assert (turn.answer.response_model, turn.answer.usage.input_audio_tokens) == ("gpt-realtime-2", 5)
    assert turn.answer.usage.cache_read_tokens == 4


def test_speech_begins_a_realtime_turn_where_the_provider_hears_its_end() -> None:
    socket = socket_of(REALTIME)
    speech = message("input_audio_buffer.append", audio="AAAA")
    assert socket.sent(speech) is None
    socket.received(
        message("session.updated", session={"audio": {"input": {"turn_detection": {"type": "server_vad"}}}})
    )
    request = socket.sent(speech)
    assert request is not None
    assert socket.sent(speech) is None
    [waiting] = socket.open_turns()
    assert (waiting.request, waiting.is_begun) == (request, False)
    [turn] = socket.received(message("response.done", response={"id": "r"}, usage={"input_tokens": 1}))
    assert turn.request is request


def test_a_realtime_turn_has_the_limit_of_its_session_or_its_own() -> None:
    socket = socket_of(REALTIME)
    socket.sent(message("session.update", session={"max_output_tokens": 40}))
    request = socket.sent(message("response.create"))
    assert request is not None
    assert request.output_limit == 40
    request = socket.sent(message("response.create", response={"max_output_tokens": "inf"}))
    assert request is not None
    assert request.output_limit is None


def test_a_live_turn_spans_a_tool_call_and_its_result() -> None:
    socket = socket_of(LIVE)
    setup = {"model": "models/gemini-live-9", "generationConfig": {"maxOutputTokens": 7}}
    assert socket.sent(message(setup=setup)) is None
    assert socket.sent(message(client_content={"turns": []})) is None
    request = socket.sent(message(client_content={"turn_complete": True}))
    assert request is not None
    assert (request.model, request.output_limit) == ("gemini-live-9", 7)
    assert socket.received(message(toolCall={"functionCalls": [{"name": "f"}]})) == []
    assert socket.sent(message(tool_response={})) is None
    [turn] = socket.received(
        message(serverContent={"turnComplete": True}, usageMetadata={"promptTokenCount": 8, "responseTokenCount": 2})
    )
    assert turn.request is request
    assert (turn.answer.usage.input_tokens, turn.answer.usage.output_tokens, turn.answer.is_final) == (8, 2, True)
    assert socket.open_turns() == []
    assert socket.sent(message(realtimeInput={"audio": {}})) is not None


@pytest.mark.parametrize("shape", [RESPONSES, REALTIME, LIVE])
@pytest.mark.parametrize("rubbish", [b"", b"\xff\x00", b"[]", b'{"type":7}', b'{"type":"response.done","response":3}'])
def test_rubbish_on_a_socket_raises_nothing(shape: ApiShape, rubbish: bytes) -> None:
    socket = socket_of(shape)
    assert socket.sent(rubbish) is None
    assert [turn.answer.usage.is_known for turn in socket.received(rubbish)] in ([], [False])
