"""Each rule for a head, tried without the meter around it: there a second reader may refuse the same head."""

import re

import pytest

from proxy_addon.heads import AmbiguousHead, check_request_head, has_bare_lf, status_of

GOOD = b"POST /v1 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n"
BAD = {
    "a line that ends with LF alone": b"POST /v1 HTTP/1.1\r\nhost: a\ncontent-length: 2\r\n\r\n",
    "another version": b"POST /v1 HTTP/1.9\r\nhost: a\r\n\r\n",
    "no host": b"POST /v1 HTTP/1.1\r\ncontent-length: 2\r\n\r\n",
    "a length and chunks": b"POST /v1 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
    "chunks within gzip": b"POST /v1 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /v1 HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
    "a length with a plus": b"POST /v1 HTTP/1.1\r\nhost: a\r\ncontent-length: +2\r\n\r\n",
    "two hosts": b"POST http://b/v1 HTTP/1.1\r\nhost: a\r\n\r\n",
    "a NUL": b"POST /v1 HTTP/1.1\r\nhost: a\r\nx: \x00\r\n\r\n",
    "a bare CR": b"POST /v1 HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n",
    "a length twice": b"POST /v1 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n",
    "a space before the colon": b"POST /v1 HTTP/1.1\r\nhost: a\r\ncontent-length : 2\r\n\r\n",
}


def test_a_plain_head_is_taken() -> None:
    check_request_head(GOOD)
    check_request_head(b"POST http://a:80/v1 HTTP/1.1\r\nhost: a\r\n\r\n")
    assert status_of(b"HTTP/1.1 200 OK\r\n\r\n") == 200


@pytest.mark.parametrize("data", [b"a\r\nb\nc\r\n", b"\n\r\n", b"\r\n\r\n", b"\r\r\n\n", b"a\rb\n\rc", b""])
def test_a_line_that_ends_with_lf_alone_is_found_from_wherever_one_looks(data: bytes) -> None:
    bare = [match.start() for match in re.finditer(rb"(?<!\r)\n", data)]
    for start in range(len(data) + 1):
        for end in range(start, len(data) + 1):
            assert has_bare_lf(data, start, end) == any(start <= at < end for at in bare), (start, end)


@pytest.mark.parametrize("name", BAD)
def test_a_head_with_two_readings_is_refused(name: str) -> None:
    with pytest.raises(AmbiguousHead):
        check_request_head(BAD[name])
