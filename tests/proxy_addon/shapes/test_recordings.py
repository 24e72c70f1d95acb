"""Every recorded exchange of the four shapes through the tap, against the usage expected of it."""

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes import shape_for
from proxy_addon.tap import Tap
from tests.recordings import Recording, needs_recordings, recordings

pytestmark = needs_recordings

SERVER_TOOL = re.compile(rb'"(googleSearch|codeExecution|fileSearch|urlContext)"')

DEFECTS = {
    # With one's own key at OpenRouter the expectation takes its `cost` of 0, the fee, for the whole; we add what the
    # provider behind it charged.
    "is_byok": "cost",
}


def facts_of(recording: Recording) -> RequestFacts:
    """Polls of a background response are GETs, and have no body to read."""
    if recording.method != "POST":
        return RequestFacts("", recording.is_stream, 0)
    return shape_for(recording.shape).read_request(recording.path, recording.request_headers, recording.request_body)


def answer_of(recording: Recording, *chunks: bytes) -> ResponseFacts:
    reader = shape_for(recording.shape).reader(facts_of(recording))
    tap = Tap(reader, content_type=recording.content_type, content_encoding="")
    passed = b"".join([tap.tap(chunk) for chunk in chunks or (recording.response_body,)])
    assert passed == b"".join(chunks or (recording.response_body,))
    assert not tap.is_blind
    return tap.finish()


def differences(recording: Recording) -> list[str]:
    """Fields that differ. What an expectation leaves out is not compared, and 0 is the same as not said."""
    expected, answer = recording.expected or {}, answer_of(recording)
    usage = answer.usage
    ours = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cache_read_tokens,
        "cache_write": usage.cache_write_tokens,
        "cache_write_1h": usage.cache_write_1h_tokens,
        "reasoning": usage.reasoning_tokens,
        "web_searches": usage.web_searches,
    }
    found = [key for key, value in ours.items() if expected.get(key) is not None and expected[key] != (value or 0)]
    if expected.get("cost") is not None and round(expected["cost"] * 10**9) != usage.reported_cost_nano_usd:
        found.append("cost")
    side = [(part.model, part.usage.input_tokens, part.usage.output_tokens) for part in answer.side_inferences]
    if [(part["model"], part["input"], part["output"]) for part in expected.get("side") or []] != side:
        found.append("side")
    return found


def test_usage_is_the_expected_one_in_every_recording() -> None:
    wrong: list[tuple[str, str]] = []
    compared = 0
    for recording in recordings():
        if recording.expected is None:
            continue
        compared += 1
        raw = recording.expected["raw"]
        known = {field for mark, field in DEFECTS.items() if raw.get(mark) is True}
        wrong.extend((recording.name, field) for field in differences(recording) if field not in known)
    assert compared > 2000
    assert wrong == []


def test_an_answer_without_usage_is_not_known_rather_than_zero() -> None:
    silent = [recording for recording in recordings() if recording.expected is None]
    assert len(silent) > 50
    assert [recording.name for recording in silent if answer_of(recording).usage.is_known] == []


def test_usage_is_final_wherever_it_was_told() -> None:
    told = [recording for recording in recordings() if recording.expected is not None]
    assert [recording.name for recording in told if not answer_of(recording).is_final] == []


def test_an_answer_names_its_model() -> None:
    told = [recording for recording in recordings() if recording.expected is not None]
    nameless = [recording.name for recording in told if not answer_of(recording).response_model]
    assert len(nameless) < len(told) / 50


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[Recording, list[bytes]]:
    streams = [recording for recording in recordings() if recording.is_stream and len(recording.response_body) > 0]
    recording = draw(st.sampled_from(streams))
    body = recording.response_body
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=40)))
    return recording, [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(cut_streams())
def test_any_chunking_passes_the_same_bytes_and_tells_the_same(case: tuple[Recording, list[bytes]]) -> None:
    recording, chunks = case
    assert answer_of(recording, *chunks) == answer_of(recording)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
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
