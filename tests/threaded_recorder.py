"""The meter's recorder with its writer in a thread of this process, for tests without a wire: what is said goes over a
socket as ever, and tests that need no second process do without its start."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

from app.ledger.engine import Ledger
from app.ledger.group_writer import Desk, Operation
from proxy_addon.loop_watch import LoopWatch
from proxy_addon.recorder import Recorder
from proxy_addon.writer import Writer


class ThreadedRecorder(Recorder):
    """Begins on each event loop that it is used on, and ends with it; all is written by then."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._of_ledger = ledger
        self._here: Recorder | None = None
        self._here_loop: asyncio.AbstractEventLoop | None = None
        self._beginning = asyncio.Lock()

    async def run[T](self, operation: Callable[[Desk], T]) -> T:
        """Of the one that was begun here."""
        return await (await self._begun()).run(operation)

    def post(self, operation: Operation) -> None:
        """Of the one that was begun here, or is about to be."""
        if self._here is not None:
            self._here.post(operation)
        else:
            asyncio.get_running_loop().create_task(self._post_once_begun(operation))

    def watch(self, *, is_watching: bool) -> None:
        """Of the one that was begun here."""
        if self._here is not None:
            self._here.watch(is_watching=is_watching)

    async def stop(self) -> None:
        """What was posted is written when this returns."""
        if self._here is not None:
            await self._here.stop()

    async def _begun(self) -> Recorder:
        async with self._beginning:
            if self._here is None or self._here_loop is not asyncio.get_running_loop():
                ours, theirs = socket.socketpair()
                recorder = Recorder()
                recorder.on_change = lambda: self.on_change()
                await recorder.begin(ours)
                writing = threading.Thread(target=_write, args=(theirs, self._of_ledger))
                writing.start()
                self._here, self._here_loop = recorder, asyncio.get_running_loop()
                self._ending = asyncio.get_running_loop().create_task(self._end_with_loop(writing))
            return self._here

    async def _post_once_begun(self, operation: Operation) -> None:
        (await self._begun()).post(operation)

    async def _end_with_loop(self, writing: threading.Thread) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await self.stop()
            await asyncio.to_thread(writing.join)


def _write(line: socket.socket, ledger: Ledger) -> None:
    with line:
        Writer(line, ledger, memory=LoopWatch()).work()


def settled(recorder: Recorder) -> Any:
    """To be awaited: all that was posted before is written."""
    return recorder.run(nothing)


def nothing(_desk: Desk) -> None:
    """An operation."""
