"""Answers that no recording holds: numbers out of all sense, cut streams, fallbacks, errors in a stream."""

import json
from typing import Any

import pytest

from app.core.call import ApiShape
from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes import shape_for

CHAT, RESPONSES, MESSAGES, GEMINI = (
    ApiShape.OPENAI_CHAT,
    ApiShape.OPENAI_RESPONSES,
    ApiShape.ANTHROPIC_MESSAGES,
    ApiShape.GEMINI,
)
USAGE_BODIES: dict[ApiShape, tuple[str, str, dict[str, Any]]] = {
    CHAT: ("usage", "prompt_tokens", {"object": "chat.completion"}),
    RESPONSES: ("usage", "input_tokens", {"object": "response", "status": "completed"}),
    MESSAGES: ("usage", "input_tokens", {"type": "message"}),
    GEMINI: ("usageMetadata", "promptTokenCount", {}),
}


def answer(shape: ApiShape, *payloads: bytes | dict[str, Any] | list[Any]) -> ResponseFacts:
    reader = shape_for(shape).reader(RequestFacts("m", True, 0))
    for payload in payloads:
        reader.feed(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    return reader.facts()


@pytest.mark.parametrize("shape", list(USAGE_BODIES))
@pytest.mark.parametrize("number", [-1, "12", None, True, 1.5, 10**18, 10**400, [], {}])
def test_a_number_out_of_all_sense_is_not_known(shape: ApiShape, number: object) -> None:
    usage, key, rest = USAGE_BODIES[shape]
    assert answer(shape, {**rest, usage: {key: number}}).usage.input_tokens is None


@pytest.mark.parametrize("shape", list(ApiShape))
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[DONE]",
        b"null",
        b"[]",
        b"{}",
        b"\xff\x00",
        b"[" * 100000,
        b'{"usage":NaN}',
        b'{"usage":[1]}',
        b"[[[1]]]",
        b'{"choices":7,"candidates":{},"type":["x"],"response":3,"usageMetadata":"u","message":[],"delta":1,"error":0}',
    ],
)
def test_rubbish_says_nothing(shape: ApiShape, payload: bytes) -> None:
    facts = answer(shape, payload)
    assert not facts.usage.is_known
    assert not facts.is_final


@pytest.mark.parametrize("shape", list(USAGE_BODIES))
def test_a_broken_text_does_not_hide_the_usage(shape: ApiShape) -> None:
    usage, key, rest = USAGE_BODIES[shape]
    body = json.dumps({**rest, "text": "?", usage: {key: 12}}).replace('"?"', '"\\ud83d"').encode()
    assert answer(shape, body).usage.input_tokens == 12


def start(**usage: int) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "m1", "model": "claude-a", "usage": usage}}


def test_anthropic_deltas_replace_and_absent_fields_stay() -> None:
    split = {"cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}}
    first = start(input_tokens=5, cache_read_input_tokens=100, cache_creation_input_tokens=30, output_tokens=1)
    first["message"]["usage"] |= split
    delta = {
        "type": "message_delta",
        "usage": {"input_tokens": 7, "output_tokens": 50, "cache_read_input_tokens": None},
    }
    usage = answer(MESSAGES, first, delta, delta).usage
    assert (usage.input_tokens, usage.output_tokens) == (137, 50)
    assert (usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens) == (100, 30, 20)


def test_an_anthropic_stream_that_is_cut_keeps_its_input_and_counts_its_text() -> None:
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "héllo"}}
    thought = {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}}
    tool = {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{}"}}
    facts = answer(MESSAGES, start(input_tokens=5, output_tokens=1), delta, thought, tool)
    assert (facts.usage.input_tokens, facts.output_bytes, facts.is_final) == (5, 10, False)


def test_an_error_in_an_anthropic_stream_is_told() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}
    assert answer(MESSAGES, start(input_tokens=5), error).error_type == "overloaded_error"


def test_a_hop_before_the_fallback_is_billed_on_top_unless_it_declined_silently() -> None:
    hops = [
        {"type": "message", "model": "claude-a", "input_tokens": 100, "output_tokens": 9},
        {"type": "fallback_message", "model": "claude-b", "input_tokens": 100, "output_tokens": 0},
        {"type": "fallback_message", "model": "claude-c", "input_tokens": 100, "output_tokens": 40},
    ]
    delta = {"type": "message_delta", "usage": {"output_tokens": 40, "iterations": hops}}
    facts = answer(MESSAGES, start(input_tokens=100), delta)
    assert facts.response_model == "claude-c"
    assert [(side.model, side.usage.output_tokens) for side in facts.side_inferences] == [("claude-a", 9)]


def test_chat_usage_is_the_last_one_said_and_nulls_are_skipped() -> None:
    facts = answer(
        CHAT,
        {"choices": [{"delta": {"content": "ab"}}], "usage": {"prompt_tokens": 9, "completion_tokens": 1}},
        {"choices": [{"delta": {"content": "cd"}}], "usage": {"prompt_tokens": 9, "completion_tokens": 2}},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": None},
        b"[DONE]",
    )
    assert (facts.usage.output_tokens, facts.output_bytes, facts.is_final) == (2, 4, True)


def test_chat_usage_of_groqs_own_form_is_read() -> None:
    facts = answer(CHAT, {"choices": [], "x_groq": {"usage": {"prompt_tokens": 9, "completion_tokens": 1}}})
    assert facts.usage.input_tokens == 9


def test_reasoning_outside_the_completion_is_output() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45}
    assert answer(CHAT, {"object": "chat.completion", "usage": usage}).usage.output_tokens == 35


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        ({"cost": 0.0042}, 4_200_000),
        ({"cost_in_usd_ticks": 12_345}, 1234),
        ({"cost": 0.001, "is_byok": True}, None),
        ({"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.01}}, 11_000_000),
        ({"cost": {"total_cost": 1}}, 10**9),
        ({"cost": {"request_cost": 1}}, None),
        ({"cost": -1}, None),
        ({"cost": 1e300}, None),
        ({"cost": "0.1"}, None),
    ],
)
@pytest.mark.parametrize(("shape", "kind"), [(CHAT, "chat.completion"), (RESPONSES, "response")])
def test_a_cost_the_provider_reports_is_read(
    shape: ApiShape, kind: str, cost: dict[str, Any], expected: int | None
) -> None:
    usage = answer(shape, {"object": kind, "usage": cost}).usage
    assert usage.reported_cost_nano_usd == expected


def test_a_background_response_is_not_final_before_it_is_done() -> None:
    assert not answer(RESPONSES, {"object": "response", "status": "queued", "usage": None}).is_final


def test_a_failed_response_tells_its_code_and_what_it_used() -> None:
    response = {
        "id": "r",
        "model": "m",
        "error": {"code": "server_error"},
        "usage": {"input_tokens": 4, "output_tokens": 2},
    }
    facts = answer(RESPONSES, {"type": "response.failed", "response": response})
    assert (facts.error_type, facts.usage.input_tokens, facts.is_final) == ("server_error", 4, True)


def test_searches_of_a_response_are_counted_and_opened_pages_are_not() -> None:
    output = [{"type": "web_search_call", "action": {"type": kind}} for kind in ("search", "open_page", "search")]
    assert (
        answer(RESPONSES, {"object": "response", "output": output, "usage": {"input_tokens": 1}}).usage.web_searches
        == 2
    )


def chunk(**counts: int) -> dict[str, Any]:
    return {"modelVersion": "gemini-4-argon", "usageMetadata": counts}


def test_geminis_last_chunk_counts_and_thoughts_are_output() -> None:
    last = chunk(promptTokenCount=9, candidatesTokenCount=5, thoughtsTokenCount=30, toolUsePromptTokenCount=4)
    usage = answer(GEMINI, chunk(promptTokenCount=8, candidatesTokenCount=90), last).usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (13, 35, 30)


def test_a_gemini_stream_without_sse_is_one_array() -> None:
    usage = answer(
        GEMINI, [chunk(promptTokenCount=8), {"response": chunk(promptTokenCount=9, totalTokenCount=12)}]
    ).usage
    assert (usage.input_tokens, usage.output_tokens) == (9, 3)


@pytest.mark.parametrize(("model", "expected"), [("gemini-2.5-pro", 1), ("gemini-3-flash-preview", 2)])
def test_gemini_searches_are_billed_by_prompt_or_by_query(model: str, expected: int) -> None:
    grounded = {"groundingMetadata": {"webSearchQueries": ["a", "b", "a", ""]}, "finishReason": "STOP"}
    assert answer(GEMINI, {"modelVersion": model, "candidates": [grounded]}).usage.web_searches == expected


@pytest.mark.parametrize(("told", "tier"), [({}, "flex"), ({"serviceTier": "PRIORITY"}, "priority")])
def test_geminis_tier_may_stand_in_a_header(told: dict[str, Any], tier: str) -> None:
    reader = shape_for(GEMINI).reader(RequestFacts("m", False, 0), {"x-gemini-service-tier": "FLEX"})
    reader.feed(json.dumps({"usageMetadata": {"promptTokenCount": 1, **told}}).encode())
    assert reader.facts().service_tier == tier


@pytest.mark.parametrize(
    ("told", "tier"),
    [
        ({"serviceTier": "PRIORITY"}, "priority"),
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex"),
        ({"trafficType": "ON_DEMAND"}, ""),
    ],
)
def test_geminis_tiers_have_one_name(told: dict[str, Any], tier: str) -> None:
    assert answer(GEMINI, {"usageMetadata": {"promptTokenCount": 1, **told}}).service_tier == tier
