"""The provider of the race: it bills by itself, the moment a call arrives, whether or not its answer gets through."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.race.trades import Trade
from tests.race.wire import make_message, read_message

SENT_AT_HEADER = "x-race-sent-at"
SLOWEST_S = 0.03


class Biller:
    """`total` is the bill in nano-dollars, `calls` how many it is for, `admission_s` how long each took from its agent
    to here: the way through the meter's gate."""

    def __init__(self, trade: Trade, seed: int = 1) -> None:
        self.total = 0
        self.calls = 0
        self.admission_s: list[float] = []
        self.url = ""
        self._trade = trade
        self._dice = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._serving: set[asyncio.Task[None]] = set()

    @contextmanager
    def running(self) -> Iterator["Biller"]:
        """Serve in a thread of its own until the block ends."""
        started = threading.Event()
        thread = threading.Thread(target=self._run, args=(started,), name="biller", daemon=True)
        thread.start()
        started.wait()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        self._loop.run_forever()
        server.close()
        for task in self._serving:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._serving, return_exceptions=True))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            while True:
                request = await read_message(reader)
                answer, cost = self._trade.answer(request.body, self._dice)
                self.total += cost
                self.calls += 1
                self.admission_s.append(time.monotonic() - float(request.headers[SENT_AT_HEADER]))
                await asyncio.sleep(self._dice.uniform(0, SLOWEST_S))
                writer.write(make_message("HTTP/1.1 200 OK", {"content-type": "application/json"}, answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._serving.discard(task)
            writer.close()
