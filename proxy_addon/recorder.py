"""The meter's end of the line to the process that writes its ledger. See `proxy_addon.writer`.

The event loop hands it operations and gets futures back. An operation is sent, so it is made of values: a function of
some module's with what it is to be called with, or a frozen dataclass that can be called.
"""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from app.core.errors import LedgerError
from app.ledger.group_writer import Desk, Operation
from proxy_addon.packets import Unpacker, packed
from proxy_addon.writer import DRAIN_LIMIT_S, Listening, News, Raised, Word

_MARGIN_S = 5.0

logger = logging.getLogger(__name__)


class Recorder(asyncio.Protocol):
    """Sends operations to the writer, from `begin` on. To be used on the event loop, but for `post`.

    `on_change` is to be called for every change of the ledger, whoever made it, while it is told to `watch`; `hears`
    with the writer's news, by their names; `on_lost` when it has ended unasked.
    """

    def __init__(
        self, *, hears: Mapping[str, Callable[..., object]] | None = None, on_lost: Callable[[], object] = lambda: None
    ) -> None:
        self.on_change: Callable[[], object] = lambda: None
        self._hears, self._on_lost = hears or {}, on_lost
        self._come = Unpacker()
        self._transport: asyncio.Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._numbers = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._ended = asyncio.Event()
        self._is_ending = False

    async def begin(self, line: socket.socket) -> None:
        """Take up the line to a writer."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        await self._loop.create_connection(lambda: self, sock=line)

    async def run[T](self, operation: Callable[[Desk], T]) -> T:
        """Run one operation and give its result once it is durable. Raises what it raised, or LedgerError."""
        if self._ended.is_set():
            raise _gone()
        self._numbers += 1
        number = self._numbers
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._send(operation, number)
        self._waiting[number] = future
        return await future

    def post(self, operation: Operation) -> None:
        """Run one operation as soon as the ledger lets us, trying again until it does. Returns at once. May be called
        from any thread."""
        if threading.get_ident() == self._thread:
            self._send(operation)
        elif self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the event loop has ended before us
                self._loop.call_soon_threadsafe(self._send, operation)

    def watch(self, *, is_watching: bool) -> None:
        """Hear of every change from now on, and first of what may have been before; or of none."""
        self._send(Word.WATCH if is_watching else Word.REST)

    def tell_place(self, gateway_url: str, forward_url: str) -> None:
        """Say where the meter can be reached, for a ledger that is put in the place of this one."""
        self._send(Listening(gateway_url, forward_url))

    async def stop(self) -> None:
        """Have what is left written, and wait until it is, or hangs for longer than that may take. First, though not
        for long, whoever asked is answered: what is held for a call that is not sent any more is given back."""
        self._is_ending = True
        if self._waiting:
            await asyncio.wait(self._waiting.values(), timeout=_MARGIN_S)
        self._send(Word.END)
        try:
            await asyncio.wait_for(self._ended.wait(), DRAIN_LIMIT_S + _MARGIN_S)
        except TimeoutError:
            logger.error("the ledger's writer does not end: calls may not be settled; the next meter sees to them")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        for packet in self._come.feed(data):
            if packet.number:
                self._answer(packet.number, packet.value)
            elif isinstance(packet.value, News):
                self.hear(packet.value)
            else:
                assert packet.value is Word.CHANGED
                self.on_change()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._ended.set()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(_gone())
        self._waiting.clear()
        if not self._is_ending:
            self._on_lost()

    def hear(self, news: News) -> None:
        """Pass on what the writer has to tell."""
        self._hears[news.name](*news.values)

    def _answer(self, number: int, result: Any) -> None:
        future = self._waiting.pop(number)
        if future.done():  # nobody waits any more
            return
        if isinstance(result, Raised):
            future.set_exception(result.error)
        else:
            future.set_result(result)

    def _send(self, said: Operation | Word | Listening, number: int = 0) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(packed(said, number))


def _gone() -> LedgerError:
    return LedgerError("The ledger cannot be written", "What writes it has ended. Bursar's meter starts anew.")
