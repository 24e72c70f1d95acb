"""What an answer says, when that is packed wrongly, is no JSON, or a usage that cannot be; and answers that refuse."""

import gzip
import zlib

import brotli  # type: ignore[import-untyped]
import zstandard

from app.core.call import Outcome
from tests.faults.wire.cells import (
    GOOD,
    STREAM,
    TRUTH,
    Cell,
    answer,
    begun,
    kept,
    said,
    sized,
    stream,
    usage,
)

_GZIP = gzip.compress(GOOD, mtime=0)
_RAW = zlib.compressobj(wbits=-15)
_DEFLATED = _RAW.compress(GOOD) + _RAW.flush()


def _packed(fault: str, body: bytes, encoding: bytes, *, is_read: bool) -> Cell:
    told = "passed on to the byte; charged " + ("exactly" if is_read else "what was held")
    play = kept(sized(body, b"content-encoding: " + encoding))
    return Cell("F30", fault, "in the body", told, play, body=body, is_known=is_read)


ENCODINGS = (
    _packed("gzip", _GZIP, b"gzip", is_read=True),
    _packed("x-gzip in capitals", _GZIP, b"X-GZIP", is_read=True),
    _packed("gzip in two members", gzip.compress(GOOD[:20], mtime=0) + gzip.compress(GOOD[20:], mtime=0), b"gzip",
            is_read=True),
    _packed("deflate", zlib.compress(GOOD), b"deflate", is_read=True),
    _packed("deflate without its head", _DEFLATED, b"deflate", is_read=True),
    _packed("brotli", brotli.compress(GOOD), b"br", is_read=True),
    _packed("zstd", zstandard.compress(GOOD), b"zstd", is_read=True),
    _packed("zstd in two frames", zstandard.compress(GOOD[:20]) + zstandard.compress(GOOD[20:]), b"zstd", is_read=True),
    _packed("identity", GOOD, b"identity", is_read=True),
    _packed("gzip that is none", GOOD, b"gzip", is_read=False),
    _packed("brotli that is none", GOOD, b"br", is_read=False),
    _packed("zstd that is none", GOOD, b"zstd", is_read=False),
    _packed("deflate that is none", GOOD, b"deflate", is_read=False),
    _packed("gzip cut short", _GZIP[:-20], b"gzip", is_read=False),
    _packed("gzip with another sum", _GZIP[:-8] + bytes(8), b"gzip", is_read=False),
    _packed("gzip with bytes behind it", _GZIP + b"nonsense", b"gzip", is_read=False),
    _packed("packed twice", gzip.compress(_GZIP, mtime=0), b"gzip, gzip", is_read=False),
    _packed("packed twice, and told once", gzip.compress(_GZIP, mtime=0), b"gzip", is_read=False),
    _packed("packed, and not told", _GZIP, b"identity", is_read=False),
    _packed("a codec of Python's", b"QlpoOTFBWSZTWQ==", b"bz2", is_read=False),
    _packed("an encoding that nobody knows", GOOD, b"x-own", is_read=False),
    Cell("F30", "a stream in gzip", "in a stream", "passed on to the byte; charged exactly",
         kept(stream(gzip.compress(STREAM, mtime=0), b"content-encoding: gzip")), body=gzip.compress(STREAM, mtime=0),
         is_known=True, is_stream=True),
    Cell("F30", "a stream in gzip, cut", "in a stream", "passed on to the byte, and seen to be broken",
         said(begun(gzip.compress(STREAM, mtime=0)[:60], b"content-encoding: gzip")),
         body=gzip.compress(STREAM, mtime=0)[:60], is_whole=False, outcome=Outcome.INTERRUPTED, is_stream=True),
)  # fmt: skip


def _json(fault: str, body: bytes, *, is_read: bool = False, number: str = "F29") -> Cell:
    told = "passed on to the byte; charged " + ("exactly" if is_read else "what was held")
    return Cell(number, fault, "in the body", told, kept(sized(body)), body=body, is_known=is_read)


JSON = (
    _json("cut JSON", GOOD[:-10]),
    _json("two values", GOOD + GOOD),
    _json("words behind the value", GOOD + b" and more"),
    _json("a list", b"[" + GOOD + b"]"),
    _json("null", b"null"),
    _json("a text", b'"done"'),
    _json("an empty object", b"{}"),
    _json("UTF-16", GOOD.decode().encode("utf-16")),
    _json("a hundred thousand brackets", b"[" * 100_000),
    _json("deep objects in a member", answer(more=b'"deep":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b",")),
    _json("NaN in a member", answer(more=b'"odd":NaN,')),
    _json("a number of a thousand digits", answer(more=b'"odd":' + b"9" * 1000 + b","), is_read=True),
    _json("half a surrogate pair in a member", answer(more=b'"odd":"\\ud83d",'), is_read=True),
    _json("bytes that are no UTF-8 in a member", answer(more=b'"odd":"\xff\xfe",')),
    _json("choices that are no list", answer().replace(b'"choices":[', b'"choices":{"a":[').replace(
        b'}],"usage"', b'}]},"usage"'), is_read=True),
    _json("white space around it", b"\r\n\t " + GOOD + b"\n", is_read=True),
)  # fmt: skip


def _lie(fault: str, told: bytes, *, truth: int = TRUTH, is_read: bool = False) -> Cell:
    body = answer(told)
    expected = "passed on to the byte; charged " + ("as it says" if is_read else "what was held")
    return Cell(
        "F32", f"usage: {fault}", "in the body", expected, kept(sized(body)), body=body, truth=truth, is_known=is_read
    )


USAGE = (
    _lie("none", b""),
    _lie("null", b"null"),
    _lie("a list", b"[1,2]"),
    _lie("empty", b"{}"),
    _lie("below zero", usage(-10, -5)),
    _lie("beyond all sense", usage(10**18, 10**18)),
    _lie("of four hundred digits", usage("9" * 400, "9" * 400)),
    _lie("texts", usage('"10"', '"5"')),
    _lie("fractions", usage("10.5", "5.5")),
    _lie("true", usage("true", "true")),
    _lie("an exponent", usage("1e400", "1e400")),
    _lie("the output left out", b'{"prompt_tokens":10}'),
    _lie("the input left out", b'{"completion_tokens":5}'),
    _lie("a total that is larger than its parts", b'{"prompt_tokens":10,"completion_tokens":5,"total_tokens":50}',
         truth=10 * 250 + 40 * 2000, is_read=True),
    _lie("a total that is smaller than its parts", b'{"prompt_tokens":10,"completion_tokens":5,"total_tokens":3}',
         is_read=True),
    _lie("more from the cache than there was", b'{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":'
         b'{"cached_tokens":5000}}', truth=5 * 2000),
    _lie("more thought than said", b'{"prompt_tokens":10,"completion_tokens":5,"completion_tokens_details":'
         b'{"reasoning_tokens":5000}}'),
    _lie("given twice", usage(10, 5)[:-1] + b',"completion_tokens":5}', is_read=True),
    _lie("more than was held", usage(10, 90_000), truth=10 * 250 + 90_000 * 2000, is_read=True),
)  # fmt: skip


def _refused(status: int, reason: bytes, *fields: bytes, number: str = "F15", body: bytes | None = None) -> Cell:
    said_body = b'{"error":{"message":"no","type":"refused"}}' if body is None else body
    start = b"HTTP/1.1 %d %b" % (status, reason)
    return Cell(number, f"status {status}", "in place of an answer", "passed on to the byte; costs nothing",
                kept(sized(said_body, *fields, start=start)), status=status, body=said_body, outcome=Outcome.FAILED,
                error=None, truth=0, is_known=True)  # fmt: skip


_ELSEWHERE = b"location: http://127.0.0.1:9/elsewhere"
STATUSES = (
    _refused(400, b"Bad Request"),
    _refused(401, b"Unauthorized", b"www-authenticate: Bearer"),
    _refused(403, b"Forbidden"),
    _refused(404, b"Not Found"),
    _refused(413, b"Too Large"),
    _refused(429, b"Too Many Requests", b"retry-after: 7"),
    _refused(500, b"Internal Server Error", number="F16"),
    _refused(502, b"Bad Gateway", number="F16", body=b"<html>proxy</html>"),
    _refused(503, b"Unavailable", b"retry-after: 60", number="F16", body=b""),
    _refused(504, b"Gateway Timeout", number="F16"),
    _refused(529, b"Overloaded", b"retry-after: 30", number="F16"),
    _refused(599, b"", number="F16"),
    _refused(301, b"Moved", _ELSEWHERE),
    _refused(302, b"Found", _ELSEWHERE),
    _refused(303, b"See Other", _ELSEWHERE),
    _refused(307, b"Temporary Redirect", _ELSEWHERE),
    _refused(308, b"Permanent Redirect", _ELSEWHERE),
    Cell("F15", "status 429, cut", "in place of an answer", "passed on as far as it came; costs nothing",
         said(b"HTTP/1.1 429 Too Many\r\ncontent-length: 50\r\n\r\n{"), status=429, body=b"{", is_whole=False,
         outcome=Outcome.FAILED, truth=0, is_known=True),
    Cell("F16", "status 500, cut", "in place of an answer", "passed on as far as it came; costs nothing",
         said(b"HTTP/1.1 500 Oops\r\ncontent-length: 50\r\n\r\n{"), status=500, body=b"{", is_whole=False,
         outcome=Outcome.FAILED, truth=0, is_known=True),
    Cell("F17", "an error with status 200", "in the body", "passed on to the byte; charged what was held",
         kept(sized(b'{"error":{"message":"no","type":"server_error"}}')),
         body=b'{"error":{"message":"no","type":"server_error"}}', outcome=Outcome.FAILED),
)  # fmt: skip

CONTENTS = (*ENCODINGS, *JSON, *USAGE, *STATUSES)
