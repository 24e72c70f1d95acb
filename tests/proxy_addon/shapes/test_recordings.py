"""Every recorded exchange through the tap, every recorded socket turn by turn, against the usage expected of it."""

import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.call import ApiShape
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.usage import Usage
from proxy_addon.shapes import Turn, shape_for
from proxy_addon.tap import Tap
from tests.recordings import RecordedSocket, Recording, lines, needs_recordings, recorded_sockets, recordings

pytestmark = needs_recordings

SERVER_TOOL = re.compile(rb'"(googleSearch|codeExecution|fileSearch|urlContext)"')

BYOK = (
    "with a key of one's own the raw `cost` of 0 is the router's fee; `cost_details` tells what was charged behind it"
)
LIVE = (
    "the raw usage tells the output as `candidatesTokenCount`, and its total adds it; only `responseTokenCount` is read"
)
NESTED_SCHEMA = "cassettes/test_openrouter/test_openrouter_google_nested_schema.yaml"
DEFECTS = {
    ("test_litellm_openrouter_no_booleans_in_metrics.yaml#0", "cost"): BYOK,
    (f"{NESTED_SCHEMA}#0", "cost"): BYOK,
    (f"{NESTED_SCHEMA}#1", "cost"): BYOK,
    ("test_gateway_ws/test_gateway_gemini_text_in_audio_out.yaml#0", "output"): LIVE,
    ("test_parity_ws/test_history_seeding_parity[gateway-google].yaml#0", "output"): LIVE,
}
"""Where an expectation is wrong: end of the recording's name, field, why."""

UNREAD_BY_THE_EXPECTATION = (
    "TestGoogle.test_vertex_query",  # Vertex counts each text in its `statistics`
    "test_guardrail_invoke_stream",  # the metrics come before the guardrail's trace, not in the last event
    "test_assistant/test_streaming_",  # a run's usage stands in its `thread.run.completed`
)
UNREADABLE_REQUESTS = (
    "test_invoke_model_with_invalid_model",  # the recorder lost the body
    "test_video_as_binary_content_input",  # its body was cut
)


def facts_of(recording: Recording) -> RequestFacts:
    """Polls of a background response are GETs, and have no body to read; two recorded bodies are lost."""
    if recording.method != "POST" or any(name in recording.name for name in UNREADABLE_REQUESTS):
        return RequestFacts("m", recording.is_stream, 0)
    return shape_for(recording.shape).read_request(recording.path, recording.request_headers, recording.request_body)


def answer_of(recording: Recording, *chunks: bytes) -> ResponseFacts:
    reader = shape_for(recording.shape).reader(facts_of(recording), recording.response_headers)
    tap = Tap(reader, content_type=recording.content_type, content_encoding="")
    passed = b"".join([tap.tap(chunk) for chunk in chunks or (recording.response_body,)])
    assert passed == b"".join(chunks or (recording.response_body,))
    assert not tap.is_blind
    return tap.finish()


def differences(expected: dict[str, Any], answer: ResponseFacts) -> list[str]:
    """Fields that differ. What an expectation leaves out is not compared, and 0 is the same as not said."""
    usage, billed = answer.usage, answer.billed or Usage()
    ours = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cache_read_tokens,
        "cache_write": usage.cache_write_tokens,
        "cache_write_1h": usage.cache_write_1h_tokens,
        "reasoning": usage.reasoning_tokens,
        "web_searches": usage.web_searches,
        "billed_input": billed.input_tokens,
        "billed_output": billed.output_tokens,
        "billed_search_units": answer.search_units,
    }
    found = [key for key, value in ours.items() if expected.get(key) is not None and expected[key] != (value or 0)]
    if expected.get("cost") is not None and round(expected["cost"] * 10**9) != usage.reported_cost_nano_usd:
        found.append("cost")
    side = [(part.model, part.usage.input_tokens, part.usage.output_tokens) for part in answer.side_inferences]
    if [(part["model"], part["input"], part["output"]) for part in expected.get("side") or []] != side:
        found.append("side")
    return found


def turns_of(recorded: RecordedSocket) -> list[Turn]:
    reader = shape_for(recorded.shape).socket_reader(RequestFacts("", True, 0))
    assert reader is not None
    turns: list[Turn] = []
    for is_sent, message in recorded.messages:
        if is_sent:
            reader.sent(message)
        else:
            turns.extend(reader.received(message))
    return turns


def is_defect(name: str, field: str) -> bool:
    return any(name.endswith(end) and field == known for end, known in DEFECTS)


def test_usage_is_the_expected_one_in_every_recording() -> None:
    told = [recording for recording in recordings() if recording.expected is not None]
    wrong = [
        (recording.name, field)
        for recording in told
        for field in differences(recording.expected or {}, answer_of(recording))
        if not is_defect(recording.name, field)
    ]
    assert len(told) > 2700
    assert wrong == []


def test_every_recording_with_a_usage_has_a_shape() -> None:
    read = {recording.name for recording in recordings()} | {socket.name for socket in recorded_sockets()}
    told = {f"{line['source']}#{line['index']}" for line in lines() if line["expected_usage"]}
    assert told <= read


def test_usage_is_the_expected_one_in_every_turn_of_every_socket() -> None:
    wrong: list[tuple[str, str]] = []
    for recorded in recorded_sockets():
        turns = turns_of(recorded)
        if not recorded.expected and recorded.provider == "xai":
            continue  # its usage stands beside the response, where the expectation does not look
        assert len(turns) == len(recorded.expected), recorded.name
        for turn, expected in zip(turns, recorded.expected, strict=True):
            wrong.extend((recorded.name, field) for field in differences(expected, turn.answer))
    assert [one for one in wrong if not is_defect(*one)] == []


def test_xais_realtime_usage_stands_beside_its_response() -> None:
    [first] = [one for one in recorded_sockets() if "test_xai_ws/test_audio_in_server_vad_turn" in one.name]
    [turn] = turns_of(first)
    assert (turn.answer.usage.input_tokens, turn.answer.usage.output_tokens) == (156, 185)


def test_each_defect_of_an_expectation_is_still_one() -> None:
    found = {
        (recording.name, field)
        for recording in recordings()
        if recording.expected is not None
        for field in differences(recording.expected, answer_of(recording))
    }
    for recorded in recorded_sockets():
        for turn, expected in zip(turns_of(recorded), recorded.expected, strict=False):
            found |= {(recorded.name, field) for field in differences(expected, turn.answer)}
    assert all(any(name.endswith(end) and field == known for name, field in found) for end, known in DEFECTS)


def test_an_answer_without_usage_is_not_known_rather_than_zero() -> None:
    silent = [recording for recording in recordings() if recording.expected is None]
    known = [recording.name for recording in silent if answer_of(recording).usage.is_known]
    assert len(silent) > 50
    assert [name for name in known if not any(part in name for part in UNREAD_BY_THE_EXPECTATION)] == []


def test_usage_is_final_wherever_it_was_told() -> None:
    told = [recording for recording in recordings() if recording.expected is not None]
    assert [recording.name for recording in told if not answer_of(recording).is_final] == []


def test_an_answer_names_its_model() -> None:
    """Where it does at all: Cohere, embeddings of Gemini and compacted responses do not."""
    nameless = {ApiShape.COHERE, ApiShape.GEMINI_EMBEDDINGS}
    told = [one for one in recordings() if one.expected is not None and one.shape not in nameless]
    missing = [one for one in told if not answer_of(one).response_model and not one.path.endswith("/compact")]
    assert len(missing) < len(told) / 500


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[Recording, list[bytes]]:
    streams = [recording for recording in recordings() if recording.is_stream and len(recording.response_body) > 0]
    recording = draw(st.sampled_from(streams))
    body = recording.response_body
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=40)))
    return recording, [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cut_streams())
def test_any_chunking_passes_the_same_bytes_and_tells_the_same(case: tuple[Recording, list[bytes]]) -> None:
    recording, chunks = case
    assert answer_of(recording, *chunks) == answer_of(recording)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_stream_cut_anywhere_never_claims_more_than_the_whole(data: st.DataObject) -> None:
    # Gemini's counters start anew after a tool of its own has run, and only the last chunk has the sum.
    streams = [
        recording
        for recording in recordings()
        if recording.is_stream and recording.expected is not None and not SERVER_TOOL.search(recording.request_body)
    ]
    recording = data.draw(st.sampled_from(streams))
    end = data.draw(st.integers(0, len(recording.response_body)))
    part, whole = answer_of(recording, recording.response_body[:end]), answer_of(recording)
    assert (part.usage.output_tokens or 0) <= (whole.usage.output_tokens or 0)
    if part.is_final:
        assert part.usage.input_tokens == whole.usage.input_tokens
