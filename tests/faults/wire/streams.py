"""Streams that break off, lie about their end, or bend the form of events: one cell for each way."""

from app.core.call import Outcome
from tests.faults.wire.cells import (
    COUNTED,
    DONE,
    END,
    GOOD,
    LAST,
    SSE,
    STREAM,
    WORDS,
    Cell,
    begun,
    chunk,
    event,
    kept,
    said,
    sized,
    sse,
    stream,
    then,
    usage,
)
from tests.faults.wire.misbehaving import Line, Play

_SPOKEN = sse(*WORDS)
_ACCENT = sse('{"id":"c","model":"gpt-5-mini","choices":[{"index":0,"delta":{"content":"é"}}]}'.encode())
_ERROR = b'{"error":{"message":"overloaded","type":"server_error","code":"overloaded"}}'
_LONG = event("x" * 10_000_000)


def _cut(fault: str, phase: str, body: bytes, act: Play | None = None, number: str = "F20") -> Cell:
    play = said(begun(body)) if act is None else then(act, begun(body))
    told = "passed on to the byte, and seen to be broken; charged what was held"
    return Cell(number, fault, phase, told, play, body=body, is_whole=False, outcome=Outcome.INTERRUPTED,
                error="provider_broke_off", is_stream=True)  # fmt: skip


def _ended(fault: str, phase: str, body: bytes, act: Play | None = None) -> Cell:
    play = said(begun(body)) if act is None else then(act, begun(body))
    told = "passed on to the byte, and seen to be broken; charged exactly, for its usage was told"
    return Cell("F20", fault, phase, told, play, body=body, is_whole=False, is_known=True, is_stream=True)


def _fine(fault: str, body: bytes, number: str = "F28", *fields: bytes) -> Cell:
    told = "passed on to the byte; charged exactly"
    return Cell(number, fault, "in a stream", told, kept(stream(body, *fields)), body=body, is_known=True,
                is_stream=True)  # fmt: skip


def _unknown(fault: str, body: bytes, number: str = "F28", outcome: Outcome = Outcome.COMPLETED) -> Cell:
    told = "passed on to the byte; charged what was held"
    return Cell(number, fault, "in a stream", told, kept(stream(body)), body=body, is_stream=True, outcome=outcome)


def _drip(line: Line) -> None:
    line.say(begun(b""))
    for position in range(len(STREAM)):
        line.say(chunk(STREAM[position : position + 1]))
    line.say(END)


CUT = (
    _cut("cut", "before the first event", b""),
    _cut("cut", "after the first event", sse(WORDS[0])),
    _cut("cut", "within an event", _SPOKEN[:-40]),
    _cut("cut", "within a character", _ACCENT[: _ACCENT.index("é".encode()) + 1]),
    _cut("cut", "before the usage", sse(*WORDS, LAST)),
    _cut("cut", "within the usage", sse(*WORDS, LAST) + sse(COUNTED)[:-10]),
    _ended("cut", "after the usage", sse(*WORDS, LAST, COUNTED)),
    _ended("cut", "after the last event", STREAM),
    _cut("reset", "after the first event", sse(WORDS[0]), Line.reset),
    _ended("reset", "after the usage", sse(*WORDS, LAST, COUNTED), Line.reset),
    _cut("half-closed", "after the first event", sse(WORDS[0]), Line.half_close),
    Cell("F20", "closed without length or chunks", "after the usage", "passed on to the byte; charged exactly",
         said(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + STREAM), body=STREAM, is_known=True,
         is_stream=True),
)  # fmt: skip

FORMS = (
    _fine("lines that end with CRLF", STREAM.replace(b"\n", b"\r\n")),
    _fine("lines that end with CR alone", STREAM.replace(b"\n", b"\r")),
    _fine("ends of lines mixed", sse(*WORDS, end=b"\r\n\r\n") + sse(LAST, end=b"\r\r") + sse(COUNTED, DONE)),
    _fine("a byte order mark", b"\xef\xbb\xbf" + STREAM),
    _fine("no space after the colon", STREAM.replace(b"data: ", b"data:")),
    _fine("comments and empty events", b": hello\n\n\n\n" + sse(*WORDS) + b":\n\nevent: ping\n\n" + sse(LAST, COUNTED)),
    _fine("ids and pauses between", b"id: 1\nretry: 5\n" + _SPOKEN + b"id: 2\nid\n" + sse(LAST, COUNTED, DONE)),
    _fine("unknown fields", _SPOKEN + b"nonsense\nmore: of it\n" + sse(LAST, COUNTED)),
    _fine("no empty line at the end", STREAM.removesuffix(b"\n\n") + b"\n"),
    _fine("no end of the last line", sse(*WORDS, LAST) + b"data: " + COUNTED),
    _fine("events over several lines", sse(*WORDS, LAST) + b'data: {"model":"gpt-5-mini","choices":[],\ndata: "usage":'
          + usage() + b"}\n\n"),
    _fine("a line of ten megabytes", sse(_LONG) + STREAM),
    _fine("half a surrogate pair", sse(event("\\ud83d")) + STREAM),
    _fine("bytes that are no UTF-8", b"data: \xff\xfe\n\n" + STREAM),
    _fine("events that are no JSON", sse(b"{", b"nonsense", b"") + STREAM),
    _fine("DONE said twice", STREAM + sse(DONE)),
    _fine("words after DONE", STREAM + sse(event("more"))),
    Cell("F28", "byte by byte", "in a stream", "passed on to the byte; charged exactly", _drip, body=STREAM,
         is_known=True, is_stream=True),
    _unknown("no usage at all", sse(*WORDS, LAST, DONE)),
    _unknown("nothing but comments", b": nothing\n\n" * 100),
    _unknown("data without end of the event", b"data: x\n" * 50_000),
    _unknown("the usage in an event of ten megabytes",
             sse(*WORDS, COUNTED[:-1] + b',"x":"' + b"x" * 10_000_000 + b'"}')),
    Cell("F28", "a whole answer in place of a stream", "in a stream", "passed on to the byte; charged exactly",
         kept(sized(GOOD)), body=GOOD, is_known=True, is_stream=True),
    Cell("F28", "a stream under the type of a whole answer", "in a stream", "passed on to the byte",
         kept(sized(STREAM)), body=STREAM, is_stream=True),
    Cell("F28", "a whole answer under the type of a stream", "in a stream", "passed on to the byte",
         kept(sized(GOOD, kind=SSE)), body=GOOD, is_stream=True),
)  # fmt: skip

ERRORS = (
    _unknown("an error after some words", sse(*WORDS[:2], _ERROR), "F17", Outcome.FAILED),
    _unknown("an error before the first word", sse(_ERROR), "F17", Outcome.FAILED),
    _unknown("an error as an event of its name", sse(WORDS[0]) + b"event: error\n" + sse(_ERROR), "F17",
             Outcome.FAILED),
    Cell("F17", "an error after the usage", "in a stream", "passed on to the byte; charged exactly",
         kept(stream(sse(*WORDS, LAST, COUNTED, _ERROR))), body=sse(*WORDS, LAST, COUNTED, _ERROR), is_known=True,
         is_stream=True, outcome=Outcome.FAILED),
)  # fmt: skip

STREAMS = (*CUT, *FORMS, *ERRORS)
