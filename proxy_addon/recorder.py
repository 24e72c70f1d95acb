"""The one thread that writes the ledger for the meter, in groups: one transaction, one fsync, for all that wait.

The event loop hands it operations and gets futures back; it never touches SQLite itself. Endings of calls (`post`) are
kept until they are written, whatever the disk says, and those still waiting are written when the meter stops.

On a full disk the ballast is given up and what it frees is for endings alone: nothing else is written until there is
room for another ballast. A ledger that turns out to be damaged is moved aside, and taken up again once it was restored.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from app.core.errors import DiskFull, LedgerDamaged, LedgerError
from app.ledger import ballast
from app.ledger.engine import Ledger
from app.ledger.feed import ChangeWatch
from app.ledger.group_writer import Desk, Done, GroupWriter, Operation
from app.ledger.quarantine import set_aside_if_damaged

LOOK_EVERY_S = 0.05
"""How often the ledger is asked whether somebody else wrote: well under the second a revoked key may still live."""
RETRY_AFTER_S = 0.5
DRAIN_LIMIT_S = 10.0
GROUP_LIMIT = 200
ROOM_LOOK_EVERY_S = 2.0
DAMAGE_LOOK_EVERY_S = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Task:
    """One operation, and who waits for it; None where nobody does and it must be written."""

    operation: Operation
    future: "asyncio.Future[Any] | None"

    @property
    def must_be_written(self) -> bool:
        return self.future is None


class Recorder:
    """Owns the writer thread. From that thread it calls `on_change` after every commit, ours or another process's, and
    `look`, for a read of the caller's own, after changes but at most once in 50 ms."""

    def __init__(self, ledger: Ledger, *, on_change: Callable[[], object], look: Callable[[], object]) -> None:
        self._ledger = ledger
        self._writer = GroupWriter(ledger)
        self._on_change = on_change
        self._look = look
        self._looked_at = 0.0
        self._is_stale = True
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)
        self._full: DiskFull | None = None
        self._room_looked_at = 0.0
        self._damage_looked_at = 0.0
        self.dropped_endings = 0

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    async def run[T](self, operation: Callable[[Desk], T]) -> T:
        """Run one operation and give its result once it is durable. Raises what it raised, or LedgerError."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._tasks.put(_Task(operation, future))
        return await future

    def post(self, operation: Operation) -> None:
        """Run one operation as soon as the ledger lets us, trying again until it does. Returns at once."""
        self._tasks.put(_Task(operation, None))

    def stop(self) -> None:
        """Write what is left and end the thread. Blocks; what is not written in ten seconds is counted and logged."""
        self._tasks.put(None)
        self._thread.join(DRAIN_LIMIT_S + 5)

    def _work(self) -> None:
        watch = ChangeWatch(self._ledger)
        stop_at: float | None = None
        backlog: list[_Task] = []
        while stop_at is None or (backlog and time.monotonic() < stop_at):
            group, is_last = self._collect(backlog)
            if is_last and stop_at is None:
                stop_at = time.monotonic() + DRAIN_LIMIT_S
            backlog = self._write(group)
            if backlog:
                time.sleep(RETRY_AFTER_S)
            if watch.changed():
                self._is_stale = True
                with contextlib.suppress(RuntimeError):  # the event loop has ended before us
                    self._on_change()
            self._look_if_stale()
        watch.close()
        self._writer.close()
        self.dropped_endings = len(backlog)
        if backlog:
            logger.error(
                "%d calls could not be settled before the end; they are recovered at the next start", len(backlog)
            )

    def _look_if_stale(self) -> None:
        if not self._is_stale or time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = time.monotonic()
        try:
            self._look()
            self._is_stale = False
        except LedgerError as error:
            logger.warning("the ledger cannot be read: %s", error)
        except RuntimeError:  # the event loop has ended before us
            self._is_stale = False

    def _collect(self, backlog: list[_Task]) -> tuple[list[_Task], bool]:
        """What waits to be written, oldest first, and whether the end was asked for."""
        group = list(backlog)
        try:
            task = self._tasks.get(timeout=LOOK_EVERY_S)
            while task is not None:
                group.append(task)
                if len(group) >= GROUP_LIMIT:
                    return group, False
                task = self._tasks.get_nowait()
        except queue.Empty:
            return group, False
        return group, True

    def _write(self, group: list[_Task]) -> list[_Task]:
        """Write a group. Returns what must be tried again."""
        if self._full is not None:
            group = self._refuse_new(group, self._full)
        if not group:
            return []
        try:
            results = self._writer.write([task.operation for task in group])
        except LedgerError as error:
            logger.warning("the ledger cannot be written: %s", error)
            results = [Done(error=error)] * len(group)
            self._see_to(error)
        except Exception as error:
            logger.exception("the ledger could not be written")
            results = [Done(error=error)] * len(group)
        return _resolve(zip(group, results, strict=True))

    def _see_to(self, error: LedgerError) -> None:
        """What can be done about a ledger that cannot be written."""
        if isinstance(error, DiskFull):
            if ballast.give_up(self._ledger.path):
                logger.warning("the disk is full: the ballast is given up for calls on their way")
                self._full = error
        elif isinstance(error, LedgerDamaged) and time.monotonic() - self._damage_looked_at > DAMAGE_LOOK_EVERY_S:
            self._damage_looked_at = time.monotonic()
            try:
                if set_aside_if_damaged(self._ledger.path):
                    logger.error("the ledger is damaged and was moved aside")
            except LedgerError as why:
                logger.error("%s", why)

    def _refuse_new(self, group: list[_Task], full: DiskFull) -> list[_Task]:
        """On a full disk: what may still be written. All of it once there is room for another ballast."""
        now = time.monotonic()
        if now - self._room_looked_at > ROOM_LOOK_EVERY_S:
            self._room_looked_at = now
            if ballast.take_on(self._ledger.path):
                logger.info("there is room on the disk again")
                self._full = None
                return group
        _resolve((task, Done(error=full)) for task in group if not task.must_be_written)
        return [task for task in group if task.must_be_written]


def _resolve(ended: Iterable[tuple[_Task, Done]]) -> list[_Task]:
    """Tell all who wait, each event loop once. Returns the operations that must be tried again."""
    again, told = [], defaultdict(list)
    for task, done in ended:
        if task.future is not None:
            told[task.future.get_loop()].append((task.future, done))
        elif isinstance(done.error, LedgerError):
            again.append(task)
        elif done.error is not None:
            logger.error("a call could not be settled", exc_info=done.error)
    for loop, answers in told.items():
        with contextlib.suppress(RuntimeError):  # the event loop has ended before us
            loop.call_soon_threadsafe(_tell, answers)
    return again


def _tell(answers: "list[tuple[asyncio.Future[Any], Done]]") -> None:
    for future, done in answers:
        if future.done():  # nobody waits any more
            continue
        if done.error is not None:
            future.set_exception(done.error)
        else:
            future.set_result(done.result)
