"""Answers that come broken, before their head, in it and in their body: one cell for each way."""

from app.core.call import Outcome
from tests.faults.wire.cells import (
    CHUNKED,
    END,
    GOOD,
    Cell,
    begun,
    chunk,
    chunked,
    head,
    kept,
    said,
    sized,
    then,
)
from tests.faults.wire.misbehaving import Line

JSON = b"application/json"
HALF = GOOD[: len(GOOD) // 2]
BROKEN = {"outcome": Outcome.INTERRUPTED, "error": "provider_broke_off"}
OURS = {"status": 502, **BROKEN}
"""An answer that is no HTTP, or none: words of our own, and the caps are charged what was held."""


def _drip_head(line: Line) -> None:
    answer = sized(GOOD)
    end = answer.index(b"\r\n\r\n") + 4
    line.drip(answer[:end])
    line.say(answer[end:])


def _ours(number: str, fault: str, phase: str, *parts: bytes) -> Cell:
    return Cell(number, fault, phase, "502 in JSON; charged what was held", said(*parts), **OURS)  # type: ignore[arg-type]


def _fine(number: str, fault: str, phase: str, answer: bytes, *, is_kept: bool = False) -> Cell:
    play = kept(answer) if is_kept else said(answer)
    return Cell(number, fault, phase, "passed on to the byte; charged exactly", play, body=GOOD, is_known=True)


def _cut(number: str, fault: str, phase: str, body: bytes, *parts: bytes) -> Cell:
    told = "passed on to the byte, and seen to be broken; charged what was held"
    return Cell(number, fault, phase, told, said(*parts), body=body, is_whole=False, **BROKEN)  # type: ignore[arg-type]


BEFORE_THE_HEAD = (
    _ours("F20", "closes at once", "before the head"),
    Cell("F20", "resets", "before the head", "502 in JSON; charged what was held", then(Line.reset), **OURS),  # type: ignore[arg-type]
    Cell("F20", "half-closes", "before the head", "502 in JSON; charged what was held",
         then(Line.half_close), **OURS),  # type: ignore[arg-type]
    _ours("F20", "garbage in its place", "before the head", b"\x00\x01\x02 no HTTP at all \xff\r\n\r\n"),
    _ours("F20", "HTTP/2 frames in its place", "before the head", bytes.fromhex("000012040000000000") + bytes(18)),
    _ours("F20", "another protocol's status line", "before the head", b"ICY 200 OK\r\n\r\n" + GOOD),
    _ours("F20", "a status that is no number", "before the head", b"HTTP/1.1 abc OK\r\n\r\n"),
    _ours("F20", "an endless status line", "before the head", b"HTTP/1.1 200 " + b"k" * 300_000),
    _fine("F20", "an empty line", "before the head", b"\r\n" + sized(GOOD)),
    _fine("F20", "100 and 103", "before the head",
          b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + sized(GOOD)),
    _ours("F20", "100 without end", "before the head", b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000),
    Cell("F20", "101 that nobody asked for", "before the head", "closed; charged what was held",
         said(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade\r\n\r\nraw bytes"),
         status=0, body=b"", is_whole=False, outcome=Outcome.INTERRUPTED),
)  # fmt: skip

IN_THE_HEAD = (
    _ours("F20", "cut", "in the head", b"HTTP/1.1 200 OK\r\ncontent-type: appl"),
    Cell("F20", "reset", "in the head", "502 in JSON; charged what was held",
         then(Line.reset, b"HTTP/1.1 200 OK\r\ncontent-"), **OURS),  # type: ignore[arg-type]
    Cell("F26", "byte by byte", "in the head", "passed on to the byte; charged exactly", _drip_head, body=GOOD,
         is_known=True),
    _fine("F27", "200 kB of fields", "in the head", sized(GOOD, *(b"x-%d: %b" % (n, b"v" * 1000) for n in range(200)))),
    _ours("F27", "one field of a megabyte", "in the head", sized(GOOD, b"x-long: " + b"v" * 1_000_000)),
    _ours("F27", "a megabyte of fields", "in the head", sized(GOOD, *(b"x-%d: v" % n for n in range(90_000)))),
    _ours("F27", "a field without a colon", "in the head", sized(GOOD, b"nonsense")),
    _ours("F27", "a space before the colon", "in the head", sized(GOOD, b"x-odd : v")),
    _ours("F27", "a field without a name", "in the head", sized(GOOD, b": v")),
    _ours("F27", "a NUL in a field", "in the head", sized(GOOD, b"x-odd: a\x00b")),
    _ours("F27", "a bare CR in a field", "in the head", sized(GOOD, b"x-odd: a\rset-cookie: b")),
    _ours("F27", "a folded field", "in the head", sized(GOOD, b"x-odd: a\r\n b")),
    _ours("F20", "two equal lengths", "in the head", sized(GOOD, b"content-length: %d" % len(GOOD))),
    _ours("F20", "two lengths that differ", "in the head", sized(GOOD, b"content-length: 3")),
    _ours("F20", "a length below zero", "in the head", head(b"content-length: -5") + GOOD),
    _ours("F20", "a length that is no number", "in the head", head(b"content-length: 0x20") + GOOD),
    _ours("F20", "a length and chunks", "in the head", chunked(GOOD, b"content-length: %d" % len(GOOD))),
    _ours("F20", "chunked twice", "in the head", chunked(GOOD, CHUNKED)),
    _ours("F20", "an unknown transfer encoding", "in the head", head(b"transfer-encoding: xchunked") + GOOD),
    _ours("F20", "chunks in HTTP/1.0", "in the head", chunked(GOOD, start=b"HTTP/1.0 200 OK")),
    _fine("F20", "lines that end with LF alone", "in the head",
          sized(GOOD).partition(b"\r\n\r\n")[0].replace(b"\r\n", b"\n") + b"\n\n" + GOOD),
    _fine("F20", "no reason", "in the head", sized(GOOD, start=b"HTTP/1.1 200")),
    _fine("F20", "no content type", "in the head", sized(GOOD, kind=b"")),
    _fine("F28", "the content type of a stream", "in the head", sized(GOOD, kind=b"text/html; charset=utf-8")),
    _fine("F20", "HTTP/1.0 without a length", "in the head", head(start=b"HTTP/1.0 200 OK") + GOOD),
    _fine("F20", "HTTP/1.1 without a length", "in the head", head() + GOOD),
)  # fmt: skip

IN_THE_BODY = (
    _fine("F20", "a good answer with a length", "in the body", sized(GOOD), is_kept=True),
    _fine("F20", "a good answer in chunks", "in the body", chunked(GOOD), is_kept=True),
    _cut("F20", "cut before the first byte", "in the body", b"", head(b"content-length: %d" % len(GOOD))),
    _cut("F20", "cut after the first byte", "in the body", b"{", head(b"content-length: %d" % len(GOOD)), b"{"),
    _cut("F20", "cut in the middle", "in the body", HALF, head(b"content-length: %d" % len(GOOD)), HALF),
    _cut("F20", "cut in chunks", "in the body", HALF, begun(HALF, kind=JSON)),
    _cut("F20", "cut within a chunk", "in the body", HALF, head(CHUNKED) + b"%x\r\n" % len(GOOD) + HALF),
    Cell("F20", "reset in the middle", "in the body", "passed on to the byte, and seen to be broken",
         then(Line.reset, begun(HALF, kind=JSON)), body=HALF, is_whole=False, **BROKEN),  # type: ignore[arg-type]
    Cell("F20", "half-closed in the middle", "in the body", "passed on to the byte, and seen to be broken",
         then(Line.half_close, begun(HALF, kind=JSON)), body=HALF, is_whole=False, **BROKEN),  # type: ignore[arg-type]
    Cell("F26", "byte by byte", "in the body", "passed on to the byte; charged exactly",
         lambda line: line.drip(chunked(GOOD), 0.0005), body=GOOD, is_known=True),
    Cell("F20", "a length that is too long", "in the body", "what came is passed on and counts; seen to be broken",
         said(head(b"content-length: %d" % (len(GOOD) + 9)) + GOOD), body=GOOD, is_whole=False, is_known=True),
    Cell("F20", "a length that is too short", "in the body", "what was announced is passed on, and no more",
         kept(head(b"content-length: %d" % len(HALF)) + GOOD), body=HALF),
    Cell("F20", "two answers to one question", "in the body", "the second reaches nobody",
         kept(sized(GOOD) + sized(b'{"poisoned": true}')), body=GOOD, is_known=True),
    _cut("F20", "a chunk size that is no number", "in the body", HALF, begun(HALF, kind=JSON) + b"zz\r\n" + GOOD),
    _cut("F20", "a chunk size below zero", "in the body", HALF, begun(HALF, kind=JSON) + b"-5\r\n" + GOOD),
    _cut("F20", "an empty chunk size", "in the body", HALF, begun(HALF, kind=JSON) + b"\r\n\r\n"),
    _cut("F20", "a chunk of sixteen exabytes", "in the body", HALF + b"rest",
         begun(HALF, kind=JSON) + b"ffffffffffffffff\r\nrest"),
    _cut("F20", "a chunk size of thirty digits", "in the body", HALF, begun(HALF, kind=JSON) + b"f" * 30 + b"\r\nrest"),
    _cut("F20", "a chunk without its end", "in the body", HALF + b"abc",
         begun(HALF, kind=JSON) + b"3\r\nabcXX0\r\n\r\n"),
    Cell("F20", "no last chunk", "in the body", "what came is passed on and counts; seen to be broken",
         said(begun(GOOD, kind=JSON)), body=GOOD, is_whole=False, is_known=True),
    _fine("F20", "chunk extensions", "in the body",
          head(CHUNKED) + b'%x;a="b";c=d\r\n' % len(GOOD) + GOOD + b"\r\n0;last\r\n\r\n"),
    _cut("F27", "a chunk extension without end", "in the body", HALF,
         begun(HALF, kind=JSON) + b"5;" + b"x" * 400_000),
    _fine("F20", "trailers", "in the body", head(CHUNKED) + chunk(GOOD) + b"0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n"),
    Cell("F27", "trailers without end", "in the body", "what came is passed on and counts; seen to be broken",
         said(begun(GOOD, kind=JSON) + b"0\r\n" + b"x-sum: 1\r\n" * 40_000), body=GOOD, is_whole=False, is_known=True),
    Cell("F20", "a body that is empty", "in the body", "passed on; charged what was held or an estimate",
         said(sized(b"")), body=b"", truth=0),
    Cell("F20", "204 with a body", "in the body", "passed on without the body",
         said(sized(GOOD, start=b"HTTP/1.1 204 No Content")), status=204, body=b"", truth=0),
    Cell("F20", "bytes after the last chunk", "in the body", "they reach nobody",
         kept(head(CHUNKED) + chunk(GOOD) + END + b"HTTP/1.1 200 OK\r\n\r\n"), body=GOOD, is_known=True),
)  # fmt: skip

ANSWERS = (*BEFORE_THE_HEAD, *IN_THE_HEAD, *IN_THE_BODY)
