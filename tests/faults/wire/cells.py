"""What a cell of the wire is: a provider that does one thing wrong, and all that is expected of the meter then."""

from collections.abc import Callable
from dataclasses import dataclass

from app.core.call import Outcome
from tests.faults.wire.misbehaving import Line, Play

TRUTH = 10 * 250 + 5 * 2000
"""What each call costs at the played provider, in nano-dollars: 10 tokens in and 5 out of gpt-5-mini."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`number` is the fault's in the list of faults. `expected` says in one line what the cell proves.

    The client hears `status`, and `body` byte for byte (None: words of our own, in JSON), which it can take for whole
    or not. The ledger has `outcome` and, where it is told, `error`. The caps are charged `truth` at least, and exactly
    that where `is_known`.
    """

    number: str
    fault: str
    phase: str
    expected: str
    play: Play
    status: int = 200
    body: bytes | None = None
    is_whole: bool = True
    outcome: Outcome = Outcome.COMPLETED
    error: str | None = None
    truth: int = TRUTH
    is_known: bool = False
    is_stream: bool = False

    @property
    def name(self) -> str:
        """Unlike that of any other cell."""
        return f"{self.fault}, {self.phase}"


def said(*parts: bytes) -> Play:
    """Says that, and closes."""

    def play(line: Line) -> None:
        line.say(*parts)
        line.close()

    return play


def kept(*parts: bytes) -> Play:
    """Says that, and waits for the next question."""
    return lambda line: line.say(*parts)


def then(act: Callable[[Line], None], *parts: bytes) -> Play:
    """Says that, and then does something."""

    def play(line: Line) -> None:
        if parts:
            line.say(*parts)
        act(line)

    return play


def head(*fields: bytes, start: bytes = b"HTTP/1.1 200 OK", kind: bytes = b"application/json") -> bytes:
    """The head of an answer."""
    told = (b"content-type: " + kind, *fields) if kind else fields
    return b"".join((start, b"\r\n", *(field + b"\r\n" for field in told), b"\r\n"))


def sized(body: bytes, *fields: bytes, start: bytes = b"HTTP/1.1 200 OK", kind: bytes = b"application/json") -> bytes:
    """A whole answer with its length."""
    return head(b"content-length: %d" % len(body), *fields, start=start, kind=kind) + body


CHUNKED = b"transfer-encoding: chunked"


def chunk(data: bytes) -> bytes:
    """A chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


END = b"0\r\n\r\n"


def chunked(body: bytes, *fields: bytes, start: bytes = b"HTTP/1.1 200 OK", kind: bytes = b"application/json") -> bytes:
    """A whole answer in three chunks."""
    third = max(1, len(body) // 3)
    parts = (body[:third], body[third : 2 * third], body[2 * third :])
    return head(CHUNKED, *fields, start=start, kind=kind) + b"".join(chunk(part) for part in parts if part) + END


def usage(prompt: int | str = 10, completion: int | str = 5) -> bytes:
    """The usage of a chat answer."""
    return f'{{"prompt_tokens":{prompt},"completion_tokens":{completion}}}'.encode()


def answer(counted: bytes = usage(), more: bytes = b"") -> bytes:
    """A chat answer with that usage; nothing for none. `more` is put in first."""
    told = b',"usage":' + counted if counted else b""
    return (
        b"{" + more + b'"id":"c","object":"chat.completion","model":"gpt-5-mini","choices":[{"index":0,"finish_reason":'
        b'"stop","message":{"role":"assistant","content":"one two three four five"}}]' + told + b"}"
    )


GOOD = answer()


def event(text: str = "word ", more: str = "") -> bytes:
    """A chunk of a chat stream, as the data of an event."""
    delta = f'[{{"index":0,"delta":{{"content":"{text}"}}}}]'
    return f'{{"id":"c","model":"gpt-5-mini","choices":{delta}{more}}}'.encode()


LAST = b'{"id":"c","model":"gpt-5-mini","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
COUNTED = b'{"id":"c","model":"gpt-5-mini","choices":[],"usage":' + usage() + b"}"
DONE = b"[DONE]"


def sse(*payloads: bytes, end: bytes = b"\n\n", prefix: bytes = b"data: ") -> bytes:
    """Events with that data."""
    return b"".join(prefix + payload + end for payload in payloads)


WORDS = (event("one "), event("two "), event("three "), event("four "), event("five"))
STREAM = sse(*WORDS, LAST, COUNTED, DONE)
SSE = b"text/event-stream"


def stream(body: bytes = STREAM, *fields: bytes) -> bytes:
    """A whole stream."""
    return chunked(body, *fields, kind=SSE)


def begun(body: bytes, *fields: bytes, kind: bytes = SSE) -> bytes:
    """A chunked answer that has no end yet."""
    return head(CHUNKED, *fields, kind=kind) + (chunk(body) if body else b"")
