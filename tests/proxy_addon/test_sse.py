"""The event parser: the standard's rules in any chunking, and limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addon.sse import SseParser


def parse(*chunks: bytes, limit: int = 1000) -> list[bytes]:
    parser = SseParser(limit)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.close()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_each_line_ending_ends_an_event(end: bytes) -> None:
    assert parse(b"event: x" + end + b"data: 1" + end + end + b"data: 2" + end + end) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data:1\n\n", [b"1"]),
        (b"data:  1\n\n", [b" 1"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\n", [b""]),
        (b": OPENROUTER PROCESSING\n\ndata: 1\n\n", [b"1"]),
        (b"id: 7\nretry: 3\nevent: e\n\n", []),
        (b"\xef\xbb\xbfdata: 1\n\n", [b"1"]),
        (b"data: 1\n\n\xef\xbb\xbfdata: 2\n\n", [b"1"]),
        (b"database: 1\n\n", []),
        (b"data: 1", [b"1"]),
        (b"data: 1\n", [b"1"]),
        (b"", []),
        (b"\n\n\n", []),
        (b"data: a\x0bb\xe2\x80\xa8c\n\n", [b"a\x0bb\xe2\x80\xa8c"]),
    ],
)
def test_fields_are_read_as_the_standard_says(stream: bytes, events: list[bytes]) -> None:
    assert parse(stream) == events


@given(
    st.lists(st.sampled_from([b"data: x", b"data", b"\r", b"\n", b"\r\n", b": c", b"\xef\xbb\xbf", b"\xff"])), st.data()
)
def test_chunking_changes_nothing(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parse(*chunks) == parse(stream)


def test_an_event_above_the_limit_is_dropped_and_told_and_the_next_is_read() -> None:
    parser = SseParser(1000)
    events = parser.feed(b"data: " + b"x" * 600) + parser.feed(b"x" * 600) + parser.feed(b"\n\ndata: 1\n\n")
    assert events == [b"1"]
    assert parser.has_dropped


def test_many_lines_of_one_event_count_together() -> None:
    assert parse(b"data:\n" * 100 + b"\ndata: 1\n\n") == [b"1"]


def test_a_line_ending_cut_in_two_is_one() -> None:
    assert parse(b"data: a\r", b"", b"\ndata: b\r\n\r", b"\n") == [b"a\nb"]
