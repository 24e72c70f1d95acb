"""Our question for the usage goes in, its answer goes out, and everything else is as it was."""

import gzip
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from proxy_addon.include_usage import (
    MAX_HELD_BYTES,
    RefusingServers,
    UsageHider,
    hides_usage,
    is_about_usage,
    with_usage_asked,
)
from proxy_addon.routes import Routes
from tests.recordings import Recording, needs_recordings, recordings

EXTRA = b'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3}}'
FIRST = b'data: {"id":"c1","choices":[],"prompt_filter_results":[],"usage":null}'
WORD = b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"usage"}}],"usage":null}'
DONE = b"data: [DONE]"


def stream(*events: bytes, end: bytes = b"\n") -> bytes:
    """Events, each with a blank line after it."""
    return b"".join(event + end + end for event in events)


def passed(body: bytes, cuts: list[int], encoding: str = "") -> bytes:
    """What goes on of a body in pieces, its end included."""
    hider = UsageHider(encoding)
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(body)), len(body)]
    pieces = [body[start:stop] for start, stop in itertools.pairwise(edges) if stop > start]
    out = [part for piece in [*pieces, b""] for part in hider.pass_on(piece)]
    assert b"" not in out
    assert not hider.is_broken
    return b"".join(out)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (b'{"model":"m"}', b'{"stream_options":{"include_usage":true},"model":"m"}'),
        (b' {\n  "a": 1.50 }\n', b' {"stream_options":{"include_usage":true},\n  "a": 1.50 }\n'),
        (b'{"stream_options" : null,"a":1}', b'{"stream_options" : {"include_usage":true},"a":1}'),
        (b'{"a":1,"stream_options":{ }}', b'{"a":1,"stream_options":{"include_usage":true }}'),
        (b'{"stream_options":{"x": 2}}', b'{"stream_options":{"include_usage":true,"x": 2}}'),
        (b'{"stream_options":{"include_usage": false}}', b'{"stream_options":{"include_usage": true}}'),
        (b'{"stream_options":{"include_usage":null}}', b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream_options":{"include_usage":true}}', None),
        (b'{"stream_options":7}', None),
        (b'{"stream_options":"{}"}', None),
        (b"[]", None),
    ],
)
def test_the_question_is_the_only_change(asked: bytes, sent: bytes | None) -> None:
    assert with_usage_asked(asked) == sent


def test_only_streams_of_providers_that_hide_it_are_asked() -> None:
    streamed = RequestFacts(model="m", is_stream=True, body_bytes=1)
    whole = RequestFacts(model="m", is_stream=False, body_bytes=1)
    assert hides_usage("openai", ApiShape.OPENAI_CHAT, streamed)
    assert not hides_usage("openai", ApiShape.OPENAI_CHAT, whole)
    assert not hides_usage("openai", ApiShape.OPENAI_RESPONSES, streamed)
    assert not hides_usage("mistral", ApiShape.OPENAI_CHAT, streamed)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_extra_chunk_is_gone_wherever_the_stream_is_cut(end: bytes) -> None:
    body, wanted = stream(FIRST, WORD, EXTRA, DONE, end=end), stream(FIRST, WORD, DONE, end=end)
    for cut in range(len(body)):
        assert passed(body, [cut]) == wanted
    assert passed(body, list(range(len(body)))) == wanted


@pytest.mark.parametrize("tail", [EXTRA, EXTRA + b"\n", EXTRA + b"\r\n\r"])
def test_extra_chunk_that_the_stream_did_not_finish_is_gone_too(tail: bytes) -> None:
    assert passed(stream(WORD) + tail, []) == stream(WORD)


@pytest.mark.parametrize("tail", [WORD, b": a comment", b"data: {", b"\xff\xfe"])
def test_anything_else_unfinished_goes_on_at_the_end(tail: bytes) -> None:
    assert passed(stream(WORD) + tail, [3]) == stream(WORD) + tail


def test_an_event_goes_on_as_soon_as_it_is_whole() -> None:
    hider = UsageHider("")
    assert hider.pass_on(stream(WORD) + WORD[:10]) == [stream(WORD)]
    assert hider.pass_on(WORD[10:] + b"\n") == []
    assert hider.pass_on(b"\n") == [stream(WORD)]


def test_an_event_too_long_to_be_a_usage_chunk_is_not_held() -> None:
    hider = UsageHider("")
    long = b"data: " + b"x" * MAX_HELD_BYTES
    assert hider.pass_on(long) == [long]
    assert hider.pass_on(b"y") == [b"y"]
    assert hider.pass_on(b"\n\n" + stream(EXTRA) + stream(WORD)) == [b"\n\n" + stream(WORD)]


@given(
    body=st.lists(
        st.sampled_from([b"data: {}", FIRST, WORD, b": usage", b"\n", b"\r", b"\r\n", b"\n\n", b"\xff", b"usage"])
        | st.binary(max_size=5)
    ).map(b"".join),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_bytes_without_an_extra_chunk_go_on_unchanged(body: bytes, cuts: list[int]) -> None:
    assert passed(body, cuts) == body


def test_a_server_that_compresses_unasked_is_decoded() -> None:
    body = gzip.compress(stream(WORD, EXTRA, DONE))
    assert UsageHider("gzip").is_decoding
    for cut in range(0, len(body), 7):
        assert passed(body, [cut], "gzip") == stream(WORD, DONE)


def test_an_answer_that_cannot_be_decoded_to_its_end_is_broken_not_short() -> None:
    hider = UsageHider("gzip")
    assert hider.pass_on(b"this is no gzip") == []
    assert hider.is_broken


def test_an_unknown_encoding_goes_on_as_it_is() -> None:
    hider = UsageHider("snappy")
    assert [*hider.pass_on(EXTRA), *hider.pass_on(b"")] == [EXTRA]
    assert not hider.is_decoding


def test_a_server_that_refuses_is_remembered_by_address_path_and_model() -> None:
    route = Routes().by_prefix("POST", "/openai/v1/chat/completions")
    other = Routes({"openai": "https://llm.example.com"}).by_prefix("POST", "/openai/v1/chat/completions")
    assert route is not None
    assert other is not None
    servers = RefusingServers()
    servers.add(other, "m1")
    assert servers.has(other, "m1")
    assert not servers.has(other, "m2")
    assert not servers.has(route, "m1")


def test_only_an_error_that_names_the_question_is_about_it() -> None:
    assert is_about_usage(b'{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}')
    assert not is_about_usage(b'{"error":{"message":"Unknown model"}}')


@needs_recordings
@pytest.mark.parametrize("provider", ["openai", "azure", "x-ai"])
def test_recorded_usage_chunks_are_taken_out_and_nothing_else(provider: str) -> None:
    """The client sees exactly the recorded events without the one whose choices are empty and whose usage is not."""
    asked = [one for one in recordings() if _has_asked(one, provider)]
    assert len(asked) >= 8
    for one in asked:
        kept = [event for event in one.response_body.split(b"\n\n") if not _is_usage_chunk(event)]
        assert len(kept) == one.response_body.count(b"\n\n")
        assert passed(one.response_body, [5, 99, 700]) == b"\n\n".join(kept)


def _has_asked(recording: Recording, provider: str) -> bool:
    names = {"x-ai": "xai"}
    is_of = recording.provider == names.get(provider, provider) and recording.shape is ApiShape.OPENAI_CHAT
    if not (is_of and recording.is_stream and recording.status == 200 and recording.request_body):
        return False
    return bool((json.loads(recording.request_body).get("stream_options") or {}).get("include_usage"))


def _is_usage_chunk(event: bytes) -> bool:
    data = event.removeprefix(b"data: ")
    if not data.startswith(b"{"):
        return False
    chunk = json.loads(data)
    return chunk.get("choices") == [] and bool(chunk.get("usage"))
