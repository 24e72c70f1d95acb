"""How answers are read: by their framing, within limits, and alike however their bytes are cut."""

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addon.header_fields import Fields
from proxy_addon.lane.answers import MAX_INTERIM, AnswerReader, BadAnswer


def answer(*fields: bytes, line: bytes = b"HTTP/1.1 200 OK", body: bytes = b"") -> bytes:
    return b"\r\n".join((line, *fields)) + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Read:
    """What came of an answer. `end` is how it ended: whole, too early, or not to be read."""

    status: int
    fields: Fields
    body: bytes
    end: str
    is_reused: bool = False


def read(pieces: list[bytes]) -> Read:
    """All pieces, and then the close of the connection."""
    reader, body, end = AnswerReader(), b"", "whole"
    try:
        for piece in pieces:
            reader.feed(piece)
            body += reader.take_body()
        is_reused = reader.is_ended and reader.is_kept_alive and not reader.is_overlong
    except BadAnswer:
        return Read(reader.status, reader.fields, body, "bad")
    try:
        reader.feed_end()
    except BadAnswer:
        end = "early"
    return Read(reader.status, reader.fields, body, end, is_reused)


LENGTH, CHUNKED = b"Content-Length: 5", b"Transfer-Encoding: chunked"
CHUNKS = b"2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nX-Trailer: t\r\n\r\n"
WHOLE = {
    "length": answer(LENGTH, body=b"hello"),
    "chunks": answer(CHUNKED, body=CHUNKS),
    "until the end": answer(body=b"hello"),
    "HTTP/1.0": answer(LENGTH, line=b"HTTP/1.0 200 OK", body=b"hello"),
    "closing": answer(LENGTH, b"Connection: close", body=b"hello"),
    "interim": answer(line=b"HTTP/1.1 103 Early Hints") * 3 + answer(LENGTH, body=b"hello"),
    "no reason": answer(LENGTH, line=b"HTTP/1.1 200", body=b"hello"),
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "more than an answer": answer(LENGTH, body=b"hello" + answer(LENGTH, body=b"other")),
}
EMPTY = {
    "204": answer(line=b"HTTP/1.1 204 No Content"),
    "304": answer(LENGTH, line=b"HTTP/1.1 304 Not Modified"),
    "nothing": answer(b"Content-Length: 0"),
    "no chunk": answer(CHUNKED, body=b"0\r\n\r\n"),
}
BAD = {
    "switching": answer(b"Upgrade: websocket", b"Connection: Upgrade", line=b"HTTP/1.1 101 Switching Protocols"),
    "both lengths": answer(LENGTH, CHUNKED, body=CHUNKS),
    "both lengths, turned": answer(CHUNKED, LENGTH, body=CHUNKS),
    "two lengths": answer(LENGTH, b"Content-Length: 6", body=b"hello!"),
    "one length twice": answer(LENGTH, LENGTH, body=b"hello"),
    "negative length": answer(b"Content-Length: -5", body=b"hello"),
    "length without end": answer(b"Content-Length: 99999999999999999999", body=b"hello"),
    "two codings": answer(b"Transfer-Encoding: gzip, chunked", body=CHUNKS),
    "chunked twice": answer(CHUNKED, CHUNKED, body=CHUNKS),
    "chunks in HTTP/1.0": answer(CHUNKED, line=b"HTTP/1.0 200 OK", body=CHUNKS),
    "chunk size that is none": answer(CHUNKED, body=b"x\r\nhello"),
    "negative chunk": answer(CHUNKED, body=b"-1\r\nhello"),
    "chunk without end": answer(CHUNKED, body=b"fffffffffffffffff\r\nhello"),
    "chunk that is longer": answer(CHUNKED, body=b"2\r\nhello\r\n0\r\n\r\n"),
    "folded line": answer(b"X: a", b" b", LENGTH, body=b"hello"),
    "NUL": answer(b"X: a\x00b", LENGTH, body=b"hello"),
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/2": answer(LENGTH, line=b"HTTP/2.0 200 OK", body=b"hello"),
    "status that is none": answer(LENGTH, line=b"HTTP/1.1 20 OK", body=b"hello"),
    "status beyond": answer(LENGTH, line=b"HTTP/1.1 999 OK", body=b"hello"),
    "interim without end": answer(line=b"HTTP/1.1 102 Processing") * (MAX_INTERIM + 1) + answer(LENGTH, body=b"hello"),
}


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_ends_where_it_says(name: str) -> None:
    seen = read([WHOLE[name]])
    assert (seen.status, seen.body, seen.end) == (200, b"hello", "whole")
    assert seen.is_reused is (name in ("length", "chunks", "interim", "no reason", "bare LF"))


@pytest.mark.parametrize("name", EMPTY)
def test_an_answer_without_a_body_ends_with_its_head(name: str) -> None:
    reader = AnswerReader()
    reader.feed(EMPTY[name])
    assert reader.is_ended
    assert reader.take_body() == b""


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_in_one_way_is_not_read(name: str) -> None:
    seen = read([BAD[name]])
    assert seen.end == "bad"
    assert seen.body == b"" or name.startswith("chunk")


@pytest.mark.parametrize("name", sorted(set(WHOLE) - {"until the end", "interim"}))
def test_one_that_stops_early_is_not_whole(name: str) -> None:
    whole = WHOLE[name]
    end = whole.index(b"0\r\nX-Trailer") if name == "chunks" else whole.index(b"hello") + 4
    for length in range(1, end):
        assert read([whole[:length]]).end == "early"


@given(name=st.sampled_from(sorted(WHOLE | EMPTY | BAD)), places=st.lists(st.integers(0, 10_000), max_size=12))
def test_it_is_read_alike_however_it_is_cut(name: str, places: list[int]) -> None:
    data = (WHOLE | EMPTY | BAD)[name]
    whole, seen = read([data]), read(cut(data, places))
    assert (seen.end, seen.is_reused) == (whole.end, whole.is_reused)
    if whole.end == "whole":
        assert seen == whole


@pytest.mark.parametrize(
    "flood",
    [
        answer(b"X: " + b"y" * 1_000)[:-4] * 1_000,
        answer(CHUNKED) + b"5;" + b"x" * 400_000,
        answer(CHUNKED) + b"0\r\n" + b"X: y\r\n" * 100_000,
        answer(CHUNKED) + b"0\r\nX: " + b"y" * 400_000,
    ],
    ids=["head", "extension", "trailers", "one trailer"],
)
def test_what_says_nothing_has_a_limit(flood: bytes) -> None:
    pieces = [flood[start : start + 4_096] for start in range(0, len(flood), 4_096)]
    assert read(pieces).end == "bad"
