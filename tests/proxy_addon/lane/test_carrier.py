"""The lane without sockets: whatever the pieces in which bytes come, the same bytes go on."""

import gc
import itertools
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy.connection import Client, Connection, ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context

from app.core.key_limits import KeyLimits
from app.core.tags import Tags
from app.ledger.key_store import KeyHolder
from proxy_addon.calls import Calls
from proxy_addon.lane.carrier import Carrier, Door
from proxy_addon.lane.work import BursarWorkHook
from proxy_addon.meter import Cleared, Meter, Refused
from proxy_addon.refusals import Refusal
from proxy_addon.request import Request
from proxy_addon.routes import Routes

KEY = "sk-ant-real-key-of-a-provider"
REQUEST = b"POST /anthropic/v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: v\r\nContent-Length: %d\r\n\r\n%b"
SENT = b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:9\r\nContent-Length: %d\r\nx-api-key: %b\r\n\r\n%b"
STREAM = b"data: one\n\ndata: the key is " + KEY.encode() + b"\n\ndata: end\n\n"
MASKED = STREAM.replace(KEY.encode(), b"*" * len(KEY))


class PlayedMeter:
    """Clears everything but what says `no`, and notes what it was asked."""

    recorder = None

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def decide(self, request: Request) -> Cleared | Refused:
        self.asked.append(request)
        if request.body == b"no":
            return Refused(Refusal(402, {"content-type": "text/plain"}, b"refused"))
        if request.body == b"gone":
            return Refused(None)
        return Cleared(("x-api-key", KEY), KeyHolder(Tags(), KeyLimits()))


class Line:
    """One client's connection, driven by hand. `said` is what each side was sent."""

    def __init__(self, answers: list[list[bytes]]) -> None:
        self.meter = PlayedMeter()
        self.client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), state=ConnectionState.OPEN)
        routes = Routes({"anthropic": "http://127.0.0.1:9"})
        door = Door(lambda head: routes.by_prefix(head.method, head.path), "", lambda _server: None)
        context = Context(self.client, Options())
        self.carrier = Carrier(context, Calls(cast("Meter", self.meter)), door)
        self.said = {"client": b"", "provider": b""}
        self.opened: list[Server] = []
        self.closed: list[Connection] = []
        self._answers = iter(answers)
        self._events: deque[events.Event] = deque()
        self.handle(events.Start())

    def handle(self, event: events.Event) -> None:
        """One event and all that follow from it, one after the other as mitmproxy hands them out."""
        self._events.append(event)
        while self._events:
            for command in self.carrier.handle_event(self._events.popleft()):
                self._do(command)

    def client_says(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.handle(events.DataReceived(self.client, piece))

    def _do(self, command: commands.Command) -> None:
        if isinstance(command, BursarWorkHook):
            with suppress(StopIteration):
                command.work.run().send(None)
                raise AssertionError("nothing here has to wait")
            self._events.append(events.HookCompleted(command))
        elif isinstance(command, commands.OpenConnection):
            command.connection.state = ConnectionState.OPEN
            self.opened.append(command.connection)
            self._events.append(events.OpenConnectionCompleted(command, None))
        elif isinstance(command, commands.SendData):
            self._sent(command)
        elif isinstance(command, commands.CloseConnection):
            command.connection.state = ConnectionState.CLOSED
            self.closed.append(command.connection)

    def _sent(self, command: commands.SendData) -> None:
        if command.connection is self.client:
            self.said["client"] += command.data
            return
        self.said["provider"] += command.data
        for piece in next(self._answers):
            self._events.append(events.DataReceived(command.connection, piece))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]


def chunked(data: bytes, size: int) -> bytes:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def body_of(said: bytes) -> bytes:
    """The body of an answer in chunks."""
    return b"".join(_chunks(said.partition(b"\r\n\r\n")[2]))


def _chunks(data: bytes) -> Iterator[bytes]:
    while data:
        size, _, data = data.partition(b"\r\n")
        yield data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]


PLACES = st.lists(st.integers(0, 5_000), max_size=10)


@settings(max_examples=60, deadline=None)
@given(asked=PLACES, answered=PLACES, size=st.integers(1, 80))
def test_whatever_the_pieces_the_same_bytes_go_on(asked: list[int], answered: list[int], size: int) -> None:
    said = REQUEST % (5, b"a\r\n\r\n") + REQUEST % (2, b"no") + REQUEST % (1, b"b")
    line = Line([cut(chunked(STREAM, size), answered), [b"HTTP/1.1 204 No Content\r\n\r\n"]])
    line.client_says(cut(said, asked))
    key = KEY.encode()
    assert line.said["provider"] == SENT % (5, key, b"a\r\n\r\n") + SENT % (1, key, b"b")
    first, middle, rest = line.said["client"].partition(b"0\r\n\r\nHTTP/1.1 402 ")
    assert (body_of(first), middle) == (MASKED, b"0\r\n\r\nHTTP/1.1 402 ")
    assert rest.partition(b"\r\n\r\n")[2] == b"refusedHTTP/1.1 204 No Content\r\n\r\n"
    assert len(line.opened) == 1, "the connection to the provider is used again"
    assert line.closed == []


def test_nothing_follows_on_an_answer_that_is_the_last() -> None:
    for field in (b"Connection: close\r\n", b""):
        line = Line([[b"HTTP/1.1 200 OK\r\n" + field + (b"Content-Length: 2\r\n" if field else b"") + b"\r\nhi"]])
        line.client_says([REQUEST % (1, b"a") + REQUEST % (1, b"b")])
        if not field:
            line.handle(events.ConnectionClosed(line.opened[0]))
        assert line.said["provider"] == SENT % (1, KEY.encode(), b"a")
        assert line.said["client"].endswith(b"\r\n\r\nhi")
        assert line.client in line.closed


def test_what_a_provider_says_after_its_answer_reaches_nobody() -> None:
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    for answer in ([good + b"hi" + good + b"no"], [good + b"hi", good + b"no"]):
        line = Line([answer, [good + b"ho"]])
        line.client_says([REQUEST % (1, b"a")])
        line.client_says([REQUEST % (1, b"b")])
        assert line.said["client"] == good + b"hi" + good + b"ho"
        assert len(line.opened) == 2


def test_an_answer_that_cannot_be_read_is_a_502_and_ends_both_connections() -> None:
    line = Line([[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi"]])
    line.client_says([REQUEST % (1, b"a")])
    assert line.said["client"].startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert set(line.closed) == {line.client, *line.opened}


def test_an_answer_that_breaks_off_does_not_look_whole() -> None:
    line = Line([[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"]])
    line.client_says([REQUEST % (1, b"a")])
    line.handle(events.ConnectionClosed(line.opened[0]))
    assert line.said["client"].endswith(b"2\r\nhi\r\n")
    assert line.client in line.closed


def test_a_client_that_leaves_ends_the_call_at_its_provider() -> None:
    line = Line([[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"]])
    line.client_says([REQUEST % (1, b"a")])
    line.handle(events.ConnectionClosed(line.client))
    assert set(line.closed) == {line.client, *line.opened}


def test_a_judgement_that_fails_is_a_503_and_nothing_is_sent() -> None:
    line = Line([])

    async def fail(_request: Any) -> Cleared:
        raise RuntimeError

    line.meter.decide = fail  # type: ignore[method-assign,assignment]
    line.client_says([REQUEST % (1, b"a")])
    assert line.said["client"].startswith(b"HTTP/1.1 503 ")
    assert (line.said["provider"], line.opened) == (b"", [])


def test_a_refusal_without_words_closes_and_sends_nothing() -> None:
    line = Line([])
    line.client_says([REQUEST % (4, b"gone")])
    assert line.said == {"client": b"", "provider": b""}
    assert line.closed == [line.client]


def test_a_call_leaves_nothing_for_the_garbage_collector() -> None:
    asked = REQUEST % (1, b"a")
    line = Line([cut(chunked(STREAM, 9), [40, 90]) for _ in range(5)])
    line.client_says([asked, asked])
    gc.collect()
    gc.disable()
    try:
        line.client_says([asked, asked, asked])
        line.meter.asked.clear()
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert line.said["client"].count(b"HTTP/1.1 200") == 5
