"""Answers of the dialects beside the four that most agents speak, whole and cut short."""

import json
from typing import Any

from app.core.call import ApiShape
from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes import shape_for


def answer(shape: ApiShape, *payloads: bytes | dict[str, Any]) -> ResponseFacts:
    reader = shape_for(shape).reader(RequestFacts("asked", True, 0))
    for payload in payloads:
        reader.feed(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    return reader.facts()


def test_converse_counts_the_cache_beside_its_input() -> None:
    usage = {
        "inputTokens": 3,
        "outputTokens": 9,
        "cacheReadInputTokens": 100,
        "cacheWriteInputTokens": 50,
        "cacheDetails": [{"inputTokens": 20, "ttl": "1h"}, {"inputTokens": 30, "ttl": "5m"}],
        "totalTokens": 162,
    }
    facts = answer(
        ApiShape.BEDROCK_CONVERSE,
        {"contentBlockDelta": {"delta": {"text": "hello"}}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": usage, "serviceTier": {"type": "flex"}}},
    )
    assert (facts.usage.input_tokens, facts.usage.output_tokens, facts.usage.cache_write_1h_tokens) == (153, 9, 20)
    assert (facts.output_bytes, facts.is_final, facts.service_tier, facts.response_model) == (5, True, "flex", "asked")


def test_a_converse_stream_that_is_cut_counts_its_text_and_tool_arguments() -> None:
    facts = answer(
        ApiShape.BEDROCK_CONVERSE,
        {"contentBlockStart": {"start": {"toolUse": {"name": "f", "toolUseId": "t"}}}},
        {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"a":1}'}}}},
        {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "hm"}}}},
    )
    assert (facts.output_bytes, facts.is_final, facts.usage.is_known) == (10, False, False)


def test_claude_at_bedrock_keeps_its_own_counts_before_the_metrics() -> None:
    facts = answer(
        ApiShape.BEDROCK_INVOKE,
        {"type": "message_start", "message": {"model": "claude-x", "usage": {"input_tokens": 5, "output_tokens": 1}}},
        {"type": "message_delta", "usage": {"output_tokens": 88}},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 5, "outputTokenCount": 72}},
    )
    assert (facts.usage.input_tokens, facts.usage.output_tokens, facts.is_final) == (5, 88, True)


def test_a_stream_of_another_model_at_bedrock_is_final_with_its_metrics() -> None:
    first = {"generation": "Here", "prompt_token_count": 23, "generation_token_count": 1}
    last = {"generation": " it", "prompt_token_count": None, "generation_token_count": 120}
    cut = answer(ApiShape.BEDROCK_INVOKE, first)
    whole = answer(
        ApiShape.BEDROCK_INVOKE,
        first,
        last | {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 23, "outputTokenCount": 120}},
    )
    assert (cut.usage.input_tokens, cut.is_final, cut.output_bytes) == (23, False, 4)
    assert (whole.usage.input_tokens, whole.usage.output_tokens, whole.is_final) == (23, 120, True)


def test_ollama_counts_in_its_last_line_however_the_lines_arrive() -> None:
    lines = [
        {"model": "llama3", "message": {"content": "hel"}, "done": False},
        {"model": "llama3", "message": {"content": "lo"}, "done": True, "prompt_eval_count": 7, "eval_count": 2},
    ]
    apart = answer(ApiShape.OLLAMA, *lines)
    together = answer(ApiShape.OLLAMA, b"\n".join(json.dumps(line).encode() for line in lines))
    assert apart == together
    assert (apart.usage.input_tokens, apart.usage.output_tokens, apart.output_bytes) == (7, 2, 5)
    assert (apart.response_model, apart.is_final) == ("llama3", True)


def test_a_prompt_that_ollama_had_cached_is_not_known_rather_than_zero() -> None:
    usage = answer(ApiShape.OLLAMA, {"model": "llama3", "done": True, "eval_count": 2}).usage
    assert (usage.input_tokens, usage.output_tokens) == (None, 2)


def test_both_of_coheres_streams_end_with_their_usage() -> None:
    usage = {
        "billed_units": {"input_tokens": 5, "output_tokens": 2},
        "tokens": {"input_tokens": 66, "output_tokens": 3},
    }
    second = answer(
        ApiShape.COHERE,
        {"type": "message-start", "id": "i"},
        {"type": "content-delta", "delta": {"message": {"content": {"text": "hello"}}}},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
    )
    first = answer(
        ApiShape.COHERE,
        {"event_type": "text-generation", "text": "hello"},
        {"event_type": "stream-end", "response": {"response_id": "i", "text": "hello", "meta": usage}},
    )
    for facts in (first, second):
        assert (facts.usage.input_tokens, facts.usage.output_tokens, facts.output_bytes) == (66, 3, 5)
        assert (facts.response_id, facts.is_final) == ("i", True)
        assert facts.billed is not None
        assert facts.billed.input_tokens == 5


def test_embeddings_know_their_output_where_the_total_tells() -> None:
    usage = answer(ApiShape.OPENAI_EMBEDDINGS, {"usage": {"prompt_tokens": 8, "total_tokens": 8}}).usage
    assert (usage.input_tokens, usage.output_tokens) == (8, 0)
    usage = answer(ApiShape.OPENAI_EMBEDDINGS, {"usage": {"total_tokens": 12}}).usage
    assert (usage.input_tokens, usage.output_tokens) == (12, None)


def test_vertex_counts_each_text_of_an_embedding() -> None:
    prediction = {"embeddings": {"statistics": {"token_count": 4}}}
    usage = answer(ApiShape.GEMINI_EMBEDDINGS, {"predictions": [prediction, prediction]}).usage
    assert (usage.input_tokens, usage.output_tokens) == (8, None)


def test_an_interaction_in_the_background_is_not_final() -> None:
    usage = {"total_input_tokens": 9, "total_output_tokens": 4, "total_thought_tokens": 6, "total_tool_use_tokens": 5}
    waiting = answer(ApiShape.GEMINI_INTERACTIONS, {"object": "interaction", "status": "in_progress", "id": "i"})
    done = answer(
        ApiShape.GEMINI_INTERACTIONS,
        {"event_type": "interaction.created", "interaction": {"id": "i", "model": "g", "status": "in_progress"}},
        {"event_type": "step.delta", "delta": {"type": "text", "text": "hello"}},
        {"event_type": "interaction.completed", "interaction": {"status": "completed", "usage": usage}},
    )
    assert (waiting.is_final, waiting.usage.is_known) == (False, False)
    assert (done.usage.input_tokens, done.usage.output_tokens, done.usage.reasoning_tokens) == (14, 10, 6)
    assert (done.response_model, done.is_final, done.output_bytes) == ("g", True, 5)


def test_a_run_counts_when_it_has_ended() -> None:
    usage = {"prompt_tokens": 381, "completion_tokens": 89, "total_tokens": 470}
    queued = {"object": "thread.run", "status": "queued", "model": "gpt-4o", "usage": None}
    delta = {"object": "thread.message.delta", "delta": {"content": [{"text": {"value": "hello"}}]}}
    facts = answer(
        ApiShape.OPENAI_ASSISTANTS, queued, delta, queued | {"status": "completed", "usage": usage}, b"[DONE]"
    )
    assert (facts.usage.input_tokens, facts.usage.output_tokens, facts.output_bytes) == (381, 89, 5)
    assert (facts.response_model, facts.is_final) == ("gpt-4o", True)
    assert not answer(ApiShape.OPENAI_ASSISTANTS, queued).is_final


def test_pictures_and_transcripts_count_where_their_answer_does() -> None:
    details = {"text_tokens": 10, "image_tokens": 40}
    picture = {
        "created": 1,
        "data": [],
        "usage": {"input_tokens": 50, "output_tokens": 4160, "input_tokens_details": details},
    }
    assert answer(ApiShape.OPENAI_MEDIA, picture).usage.output_tokens == 4160
    spoken = {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "input_token_details": {"audio_tokens": 14}}
    assert answer(ApiShape.OPENAI_MEDIA, {"text": "hi", "usage": spoken}).usage.input_audio_tokens == 14
    whisper = answer(ApiShape.OPENAI_MEDIA, {"text": "hi", "usage": {"type": "duration", "seconds": 3}})
    assert (whisper.usage.is_known, whisper.output_bytes) == (False, 2)
    assert not answer(ApiShape.OPENAI_MEDIA, b"\xff\xfb\x90sound").usage.is_known


def test_the_oldest_endpoint_tells_its_model_and_text_only() -> None:
    facts = answer(ApiShape.ANTHROPIC_COMPLETE, {"completion": " hello", "model": "claude-2", "log_id": "l"})
    assert (facts.response_model, facts.output_bytes, facts.usage.is_known) == ("claude-2", 6, False)


def test_completions_count_as_chat_does() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    facts = answer(
        ApiShape.OPENAI_COMPLETIONS,
        {"model": "m", "choices": [{"text": "hello", "finish_reason": "stop"}], "usage": usage},
    )
    assert (facts.usage.output_tokens, facts.output_bytes, facts.is_final) == (2, 5, True)


def test_errors_are_told_by_the_providers_own_word() -> None:
    assert answer(ApiShape.OPENAI_COMPLETIONS, {"error": {"type": "server_error"}}).error_type == "server_error"
    assert answer(ApiShape.OPENAI_EMBEDDINGS, {"error": {"code": "bad"}}).error_type == "bad"
    assert answer(ApiShape.GEMINI_INTERACTIONS, {"error": {"code": "quota"}}).error_type == "quota"
    assert answer(ApiShape.OLLAMA, {"error": "model not found"}).error_type == "error"
    assert answer(ApiShape.ANTHROPIC_COMPLETE, {"error": {"type": "overloaded_error"}}).error_type == "overloaded_error"
