"""The one that writes the ledger for the meter, in groups: one transaction, one fsync, for all that wait.

It runs in a process of its own, so that neither waits for the other's Python. The meter's event loop sends operations
over a line and hears what became of them; it never touches SQLite itself. Endings of calls are kept until they are
written, whatever the disk says, and those still waiting are written when the meter stops, or has died.

On a full disk the ballast is given up and what it frees is for endings alone: nothing else is written until there is
room for another ballast. A ledger that turns out to be damaged is moved aside, and taken up again once it was restored.
"""

import logging
import math
import select
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from app.core.errors import AppError, DiskFull, LedgerDamaged, LedgerError
from app.ledger import ballast
from app.ledger.engine import Ledger
from app.ledger.group_writer import Done, GroupWriter, Operation
from app.ledger.quarantine import set_aside_if_damaged
from proxy_addon.packets import Unpacker, packed

LOOK_EVERY_S = 0.05
"""How often the ledger is asked whether somebody else wrote: well under the second a revoked key may still live."""
TELL_AGAIN_EVERY_S = 0.25
RETRY_AFTER_S = 0.5
DRAIN_LIMIT_S = 10.0
GROUP_LIMIT = 200
FOLLOWS_WITHIN_S = 0.001
"""How long a call's ending is left without a commit, for the next call's question to come along."""
ROOM_LOOK_EVERY_S = 2.0
DAMAGE_LOOK_EVERY_S = 5.0
READ_BYTES = 262_144

logger = logging.getLogger(__name__)


class Word(Enum):
    """What is said beside operations. The meter: tell each change of the ledger from now on, or none; write what is
    left and end. The writer: it has changed."""

    WATCH = auto()
    REST = auto()
    END = auto()
    CHANGED = auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation of the meter's. By its `number` it is answered; 0 where nobody waits and it must be written."""

    operation: Operation
    number: int

    @property
    def must_be_written(self) -> bool:
        """Whether it is tried until it is done."""
        return not self.number


@dataclass(frozen=True, slots=True)
class Raised:
    """In the place of an operation's result."""

    error: Exception


@dataclass(frozen=True, slots=True)
class News:
    """What the writer has to tell beside that, by its name."""

    name: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the meter can be reached."""

    gateway_url: str
    forward_url: str


class OperationFailed(Exception):
    """An operation raised what was not foreseen. Its trace stands in the log."""


class Writer:
    """Writes what comes over `line` until its end. When the ledger has changed otherwise than by its calls, but at most
    once in 50 ms, it calls `look` and tells the meter its news; and as long as there are any, four times a second: what
    is to be cut may not have been on its way yet when that was told. It calls `on_listening` when the meter tells its
    place. Operations find `memory` on their desk."""

    def __init__(
        self,
        line: socket.socket,
        ledger: Ledger,
        *,
        look: Callable[[], list[News]] = list,
        on_listening: Callable[[Listening], object] = lambda _place: None,
        memory: Any = None,
    ) -> None:
        self._line, self._ledger, self._look, self._on_listening = line, ledger, look, on_listening
        self._writer = GroupWriter(ledger, memory)
        self._come = Unpacker()
        self._looked_at = 0.0
        self._is_stale = True
        self._has_news = False
        self._is_watched = False
        self._stop_at: float | None = None
        self._full: DiskFull | None = None
        self._room_looked_at = 0.0
        self._damage_looked_at = 0.0

    def work(self) -> None:
        """Write until the meter says that it is the end, or is gone, and then what is left, for ten seconds at most.
        What is not written by then is counted and logged."""
        backlog: list[Asked] = []
        while self._stop_at is None or (backlog and time.monotonic() < self._stop_at):
            group = backlog + self._collect(0.0 if backlog else LOOK_EVERY_S)
            done, backlog = self._write(group)
            self._say(*(packed(result, number) for number, result in done.items()))
            self._see_changes()
            if backlog:
                time.sleep(RETRY_AFTER_S)
            self._look_if_stale()
        self._writer.close()
        if backlog:
            logger.error(
                "%d calls could not be settled before the end; they are recovered at the next start", len(backlog)
            )

    def _see_changes(self) -> None:
        changes = self._writer.changes()
        self._is_stale |= changes.may_be_rules
        if changes.are_any and self._is_watched:
            self._say(packed(Word.CHANGED))

    def _look_if_stale(self) -> None:
        since = time.monotonic() - self._looked_at
        if since < (LOOK_EVERY_S if self._is_stale else TELL_AGAIN_EVERY_S if self._has_news else math.inf):
            return
        self._looked_at = time.monotonic()
        try:
            news = self._look()
        except LedgerError as error:
            logger.warning("the ledger cannot be read: %s", error)
            self._looked_at += RETRY_AFTER_S
            return
        self._say(*(packed(one) for one in news))
        self._is_stale, self._has_news = False, bool(news)

    def _collect(self, patience_s: float) -> list[Asked]:
        """What the meter asked for meanwhile, oldest first."""
        found: list[Asked] = []
        while self._stop_at is None and len(found) < GROUP_LIMIT and select.select([self._line], [], [], patience_s)[0]:
            data = self._heard()
            if not data:
                self._end()
            for packet in self._come.feed(data):
                if isinstance(packet.value, Word | Listening):
                    self._mind(packet.value)
                else:
                    found.append(Asked(packet.value, packet.number))
            patience_s = 0.0
        return found

    def _heard(self) -> bytes:
        try:
            return self._line.recv(READ_BYTES)
        except OSError:  # the meter has died
            return b""

    def _mind(self, said: Word | Listening) -> None:
        if isinstance(said, Listening):
            self._on_listening(said)
            return
        self._is_watched = said is Word.WATCH
        if said is Word.END:
            self._end()
        elif self._is_watched:
            self._say(packed(Word.CHANGED))  # what was written before it came was told to nobody

    def _end(self) -> None:
        if self._stop_at is None:
            self._stop_at = time.monotonic() + DRAIN_LIMIT_S

    def _say(self, *packets: bytes) -> None:
        if packets:
            with suppress(OSError):  # the meter has died: what it said before is still to be heard, up to its end
                self._line.sendall(b"".join(packets))

    def _write(self, group: list[Asked]) -> tuple[dict[int, Any], list[Asked]]:
        """Write a group. Returns what is to be answered, and what must be tried again."""
        refused: dict[int, Any] = {}
        if self._full is not None:
            refused, group = self._refuse_new(group, self._full)
        if not group:
            return refused, []
        try:
            results = self._writer.write([asked.operation for asked in group], lambda: self._late(group))
        except LedgerError as error:
            logger.warning("the ledger cannot be written: %s", error)
            results = [Done(error=error)] * len(group)
            self._see_to(error)
        except Exception as error:
            logger.exception("the ledger could not be written")
            results = [Done(error=error)] * len(group)
        done, again = _sorted_out(zip(group, results, strict=True))
        return refused | done, again

    def _late(self, group: list[Asked]) -> list[Operation]:
        """What else has come while a group was run, and is added to it: one commit for both. Where nobody waits for an
        answer, the next question is: an agent has it ready as soon as it has read an answer. None on a full disk: what
        is left of the ballast is for endings."""
        if self._full is not None:
            return []
        come = self._collect(FOLLOWS_WITHIN_S if all(asked.must_be_written for asked in group) else 0.0)
        group += come
        return [asked.operation for asked in come]

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

    def _refuse_new(self, group: list[Asked], full: DiskFull) -> tuple[dict[int, Any], list[Asked]]:
        """On a full disk: who is refused, and what may still be written. All of it once there is room for another
        ballast."""
        now = time.monotonic()
        if now - self._room_looked_at > ROOM_LOOK_EVERY_S:
            self._room_looked_at = now
            if ballast.take_on(self._ledger.path):
                logger.info("there is room on the disk again")
                self._full = None
                return {}, group
        refused = {asked.number: Raised(full) for asked in group if not asked.must_be_written}
        return refused, [asked for asked in group if asked.must_be_written]


def _sorted_out(ended: Iterable[tuple[Asked, Done]]) -> tuple[dict[int, Any], list[Asked]]:
    """The answers for all who wait, and the operations that must be tried again."""
    answers, again = dict[int, Any](), []
    for asked, done in ended:
        if not asked.must_be_written:
            answers[asked.number] = done.result if done.error is None else Raised(_tellable(done.error))
        elif isinstance(done.error, LedgerError):
            again.append(asked)
        elif done.error is not None:
            logger.error("a call could not be settled", exc_info=done.error)
    return answers, again


def _tellable(error: Exception) -> Exception:
    """An error for people; of a bug of ours only its kind, its values stay here."""
    if isinstance(error, AppError):
        return error
    logger.error("an operation on the ledger failed", exc_info=error)
    return OperationFailed(type(error).__name__)
