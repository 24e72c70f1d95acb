"""Request facts of the four shapes: what is held for is read, and what could be read in two ways is rejected."""

import json
from typing import Any

import pytest

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from proxy_addon.shapes import UnreadableRequest, shape_for

CHAT, RESPONSES, MESSAGES, GEMINI = (
    ApiShape.OPENAI_CHAT,
    ApiShape.OPENAI_RESPONSES,
    ApiShape.ANTHROPIC_MESSAGES,
    ApiShape.GEMINI,
)
GEMINI_PATH = "/v1beta/models/gemini-4-argon:generateContent"
SOCKETS = (ApiShape.OPENAI_REALTIME, ApiShape.GEMINI_LIVE)
PATHS = {
    GEMINI: GEMINI_PATH,
    ApiShape.GEMINI_EMBEDDINGS: "/v1beta/models/gemini-embedding-2:embedContent",
    ApiShape.BEDROCK_CONVERSE: "/model/a.b-v1%3A0/converse",
    ApiShape.BEDROCK_INVOKE: "/model/a.b-v1%3A0/invoke",
}
JSON_SHAPES = [shape for shape in ApiShape if shape not in (*SOCKETS, ApiShape.UNMETERED)]
IMAGE = {"type": "image", "source": {"type": "url", "url": "x"}}


def read(shape: ApiShape, body: bytes | dict[str, Any], path: str = "", **headers: str) -> RequestFacts:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return shape_for(shape).read_request(path or PATHS.get(shape, "/v1"), named, raw)


@pytest.mark.parametrize("shape", JSON_SHAPES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no",
        b"[]",
        b"null",
        b'"text"',
        b"{",
        b'{"model":"m"}x',
        b'{"model":NaN}',
        b'{"a":' + b"[" * 100000,
        b'{"model":"m","a":"\xff"}',
    ],
)
def test_what_is_no_json_object_is_rejected(shape: ApiShape, body: bytes) -> None:
    with pytest.raises(UnreadableRequest) as caught:
        read(shape, body)
    assert "\xff" not in str(caught.value)


@pytest.mark.parametrize("shape", JSON_SHAPES)
@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"cheap","model":"dear"}',
        b'{"model":"same","model":"same"}',
        b'{"model":"cheap","mod\\u0065l":"dear"}',
        b'{"max_tokens":1,"model":"m","max_tokens":100000}',
        b'{"max_tokens":1,"model":"m","max_tokens":12}',
        b'{"model":"m","a":",\\"b\\":1","a":1}',
        b'{"model":"m","messages":[],"x":{"model":1},"messages":[]}',
    ],
)
def test_a_key_given_twice_is_rejected(shape: ApiShape, body: bytes) -> None:
    with pytest.raises(UnreadableRequest, match="twice"):
        read(shape, body)


def test_a_key_given_twice_in_geminis_limits_is_rejected() -> None:
    with pytest.raises(UnreadableRequest, match="twice"):
        read(GEMINI, b'{"generationConfig":{"maxOutputTokens":1,"maxOutputTokens":9}}')


@pytest.mark.parametrize(
    "body", [b' {"model" : "m" ,\n"n":1} \n', b'{"model":"m"}', b'{"model":"m","a":"x,\\"model\\":1"}']
)
def test_white_space_and_texts_that_look_like_keys_are_no_second_key(body: bytes) -> None:
    assert read(CHAT, body).model == "m"


def test_half_a_surrogate_pair_is_taken_as_providers_take_it() -> None:
    assert read(CHAT, b'{"model":"m","messages":[{"role":"user","content":"\\ud83d"}]}').model == "m"


@pytest.mark.parametrize("shape", [CHAT, RESPONSES, MESSAGES])
@pytest.mark.parametrize("body", [{}, {"model": ""}, {"model": None}, {"model": 3}, {"model": ["m"]}])
def test_a_request_without_a_model_is_rejected(shape: ApiShape, body: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRequest, match="model"):
        read(shape, body)


@pytest.mark.parametrize(
    ("shape", "key"),
    [
        (CHAT, "max_tokens"),
        (CHAT, "max_completion_tokens"),
        (CHAT, "n"),
        (RESPONSES, "max_output_tokens"),
        (MESSAGES, "max_tokens"),
    ],
)
@pytest.mark.parametrize("limit", [-1, "100", True, 1.5, [1], 10**18, {}])
def test_a_limit_that_is_no_count_is_rejected(shape: ApiShape, key: str, limit: object) -> None:
    with pytest.raises(UnreadableRequest, match=key):
        read(shape, {"model": "m", key: limit})


@pytest.mark.parametrize("shape", [CHAT, RESPONSES, MESSAGES])
def test_stream_must_be_a_boolean(shape: ApiShape) -> None:
    assert read(shape, {"model": "m", "stream": True}).is_stream
    assert not read(shape, {"model": "m", "stream": None}).is_stream
    with pytest.raises(UnreadableRequest, match="stream"):
        read(shape, {"model": "m", "stream": "true"})


def test_limits_choices_and_tiers_are_read() -> None:
    facts = read(CHAT, {"model": "m", "max_tokens": 5, "max_completion_tokens": 9, "n": 3, "service_tier": "flex"})
    assert (facts.output_limit, facts.choices, facts.service_tier) == (9, 3, "flex")
    assert read(RESPONSES, {"model": "m", "max_output_tokens": 7.0}).output_limit == 7
    assert read(MESSAGES, {"model": "m", "max_tokens": 4, "speed": "fast"}).speed == "fast"
    config = {"maxOutputTokens": 5, "candidateCount": 2}
    facts = read(GEMINI, {"generationConfig": config, "generation_config": {"max_output_tokens": 8}})
    assert (facts.output_limit, facts.choices) == (8, 2)


@pytest.mark.parametrize(
    ("path", "model", "is_stream"),
    [
        (GEMINI_PATH, "gemini-4-argon", False),
        ("/v1/models/gemini-3%2E5-flash:streamGenerateContent?alt=sse", "gemini-3.5-flash", True),
        ("/v1/projects/p/locations/l/publishers/google/models/g-1:streamGenerateContent", "g-1", True),
    ],
)
def test_gemini_tells_model_and_stream_in_the_path(path: str, model: str, is_stream: bool) -> None:
    facts = read(GEMINI, {"contents": []}, path)
    assert (facts.model, facts.is_stream) == (model, is_stream)


def test_a_gemini_path_without_a_model_is_rejected() -> None:
    with pytest.raises(UnreadableRequest):
        read(GEMINI, {}, "/v1beta/models")


def user(*content: object) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(content)}]


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (MESSAGES, {"messages": user(IMAGE)}),
        (MESSAGES, {"messages": user({"type": "tool_result", "tool_use_id": "t", "content": [IMAGE]})}),
        (MESSAGES, {"messages": user({"type": "document", "source": {"type": "file", "file_id": "f"}})}),
        (MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        (MESSAGES, {"mcp_servers": [{"url": "x"}]}),
        (CHAT, {"messages": user({"type": "image_url", "image_url": {"url": "x"}})}),
        (CHAT, {"messages": user({"type": "something new"})}),
        (CHAT, {"web_search_options": {"a": 1}}),
        (RESPONSES, {"input": "hi", "previous_response_id": "r"}),
        (RESPONSES, {"input": "hi", "conversation": "c"}),
        (RESPONSES, {"input": user({"type": "input_file", "file_id": "f"})}),
        (RESPONSES, {"input": [{"type": "item_reference", "id": "i"}]}),
        (RESPONSES, {"input": "hi", "tools": [{"type": "file_search"}]}),
        (GEMINI, {"contents": [{"parts": [{"fileData": {"fileUri": "x"}}]}]}),
        (GEMINI, {"contents": {"parts": {"inlineData": {"data": "x"}}}}),
        (GEMINI, {"cachedContent": "cachedContents/1"}),
        (GEMINI, {"tools": [{"googleSearch": {}}]}),
    ],
)
def test_input_that_bytes_do_not_bound_is_told(shape: ApiShape, body: dict[str, Any]) -> None:
    assert not read(shape, {"model": "m", **body}).is_input_bounded


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (
            MESSAGES,
            {
                "messages": user({"type": "text", "text": "hi"}),
                "tools": [{"name": "t", "input_schema": {"type": "object"}}],
            },
        ),
        (MESSAGES, {"messages": user({"type": "tool_use", "id": "t", "name": "n", "input": {"type": "image"}})}),
        (
            CHAT,
            {
                "messages": [{"role": "user", "content": "hi"}],
                "tools": [{"type": "function", "function": {"name": "f"}}],
            },
        ),
        (RESPONSES, {"input": user({"type": "input_text", "text": "hi"}), "tools": [{"type": "function"}]}),
        (RESPONSES, {"input": [{"type": "function_call_output", "call_id": "c", "output": "text"}]}),
        (GEMINI, {"contents": [{"parts": [{"text": "hi"}]}], "tools": [{"functionDeclarations": []}]}),
    ],
)
def test_text_and_function_calls_are_bounded_by_bytes(shape: ApiShape, body: dict[str, Any]) -> None:
    facts = read(shape, {"model": "m", **body})
    assert facts.is_input_bounded
    assert facts.body_bytes == len(json.dumps({"model": "m", **body}))


@pytest.mark.parametrize(
    ("control", "expected"),
    [(None, ""), ({"type": "ephemeral"}, "5m"), ({"type": "ephemeral", "ttl": "1h"}, "1h")],
)
def test_the_dearest_cache_write_asked_for_is_told(control: object, expected: str) -> None:
    block = {"type": "text", "text": "hi"} | ({"cache_control": control} if control else {})
    assert read(MESSAGES, {"model": "m", "messages": user(block)}).cache_write == expected


def test_a_cache_mark_hidden_by_escapes_counts_as_the_dearest() -> None:
    assert read(MESSAGES, b'{"model":"m","system":[{"c\\u0061che_control":{"ttl":"1h"}}]}').cache_write == "1h"


def test_searches_are_counted_by_their_limit_or_by_ours() -> None:
    tool = {"type": "web_search_20250305", "name": "web_search"}
    assert read(MESSAGES, {"model": "m", "tools": [tool | {"max_uses": 3}]}).max_web_searches == 3
    assert read(MESSAGES, {"model": "m", "tools": [tool]}).max_web_searches == 20
    assert read(RESPONSES, {"model": "m", "tools": [{"type": "web_search"}], "max_tool_calls": 4}).max_web_searches == 4
    assert read(GEMINI, {"tools": [{"googleSearch": {}}]}).max_web_searches == 10


def test_the_agents_session_is_read() -> None:
    assert read(MESSAGES, {"model": "m"}, x_claude_code_session_id="s1").session == "s1"
    assert read(MESSAGES, {"model": "m", "metadata": {"user_id": '{"session_id":"s2"}'}}).session == "s2"
    assert read(MESSAGES, {"model": "m", "metadata": {"user_id": "user_1"}}).session == ""
    assert read(RESPONSES, {"model": "m", "prompt_cache_key": "s3"}).session == "s3"
    assert read(RESPONSES, {"model": "m"}, session_id="s4").session == "s4"


def test_a_socket_is_opened_without_a_body_and_may_name_its_model_in_the_query() -> None:
    path = "/v1/realtime?model=gpt-realtime-2"
    assert shape_for(ApiShape.OPENAI_REALTIME).read_request(path, {}, b"").model == "gpt-realtime-2"
    for shape in SOCKETS:
        assert read(shape, b"").is_stream
        with pytest.raises(UnreadableRequest, match="WebSocket"):
            read(shape, b"{}")
