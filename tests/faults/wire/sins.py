"""Requests that no honest client sends: each is answered or closed, and never passed on in a way that a provider could
read as another request than the one that was judged."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.wire.conftest import ASKED, CHAT, Wire

LENGTH = b"content-length: %d" % len(ASKED)
CHUNKED = b"transfer-encoding: chunked"
IN_CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(ASKED), ASKED)
START = b"POST " + CHAT.encode() + b" HTTP/1.1"


@dataclass(frozen=True, slots=True)
class Sin:
    """`raw` makes the bytes. `statuses` are those that it may be answered with, 0 for closed; `sent` is how many
    requests the provider gets of it: each is the good one."""

    number: str
    fault: str
    phase: str
    expected: str
    raw: Callable[[Wire], bytes]
    statuses: tuple[int, ...]
    sent: int = 0


def lines(
    wire: Wire, *fields: bytes, start: bytes = START, body: bytes = ASKED, host: bool = True, end: bytes = b"\r\n"
) -> bytes:
    """A request with the key and these fields."""
    told = [b"x-api-key: " + wire.running.token.encode(), b"content-type: application/json", *fields]
    if host:
        told.insert(0, b"host: " + wire.host.encode())
    return end.join([start, *told, b"", b""]) + body


def _bad(fault: str, *fields: bytes, phase: str = "in the head", body: bytes = ASKED) -> Sin:
    return Sin("F49", fault, phase, "400, nothing sent", lambda wire: lines(wire, *fields, body=body), (400,))


def _start(fault: str, start: bytes, statuses: tuple[int, ...] = (400,)) -> Sin:
    return Sin("F49", fault, "in the first line", "400, nothing sent",
               lambda wire: lines(wire, LENGTH, start=start), statuses)  # fmt: skip


def _chunks(fault: str, body: bytes) -> Sin:
    return Sin("F49", fault, "in the body", "closed, nothing sent",
               lambda wire: lines(wire, CHUNKED, body=body), (0, 400))  # fmt: skip


def _fine(fault: str, phase: str, raw: Callable[[Wire], bytes]) -> Sin:
    return Sin("F49", fault, phase, "one request is passed on, as it was judged", raw, (200,), 1)


LENGTHS = (
    _bad("a length and chunks", LENGTH, CHUNKED, body=IN_CHUNKS),
    _bad("chunks and a length", CHUNKED, LENGTH, body=IN_CHUNKS),
    _bad("chunked twice", CHUNKED, CHUNKED, body=IN_CHUNKS),
    _bad("chunked, and identity", CHUNKED, b"transfer-encoding: identity", body=IN_CHUNKS),
    _bad("chunked, and identity, in one", b"transfer-encoding: chunked, identity", body=IN_CHUNKS),
    _bad("gzip, then chunked", b"transfer-encoding: gzip, chunked", body=IN_CHUNKS),
    _bad("almost chunked", b"transfer-encoding: xchunked", body=IN_CHUNKS),
    _bad("chunked with a vertical tab", b"transfer-encoding: \x0bchunked", body=IN_CHUNKS),
    _bad("chunked in quotes", b'transfer-encoding: "chunked"', body=IN_CHUNKS),
    _bad("chunked with a space before the colon", b"transfer-encoding : chunked", body=IN_CHUNKS),
    _bad("chunked on a folded line", b"transfer-encoding:\r\n chunked", body=IN_CHUNKS),
    _bad("chunked after a bare CR", b"x: y\rtransfer-encoding: chunked", LENGTH),
    _bad("chunked after a bare LF", b"x: y\ntransfer-encoding: chunked", LENGTH),
    _bad("two equal lengths", LENGTH, LENGTH),
    _bad("two lengths that differ", LENGTH, b"content-length: 5"),
    _bad("two lengths in one", b"content-length: 5, 5"),
    _bad("a length below zero", b"content-length: -5"),
    _bad("a length with a plus", b"content-length: +5"),
    _bad("a length in hexadecimal", b"content-length: 0x5"),
    _bad("a length of forty digits", b"content-length: " + b"9" * 40),
    _bad("an empty length", b"content-length: "),
    _bad("a length with a fraction", b"content-length: 5.0"),
    _bad("a length in other digits", "content-length: ٥".encode()),
    Sin("F49", "chunks in HTTP/1.0", "in the head", "400, nothing sent",
        lambda wire: lines(wire, CHUNKED, start=START[:-1] + b"0", body=IN_CHUNKS), (400,)),
)  # fmt: skip

FIELDS = (
    _bad("a folded field", LENGTH, b"x-odd: a\r\n b"),
    _bad("a field folded with a tab", LENGTH, b"x-odd: a\r\n\tb"),
    _bad("a bare CR", LENGTH, b"x-odd: a\rb"),
    _bad("a NUL in a value", LENGTH, b"x-odd: a\x00b"),
    _bad("a NUL in a name", LENGTH, b"x\x00odd: a"),
    _bad("a space before the colon", LENGTH, b"x-odd : a"),
    _bad("a space in a name", LENGTH, b"x odd: a"),
    _bad("no name", LENGTH, b": a"),
    _bad("no colon", LENGTH, b"nonsense"),
    _bad("a name that is no ASCII", LENGTH, b"x-\xc3\xa9: a"),
    _bad("two hosts", LENGTH, b"host: api.example"),
    _bad("the same host twice", LENGTH, b"host: 127.0.0.1"),
    Sin("F49", "no host", "in the head", "400, nothing sent", lambda wire: lines(wire, LENGTH, host=False), (400,)),
    Sin("F49", "another host", "in the head", "403, nothing sent",
        lambda wire: lines(wire, LENGTH, b"host: api.example", host=False), (403,)),
    Sin("F49", "a first line of space", "in the head", "400, nothing sent",
        lambda wire: lines(wire, LENGTH).replace(b"\r\nhost", b"\r\n x: y\r\nhost", 1), (400,)),
    Sin("F49", "lines that end with LF alone", "in the head", "400, nothing sent",
        lambda wire: lines(wire, LENGTH, end=b"\n"), (400,)),
)  # fmt: skip

STARTS = (
    _start("two spaces", START.replace(b" HTTP", b"  HTTP")),
    _start("tabs", START.replace(b" ", b"\t")),
    _start("no version", START.removesuffix(b" HTTP/1.1")),
    _start("HTTP/2", START.replace(b"1.1", b"2.0")),
    _start("HTTP/1.9", START.replace(b"1.1", b"1.9")),
    _start("HTTP/11", START.replace(b"1.1", b"11")),
    _start("http in small letters", START.replace(b"HTTP", b"http")),
    _start("a space in the path", START.replace(b"/chat", b"/ chat")),
    _start("a NUL in the path", START.replace(b"/chat", b"/\x00chat")),
    _start("a bare CR in the path", START.replace(b"/chat", b"/\rchat")),
    _start("a method that is none", START.replace(b"POST", b"PO(ST")),
    _start("HTTP/2 unasked", b"PRI * HTTP/2.0"),
    _start("a host without a path", b"POST api.openai.com:443 HTTP/1.1"),
    _start("another host in the target", b"POST http://api.example" + CHAT.encode() + b" HTTP/1.1"),
    _start("another scheme in the target", b"POST gopher://127.0.0.1" + CHAT.encode() + b" HTTP/1.1"),
    _start("a tunnel asked of the gateway", b"CONNECT api.openai.com:443 HTTP/1.1"),
    _start("an asterisk", b"POST * HTTP/1.1", (400, 403)),
)

BODIES = (
    _chunks("a chunk size that is no number", b"zz\r\n" + ASKED + b"\r\n0\r\n\r\n"),
    _chunks("a chunk size below zero", b"-5\r\n" + ASKED),
    _chunks("a chunk size with 0x", b"0x%x\r\n%b\r\n0\r\n\r\n" % (len(ASKED), ASKED)),
    _chunks("a chunk size with a plus", b"+%x\r\n%b\r\n0\r\n\r\n" % (len(ASKED), ASKED)),
    _chunks("a chunk size of thirty digits", b"0" * 29 + b"5\r\nhello\r\n0\r\n\r\n"),
    _chunks("a chunk without its end", b"%x\r\n%bXX0\r\n\r\n" % (len(ASKED), ASKED)),
    _chunks("a chunk size that ends with LF", b"%x\n%b\r\n0\r\n\r\n" % (len(ASKED), ASKED)),
    _chunks("a chunk extension without end", b"5;" + b"x" * 400_000),
    _chunks("trailers without end", IN_CHUNKS[:-2] + b"x: y\r\n" * 60_000),
    _fine("chunk extensions", "in the body", lambda wire: lines(
        wire, CHUNKED, body=b"%x;a=b\r\n%b\r\n0;c\r\n\r\n" % (len(ASKED), ASKED))),
    _fine("trailers", "in the body", lambda wire: lines(
        wire, CHUNKED, body=IN_CHUNKS[:-2] + b"content-length: 5\r\nhost: evil.example\r\n\r\n")),
    _fine("empty lines before it", "before the head", lambda wire: b"\r\n\r\n" + lines(wire, LENGTH)),
    _fine("its own address in the target", "in the first line", lambda wire: lines(
        wire, LENGTH, start=b"POST " + wire.running.gateway.encode() + CHAT.encode() + b" HTTP/1.1")),
    _fine("HTTP/1.0", "in the first line", lambda wire: lines(wire, LENGTH, start=START[:-1] + b"0")),
    Sin("F49", "a request within a request", "in the body", "read as what it is, a body: 400, nothing sent",
        lambda wire: lines(wire, b"content-length: %d" % len(lines(wire, LENGTH)), body=lines(wire, LENGTH)), (400,)),
)  # fmt: skip

SINS = (*LENGTHS, *FIELDS, *STARTS, *BODIES)
