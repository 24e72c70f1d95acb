"""The tap: the same chunks go on whatever happens to our copy of them."""

import gzip
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.call import ApiShape
from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes import ResponseReader, shape_for
from proxy_addon.tap import Tap

FACTS = RequestFacts(model="m", is_stream=True, body_bytes=10)
STREAM = (
    b'data: {"id":"c1","model":"m1","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
    b'data: {"id":"c1","model":"m1","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3}}\n\n'
    b"data: [DONE]\n\n"
)
BODY = b'{"object":"chat.completion","model":"m1","usage":{"prompt_tokens":12,"completion_tokens":3}}'


class Faulty:
    """A reader with a bug."""

    def feed(self, payload: bytes) -> None:
        raise RuntimeError("secret prompt text")

    def facts(self) -> ResponseFacts:
        raise RuntimeError("secret prompt text")


def chat_tap(content_type: str = "text/event-stream", encoding: str = "", reader: ResponseReader | None = None) -> Tap:
    reader = reader or shape_for(ApiShape.OPENAI_CHAT).reader(FACTS)
    return Tap(reader, content_type=content_type, content_encoding=encoding, clock=lambda: 7.0)


def test_a_chunk_goes_on_as_the_very_same_object() -> None:
    chunk = b"data: 1\n\n"
    assert chat_tap().tap(chunk) is chunk


def test_usage_of_a_stream_is_known_before_its_end() -> None:
    tap = chat_tap()
    tap.tap(STREAM)
    assert (tap.facts().usage.input_tokens, tap.facts().usage.output_tokens) == (12, 3)
    assert tap.facts().is_final
    assert tap.finish() == tap.finish() == tap.facts()


def test_a_body_is_read_at_its_end_in_any_chunking() -> None:
    tap = chat_tap("application/json; charset=utf-8")
    for offset in range(len(BODY)):
        tap.tap(BODY[offset : offset + 1])
    assert not tap.facts().usage.is_known
    assert tap.finish().usage.output_tokens == 3


@pytest.mark.parametrize(("content_type", "body"), [("", STREAM), ("text/plain", b"  \n" + BODY), ("", BODY)])
def test_an_answer_without_a_telling_header_is_known_by_its_first_byte(content_type: str, body: bytes) -> None:
    tap = chat_tap(content_type)
    tap.tap(body)
    assert tap.finish().usage.input_tokens == 12


def test_a_compressed_stream_goes_on_compressed_and_is_read() -> None:
    packed = gzip.compress(STREAM)
    tap = chat_tap(encoding="gzip")
    assert tap.tap(packed[:20]) + tap.tap(packed[20:]) == packed
    assert tap.finish().usage.input_tokens == 12
    assert tap.bytes_seen == len(packed)


def test_the_end_mark_changes_nothing_and_the_first_byte_sets_the_time() -> None:
    tap = chat_tap()
    assert tap.tap(b"") == b""
    assert tap.first_chunk_at is None
    tap.tap(b"d")
    assert tap.first_chunk_at == 7.0


def test_a_fault_of_ours_is_told_once_without_content_and_the_answer_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    tap = chat_tap(reader=Faulty())
    with caplog.at_level(logging.DEBUG):
        passed = tap.tap(STREAM) + tap.tap(STREAM)
        facts = tap.finish()
    assert passed == STREAM * 2
    assert tap.is_blind
    assert [record.getMessage() for record in caplog.records if "secret" in record.getMessage()] == []
    assert len(caplog.records) == 1
    assert not facts.usage.is_known
    assert facts.output_bytes == len(STREAM) * 2


@pytest.mark.parametrize("encoding", ["snappy", "gzip"])
def test_an_answer_that_cannot_be_decoded_counts_by_its_length(encoding: str) -> None:
    tap = chat_tap(encoding=encoding)
    assert tap.tap(b"no such encoding") == b"no such encoding"
    assert tap.is_blind
    assert tap.finish().output_bytes == 16


def test_a_body_above_the_limit_is_not_held() -> None:
    reader = shape_for(ApiShape.OPENAI_CHAT).reader(FACTS)
    tap = Tap(reader, content_type="application/json", content_encoding="", max_body_bytes=50)
    assert tap.tap(BODY) == BODY
    assert tap.is_blind
    assert not tap.finish().usage.is_known


def test_a_stream_cut_before_its_usage_keeps_the_bytes_seen() -> None:
    tap = chat_tap()
    tap.tap(STREAM[:100])
    facts = tap.finish()
    assert not facts.usage.is_known
    assert not facts.is_final
    assert facts.output_bytes == len("Hello")


@pytest.mark.parametrize("shape", list(ApiShape))
@given(
    chunks=st.lists(st.binary(max_size=200)),
    content_type=st.sampled_from(["", "text/event-stream", "application/json"]),
)
def test_any_bytes_go_on_and_raise_nothing(shape: ApiShape, chunks: list[bytes], content_type: str) -> None:
    tap = Tap(shape_for(shape).reader(FACTS), content_type=content_type, content_encoding="")
    assert b"".join([tap.tap(chunk) for chunk in chunks]) == b"".join(chunks)
    tap.finish()
    is_taken_for_frames = b"".join(chunks).lstrip().startswith(b"\0")  # whose checksums are wrong then
    assert not tap.is_blind or is_taken_for_frames
