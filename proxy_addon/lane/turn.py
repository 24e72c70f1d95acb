"""One request in the lane and its answer: judged, sent, passed on, and ended exactly once.

Its methods give the commands that follow from what happened. None of them waits: what must be waited for is work that
somebody else does, and until it is done the turn only takes note of what it hears.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from mitmproxy.proxy import commands, layer

from proxy_addon.calls import Calls, Head
from proxy_addon.delivery import Delivery, WholeAnswer
from proxy_addon.header_fields import Fields, with_field
from proxy_addon.lane.answers import AnswerReader, BadAnswer
from proxy_addon.lane.heads import (
    LAST_CHUNK,
    ends_connection,
    is_chunked,
    written_answer,
    written_chunk,
    written_error,
    written_head,
    written_refusal,
    written_request,
)
from proxy_addon.limits import MAX_HELD_ANSWER_BYTES
from proxy_addon.meter import Refused
from proxy_addon.routes import Route, Upstream
from proxy_addon.sending import Sending

type Commands = layer.CommandGenerator[None]

FAILED = "Bursar's meter failed. See its log."
_BROKE_OFF = "Bursar could not reach the provider: it broke off, or its answer is not HTTP."


class Line(Protocol):
    """What a turn is carried on: a client's connection, and one to the provider."""

    @property
    def is_leaving(self) -> bool:
        """Whether each answer is the last of its connection."""

    def to_client(self, data: bytes) -> commands.Command:
        """Say something to the client."""

    def await_work(self, task: Callable[[], Awaitable[None]], then: Callable[[bool], Commands]) -> Commands:
        """Have somebody wait for `task`; `then` is told whether it was done."""

    def send(self, place: Upstream, data: bytes) -> Commands:
        """Send a request, on a connection that is open or is about to be."""

    def cut(self) -> None:
        """Break the connection to the provider off, from outside."""

    def end_turn(self, *, keeps_client: bool, keeps_provider: bool) -> Commands:
        """The turn is over; go on with the next, or close what is not kept."""


class Turn:
    """A whole request on a metered host, from its first judgement to the last byte of its answer."""

    def __init__(self, line: Line, calls: Calls, route: Route, head: Head, body: bytes, *, is_last: bool) -> None:
        self._line, self._calls = line, calls
        self._route, self._head, self._body = route, head, body
        self._is_last = is_last
        self._decision: Sending | Refused | None = None
        self._sending: Sending | None = None
        self._whole: WholeAnswer | None = None
        self._reader = AnswerReader()
        self._delivery: Delivery | None = None
        self._held = bytearray()
        self._is_working = False
        self._is_sent = False
        self._is_head_sent = False
        self._in_chunks = False
        self._is_bad = False
        self._is_client_gone = False
        self._is_stopped = False
        self._is_over = False

    def start(self) -> Commands:
        """Have it judged."""
        yield from self._line.await_work(self._judge, self._judged)

    def client_left(self) -> Commands:
        """The client has closed its connection, or its half of it. One that is being judged is told by that."""
        self._is_client_gone = True
        if self._sending is not None and not self._is_over:
            yield from self._break(is_client=True)

    def opened(self, error: str | None) -> Commands:
        """The request was sent to the provider, or no connection could be made."""
        if error is None:
            self._is_sent = True
        elif not self._is_over:
            yield from self._break(502, f"Bursar could not reach the provider: {error}")

    def heard(self, data: bytes | None) -> Commands:
        """The provider said something; None: it has closed."""
        if self._is_over or self._is_bad:
            return
        try:
            if data is None:
                self._reader.feed_end()
            else:
                self._reader.feed(data)
        except BadAnswer:
            self._is_bad = True
        yield from self._go_on()

    def fail(self) -> Commands:
        """Something was not foreseen."""
        if not self._is_over:
            yield from self._break(503, FAILED)

    async def _judge(self) -> None:
        _, self._decision = await self._calls.judge(
            self._route, self._head, self._body, is_client_gone=lambda: self._is_client_gone, close=self._stop
        )

    def _judged(self, is_done: bool) -> Commands:
        decision = self._decision
        if isinstance(decision, Sending):
            self._sending = decision
            if self._is_over:
                self._calls.broken(decision, is_client=False, was_sent=False)
            elif self._is_client_gone or self._is_stopped:
                yield from self._break(502, "This call was stopped in Bursar.", is_client=self._is_client_gone)
            else:
                yield from self._line.send(decision.route.upstream, written_request(self._head.method, decision))
        elif self._is_over:
            return
        elif not is_done or decision is None:
            yield from self._break(503, FAILED)
        elif decision.answer is None:
            yield from self._end(keeps_client=False, keeps_provider=True)
        else:
            answer = written_refusal(decision.answer, is_last=self._line.is_leaving)
            keeps_client = not (self._is_last or self._line.is_leaving)
            yield self._line.to_client(answer)
            yield from self._end(keeps_client=keeps_client, keeps_provider=True)

    def _stop(self) -> None:
        """The call is to be cut, wherever it is."""
        self._is_stopped = True
        self._line.cut()

    def _cut_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self._line.cut)

    def _go_on(self) -> Commands:
        """Do what the bytes that have come allow."""
        reader, sending = self._reader, self._sending
        if self._is_over or self._is_working or sending is None:
            return
        if not reader.is_begun:
            if self._is_bad:
                yield from self._break(0 if reader.is_switching else 502, _BROKE_OFF)
            return
        if self._delivery is None:
            self._delivery = self._calls.deliver(sending, reader.status, reader.fields, self._cut_soon)
            if not self._delivery.is_held_back and not self._delivery.is_told:
                yield from self._work(self._delivery.wait_told, self._told)
                return
        if self._delivery.is_held_back:
            yield from self._hold_back()
        else:
            yield from self._pass_on(sending, self._delivery)

    def _work(self, task: Callable[[], Awaitable[None]], then: Callable[[bool], Commands]) -> Commands:
        self._is_working = True
        yield from self._line.await_work(task, then)

    def _told(self, _is_done: bool) -> Commands:
        self._is_working = False
        yield from self._go_on()

    def _pass_on(self, sending: Sending, delivery: Delivery) -> Commands:
        reader, mask = self._reader, sending.mask
        said = []
        if not self._is_head_sent:
            self._is_head_sent = True
            reason = reader.reason if mask is None else mask.whole(reader.reason)
            delivery.fields = self._parting(delivery.told())
            self._in_chunks = is_chunked(delivery.fields)
            said.append(written_head(reader.status, reason, delivery.fields))
        body = reader.take_body()
        passed = delivery.pass_on(body) if body else b""
        if reader.is_ended:
            passed += delivery.pass_on(b"")
        said.append(written_chunk(passed) if self._in_chunks else passed)
        is_whole = reader.is_ended and delivery.is_sound
        if is_whole and self._in_chunks:
            said.append(LAST_CHUNK)
        if data := b"".join(said):
            yield self._line.to_client(data)
        if reader.is_ended:
            self._calls.complete(sending)
            keeps_client = is_whole and not (reader.lasts_until_close or ends_connection(delivery.fields))
            yield from self._end(keeps_client=keeps_client and not self._is_last, keeps_provider=self._may_reuse)
        elif self._is_bad:
            yield from self._break()

    def _parting(self, fields: Fields) -> Fields:
        """A head's fields; those of the last answer of its connection say so."""
        return with_field(fields, b"connection", b"close") if self._line.is_leaving else fields

    @property
    def _may_reuse(self) -> bool:
        reader = self._reader
        return reader.is_kept_alive and not (reader.is_overlong or reader.lasts_until_close or self._is_stopped)

    def _hold_back(self) -> Commands:
        self._held += self._reader.take_body()
        if self._reader.is_ended:
            yield from self._work(self._answer_held_back, self._held_back_answered)
        elif self._is_bad or len(self._held) > MAX_HELD_ANSWER_BYTES:
            yield from self._break(502, _BROKE_OFF)

    async def _answer_held_back(self) -> None:
        assert self._sending is not None
        reader = self._reader
        answer = WholeAnswer(reader.status, reader.fields, bytes(self._held), reader.reason)
        self._whole = await self._calls.answer_held_back(self._sending, answer)

    def _held_back_answered(self, _is_done: bool) -> Commands:
        self._is_working = False
        if self._is_over:
            return
        if self._whole is None:
            yield from self.fail()
            return
        answer = replace(self._whole, fields=self._parting(self._whole.fields))
        yield self._line.to_client(written_answer(answer))
        keeps_client = not self._is_last and not ends_connection(answer.fields)
        yield from self._end(keeps_client=keeps_client, keeps_provider=self._may_reuse)

    def _break(self, status: int = 0, words: str = "", *, is_client: bool = False) -> Commands:
        """The call broke off, and its connections with it. `status` and `words` are for a client that has heard nothing
        yet."""
        if self._sending is not None:
            self._calls.broken(self._sending, is_client=is_client, was_sent=self._is_sent)
        if status and not self._is_head_sent and not self._is_client_gone:
            yield self._line.to_client(written_error(status, self._calls.sent_keys.masked(words)))
        yield from self._end(keeps_client=False, keeps_provider=False)

    def _end(self, *, keeps_client: bool, keeps_provider: bool) -> Commands:
        self._is_over = True
        self._delivery = None  # it holds what cuts this turn: without one another both are freed at once
        self._reader.close()
        yield from self._line.end_turn(keeps_client=keeps_client, keeps_provider=keeps_provider)
