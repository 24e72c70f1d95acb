"""Which requests the lane takes: those with one reading. All others it leaves as they came, for mitmproxy's layer."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addon.heads import AmbiguousHead, check_request_head
from proxy_addon.lane.requests import Inbox, NotPlain, PlainRequest
from proxy_addon.request import MAX_BODY_BYTES

PLAIN = (
    b"POST /anthropic/v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:8787\r\nX-Api-Key: k\r\n"
    b"X-Odd: caf\xc3\xa9\xff \t\r\nContent-Length: 5\r\n\r\n"
)
BODY = b"a\n\r\nb"


def post(*fields: bytes, line: bytes = b"POST /x HTTP/1.1", end: bytes = b"\r\n\r\n") -> bytes:
    return b"\r\n".join((line, b"Host: a", *fields)) + end


NOT_PLAIN = {
    "CL.TE": post(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "TE.CL": post(b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "TE.TE": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
    "chunked": post(b"Transfer-Encoding: chunked"),
    "TE of another name": post(b"Transfer-Encoding: xchunked"),
    "TE with a tab": post(b"Transfer-Encoding:\tchunked"),
    "TE behind a space": post(b"Transfer-Encoding : chunked"),
    "TE in a folded line": post(b"X: y", b" Transfer-Encoding: chunked", b"Content-Length: 5"),
    "two lengths": post(b"Content-Length: 5", b"Content-Length: 6"),
    "one length twice": post(b"Content-Length: 5", b"Content-Length: 5"),
    "a list of lengths": post(b"Content-Length: 5, 5"),
    "negative length": post(b"Content-Length: -5"),
    "length with a sign": post(b"Content-Length: +5"),
    "length with a zero": post(b"Content-Length: 05"),
    "length in hex": post(b"Content-Length: 0x5"),
    "length with an underscore": post(b"Content-Length: 1_0"),
    "length in other digits": post("Content-Length: ٥".encode()),
    "length beyond reading": post(b"Content-Length: %d" % (MAX_BODY_BYTES + 1)),
    "length without end": post(b"Content-Length: 99999999999999999999999"),
    "no length": post(b"Content-Length:"),
    "folded line": post(b"X: a", b" b", b"Content-Length: 5"),
    "folded first line": b"POST /x HTTP/1.1\r\n Host: a\r\n\r\n",
    "bare LF": post(b"X: y\nContent-Length: 5"),
    "bare LF everywhere": b"POST /x HTTP/1.1\nHost: a\nContent-Length: 5\n\n",
    "bare CR": post(b"X: y\rContent-Length: 5"),
    "CR before the colon": post(b"X\r: y"),
    "NUL": post(b"X: a\x00b"),
    "NUL in a name": post(b"X\x00: b"),
    "control": post(b"X: a\x0bb"),
    "space before the colon": post(b"Content-Length : 5"),
    "no name": post(b": 5"),
    "no colon": post(b"Content-Length"),
    "name that is none": post(b"Content(Length): 5"),
    "two hosts": post(b"Host: b"),
    "no host": b"POST /x HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "another host in the target": post(line=b"POST http://b/x HTTP/1.1"),
    "no path": post(line=b"POST x HTTP/1.1"),
    "two spaces": post(line=b"POST  /x HTTP/1.1"),
    "two spaces before the version": post(line=b"POST /x  HTTP/1.1"),
    "space at the line's end": post(line=b"POST /x HTTP/1.1 "),
    "target with a space": post(line=b"POST /x y HTTP/1.1"),
    "target with a control": post(line=b"POST /x\x01y HTTP/1.1"),
    "target beyond ASCII": post(line="POST /é HTTP/1.1".encode()),
    "asterisk": post(line=b"GET * HTTP/1.1"),
    "HTTP/1.0": post(line=b"POST /x HTTP/1.0"),
    "HTTP/0.9": b"GET /x\r\n\r\n",
    "HTTP/2": post(line=b"POST /x HTTP/2.0"),
    "HTTP/1.10": post(line=b"POST /x HTTP/1.10"),
    "HTTP in lower case": post(line=b"POST /x http/1.1"),
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00",
    "method in lower case": post(line=b"post /x HTTP/1.1"),
    "another method": post(line=b"PUT /x HTTP/1.1"),
    "HEAD": post(line=b"HEAD /x HTTP/1.1"),
    "CONNECT": post(line=b"CONNECT a:443 HTTP/1.1"),
    "empty line first": b"\r\n" + post(),
    "GET with a body": post(b"Content-Length: 5", line=b"GET /x HTTP/1.1"),
    "expects to be asked": post(b"Expect: 100-continue", b"Content-Length: 5"),
    "upgrade": post(b"Connection: Upgrade", b"Upgrade: websocket", line=b"GET /x HTTP/1.1"),
    "upgrade to h2c": post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: x"),
    "connection names a field": post(b"Connection: close, X-Api-Key"),
    "trailers announced": post(b"Trailer: X"),
    "head without end": post(b"X: " + b"y" * 300_000),
    "head that is too long and goes on": post(b"X: " + b"y" * 300_000, end=b""),
}


def read(pieces: list[bytes]) -> tuple[PlainRequest | None, bytes]:
    """What is read of these pieces, and the bytes that are left; NotPlain as None."""
    inbox = Inbox()
    for piece in pieces:
        inbox.add(piece)
        try:
            request = inbox.head()
        except NotPlain:
            break
        if request is not None:
            inbox.take(request.size)
            rest = b"".join(pieces)[request.size :]
            return request, rest
    return None, inbox.take_all()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_has_two_readings_or_more_to_it_is_left_as_it_came(name: str) -> None:
    request, rest = read([NOT_PLAIN[name]])
    assert request is None
    assert rest == NOT_PLAIN[name]


@given(name=st.sampled_from(sorted(NOT_PLAIN)), places=st.lists(st.integers(0, 400), max_size=8))
def test_however_it_is_cut_it_is_left(name: str, places: list[int]) -> None:
    pieces = cut(NOT_PLAIN[name][:2_000], places)
    request, rest = read(pieces)
    assert request is None
    assert b"".join(pieces).startswith(rest)


@given(places=st.lists(st.integers(0, 400), max_size=12))
def test_a_plain_request_is_read_alike_however_it_is_cut(places: list[int]) -> None:
    request, rest = read(cut(PLAIN + BODY, places))
    assert request is not None
    assert (request.method, request.target, request.length, request.is_last, request.size) == (
        "POST", "/anthropic/v1/messages?beta=true", 5, False, len(PLAIN)
    )  # fmt: skip
    assert request.fields == (
        (b"Host", b"127.0.0.1:8787"), (b"X-Api-Key", b"k"), (b"X-Odd", b"caf\xc3\xa9\xff"), (b"Content-Length", b"5"),
    )  # fmt: skip
    assert rest == BODY


@given(name=st.sampled_from(sorted(NOT_PLAIN)), junk=st.binary(max_size=40), at=st.integers(0, 200))
def test_whatever_is_taken_the_strict_reader_of_the_other_lane_takes_too(name: str, junk: bytes, at: int) -> None:
    head = NOT_PLAIN[name][:2_000]
    head = head[:at] + junk + head[at:]
    request, _rest = read([head])
    if request is not None:
        try:
            check_request_head(head[: request.size])
        except AmbiguousHead as error:
            raise AssertionError(f"taken here and refused there: {head!r}") from error


def test_a_body_is_not_given_before_it_is_whole() -> None:
    inbox = Inbox()
    inbox.add(PLAIN + BODY[:-1])
    request = inbox.head()
    assert request is not None
    inbox.take(request.size)
    assert inbox.take(request.length) is None
    inbox.add(BODY[-1:] + b"POST")
    assert (inbox.take(request.length), inbox.take_all()) == (BODY, b"POST")


def test_who_wants_no_further_answer_says_so() -> None:
    for field, is_last in ((b"Connection: close", True), (b"Connection: Keep-Alive", False)):
        inbox = Inbox()
        inbox.add(post(field))
        request = inbox.head()
        assert request is not None
        assert request.is_last is is_last
