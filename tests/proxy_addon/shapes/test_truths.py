"""What providers get wrong-footed by: one recording for each trap, its figures checked by hand against the raw answer.

Three traps are in no recording: their answers are written after the providers' documentation.
"""

import json
from typing import Any

import pytest

from app.core.call import ApiShape
from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes import shape_for
from tests.proxy_addon.shapes.test_recordings import answer_of
from tests.recordings import needs_recordings, recordings


def recorded(end: str) -> ResponseFacts:
    """The answer of the recording whose name ends so."""
    [recording] = [one for one in recordings() if one.name.endswith(end)]
    return answer_of(recording)


def told(shape: ApiShape, body: dict[str, Any]) -> ResponseFacts:
    reader = shape_for(shape).reader(RequestFacts("asked", False, 0))
    reader.feed(json.dumps(body).encode())
    return reader.facts()


@needs_recordings
@pytest.mark.parametrize(
    ("end", "totals", "side"),
    [
        ("test_anthropic/test_anthropic_advisor_tool.yaml#0", (2390, 121), ("claude-opus-4-8", 2518, 22)),
        ("test_anthropic/test_anthropic_advisor_tool_stream.yaml#0", (2411, 145), ("claude-opus-4-8", 2543, 18)),
        ("test_anthropic/test_anthropic_advisor_tool_redacted.yaml#0", (2482, 166), ("claude-fable-5", 2564, 99)),
    ],
)
def test_an_advisor_is_billed_beside_the_totals(end: str, totals: tuple[int, int], side: tuple[str, int, int]) -> None:
    facts = recorded(end)
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == totals
    [inference] = facts.side_inferences
    assert (inference.model, inference.usage.input_tokens, inference.usage.output_tokens) == side


def test_a_compaction_is_billed_beside_the_totals() -> None:
    iterations = [
        {"type": "compaction", "input_tokens": 99195, "output_tokens": 81},
        {"type": "message", "input_tokens": 162, "output_tokens": 11},
    ]
    facts = told(
        ApiShape.ANTHROPIC_MESSAGES,
        {"type": "message", "usage": {"input_tokens": 162, "output_tokens": 11, "iterations": iterations}},
    )
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (162, 11)
    [inference] = facts.side_inferences
    assert (inference.usage.input_tokens, inference.usage.output_tokens) == (99195, 81)


def test_a_hop_that_declined_before_any_output_is_free_and_the_fallback_names_the_model() -> None:
    iterations = [
        {"type": "message", "model": "claude-a", "input_tokens": 500, "output_tokens": 0},
        {"type": "fallback_message", "model": "claude-b", "input_tokens": 500, "output_tokens": 70},
    ]
    usage = {"input_tokens": 500, "output_tokens": 70, "iterations": iterations}
    facts = told(ApiShape.ANTHROPIC_MESSAGES, {"type": "message", "model": "claude-a", "usage": usage})
    assert (facts.response_model, facts.side_inferences, facts.usage.output_tokens) == ("claude-b", (), 70)


@needs_recordings
@pytest.mark.parametrize(
    ("end", "counts"),
    [
        ("test_openai_prompt_cache/test_openai_chat_prompt_cache_e2e.yaml#0", (4020, 4012, 0, 4)),
        ("test_openai_prompt_cache/test_openai_responses_prompt_cache_e2e.yaml#0", (4020, 4012, 0, 5)),
        ("test_bedrock_mantle/test_reused_tool_call_ids[stream].yaml#2", (158, 43, 0, 32)),
    ],
)
def test_openais_cache_writes_are_parts_of_the_input(end: str, counts: tuple[int, ...]) -> None:
    usage = recorded(end).usage
    assert (usage.input_tokens, usage.cache_write_tokens, usage.cache_read_tokens, usage.output_tokens) == counts


@needs_recordings
@pytest.mark.parametrize(
    ("end", "counts"),
    [
        ("TestOpenAICompatObjectGeneration/xai-grok-4-fast/complex_object.yaml#0", (468, 402, 320, 248_850)),
        ("TestOpenAICompatObjectGeneration/xai-grok-4-fast/complex_object_streaming.yaml#0", (468, 659, 582, 353_050)),
    ],
)
def test_xais_reasoning_stands_outside_its_completion_and_its_ticks_are_the_bill(
    end: str, counts: tuple[int, ...]
) -> None:
    usage = recorded(end).usage
    assert (
        usage.input_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        usage.reported_cost_nano_usd,
    ) == counts


def test_perplexitys_cost_is_an_object() -> None:
    cost = {"input_tokens_cost": 0.00002, "output_tokens_cost": 0.00012, "request_cost": 0.006, "total_cost": 0.00614}
    usage = {"prompt_tokens": 20, "completion_tokens": 120, "total_tokens": 140, "cost": cost}
    facts = told(ApiShape.OPENAI_CHAT, {"object": "chat.completion", "model": "sonar", "usage": usage})
    assert (facts.usage.output_tokens, facts.usage.reported_cost_nano_usd) == (120, 6_140_000)


@needs_recordings
@pytest.mark.parametrize(
    ("end", "counts"),
    [
        ("test_google_model_file_search_grounding_gemini_3[True].yaml#3", (427 + 771, 122 + 447, 447)),
        ("test_code_execution/test_code_execution_stream.yaml#0", (147 + 360, 108 + 168, 168)),
        ("test_structured_output/test_native_output_with_builtin_tools_stream.yaml#0", (87, 78, 78)),
        ("test_google/test_google_model_iter_stream.yaml#2", (79, 12, None)),
    ],
)
def test_geminis_counters_start_anew_and_the_last_chunk_counts(end: str, counts: tuple[int | None, ...]) -> None:
    usage = recorded(end).usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == counts


@pytest.mark.parametrize("sign", [{"prompt_tokens_details": {"audio_tokens": 375}}, {"prompt_audio_seconds": 30}])
def test_mistral_leaves_speech_out_of_its_prompt(sign: dict[str, Any]) -> None:
    usage = {"prompt_tokens": 8, "completion_tokens": 20, "total_tokens": 403, **sign}
    facts = told(ApiShape.OPENAI_CHAT, {"object": "chat.completion", "usage": usage})
    assert (facts.usage.input_tokens, facts.usage.input_audio_tokens, facts.usage.output_tokens) == (383, 375, 20)


def test_mistrals_cached_tokens_have_a_name_of_their_own() -> None:
    usage = {"prompt_tokens": 90, "completion_tokens": 2, "total_tokens": 92, "num_cached_tokens": 64}
    assert told(ApiShape.OPENAI_CHAT, {"object": "chat.completion", "usage": usage}).usage.cache_read_tokens == 64


def test_cohere_bills_less_than_it_processes() -> None:
    usage = {
        "billed_units": {"input_tokens": 25, "output_tokens": 9},
        "tokens": {"input_tokens": 91, "output_tokens": 11},
    }
    facts = told(ApiShape.COHERE, {"id": "x", "finish_reason": "COMPLETE", "usage": usage})
    assert facts.billed is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (91, 11)
    assert (facts.billed.input_tokens, facts.billed.output_tokens) == (25, 9)


def test_rerankings_are_counted_by_their_searches() -> None:
    facts = told(ApiShape.COHERE, {"id": "x", "results": [], "meta": {"billed_units": {"search_units": 3}}})
    assert (facts.search_units, facts.billed, facts.usage.is_known) == (3, None, False)


def test_bedrock_tells_every_models_counts_in_its_headers() -> None:
    headers = {
        "x-amzn-bedrock-input-token-count": "6",
        "x-amzn-bedrock-output-token-count": "43",
        "x-amzn-bedrock-cache-read-input-token-count": "10",
    }
    reader = shape_for(ApiShape.BEDROCK_INVOKE).reader(RequestFacts("cohere.command", False, 0), headers)
    reader.feed(b'{"generations":[{"text":"Hi"}]}')
    usage = reader.facts().usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (16, 10, 43)


@pytest.mark.parametrize("value", ["", "-1", "1e9", "x", "9" * 40])
def test_a_header_that_is_no_count_tells_nothing(value: str) -> None:
    headers = {"x-amzn-bedrock-input-token-count": value}
    reader = shape_for(ApiShape.BEDROCK_CONVERSE).reader(RequestFacts("m", False, 0), headers)
    assert not reader.facts().usage.is_known


def test_an_exception_in_a_bedrock_stream_is_told() -> None:
    for shape in (ApiShape.BEDROCK_CONVERSE, ApiShape.BEDROCK_INVOKE):
        reader = shape_for(shape).reader(RequestFacts("m", True, 0))
        reader.feed(b'{"throttlingException":{"message":"slow down"}}')
        assert reader.facts().error_type == "throttlingException"
        assert not reader.facts().is_final
