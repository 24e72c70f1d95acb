"""Calls whose answers flow: settled as soon as their usage is final, cut when their money has run out or a person says
so. To be used on the event loop.
"""

import asyncio
import time
from collections.abc import Callable

from proxy_addon.exchange import Exchange
from proxy_addon.recorder import Recorder

type Passed = bytes | list[bytes]
type PassOn = Callable[[bytes], Passed]


class RunningCalls:
    """The calls of one meter that were sent and whose flow has not ended. `close` breaks off one's connection to its
    provider, and with it the one to the client."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._open: dict[Exchange, Callable[[], object]] = {}

    def add(self, exchange: Exchange, close: Callable[[], object]) -> None:
        """A call is about to be sent."""
        self._open[exchange] = close

    def discard(self, exchange: Exchange) -> None:
        """Its flow is over."""
        self._open.pop(exchange, None)

    async def drain(self, limit_s: float) -> None:
        """Wait for the answers of those that were sent."""
        deadline = time.monotonic() + limit_s
        while self._open and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    def end_all(self) -> None:
        """Settle what is still on its way: the meter stops."""
        for exchange in tuple(self._open):
            exchange.end_broken(self._recorder, error_type="meter_stopped", was_sent=True)
        self._open.clear()

    def watched(self, exchange: Exchange, pass_on: PassOn) -> PassOn:
        """Pass an answer on, and look after its money with each chunk."""

        def stream(chunk: bytes) -> Passed:
            passed = pass_on(chunk)
            if chunk and not exchange.look_after_money(self._recorder):
                exchange.end_cut(self._recorder)
                self._close(exchange)
            return passed

        return stream

    def stop(self, sessions: frozenset[str], *, everything: bool) -> None:
        """Cut the answers of these sessions, or all: a person stopped them."""
        for exchange in tuple(self._open):
            session = exchange.draft.tags.session
            if everything or (session and session in sessions):
                exchange.end_broken(self._recorder, error_type="stopped", was_sent=True)
                self._close(exchange)

    def _close(self, exchange: Exchange) -> None:
        close = self._open.get(exchange)
        if close is not None:
            asyncio.get_running_loop().call_soon(close)
