"""Where calls wait at the gate: one look at the ledger for all of them, and a word to those that could go on.

A look is asked for after each change of the ledger and once a second for what only time brings: the end of a raise, a
default answer, a new window. To be used on the event loop.
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.core.caps import Cap
from app.core.errors import LedgerError
from app.ledger.group_writer import Desk
from app.ledger.survey import Waiting, worth_a_look
from proxy_addon.clock import Clock
from proxy_addon.recorder import Recorder

TICK_S = 0.25
TICKS_A_LOOK = 4
_REST_A_GUEST_S = 0.0001
"""Between two looks, for each call that waits: a look costs as much as there are, and others have calls to make."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Guest:
    waiting: Waiting
    is_client_gone: Callable[[], bool]
    deadline: float
    called: asyncio.Event = field(default_factory=asyncio.Event)


class WaitingRoom:
    """The calls of one meter that wait. `changes` counts what it was told of.

    Where nobody waits the writer is not asked to tell each change. When it is asked it tells one at once, for what
    it did not tell before; so no change is missed.
    """

    def __init__(self, recorder: Recorder, instance_id: str, clock: Clock) -> None:
        self.changes = 0
        """How often something changed that may let a call go on."""
        self._clock = clock
        self._recorder = recorder
        self._instance_id = instance_id
        self._guests: dict[str, _Guest] = {}
        self._caps: list[Cap] = []
        self._looking: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """Something changed, in the ledger or elsewhere: look on behalf of all, once the look that runs is over."""
        self.changes += 1
        self._begin_look()

    def _begin_look(self) -> None:
        if self._guests and self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def wait(self, waiting: Waiting, *, seen: int, deadline: float, is_client_gone: Callable[[], bool]) -> bool:
        """Wait until something changed for this call, or the deadline came. True when its client left.

        The deadline is by the clock's `seconds`; `seen` is `changes` as it was before the ledger was asked last.
        """
        guest = _Guest(waiting, is_client_gone, deadline)
        self._guests[waiting.draft.call_id] = guest
        if seen != self.changes:
            self.tell()
        if self._ticking is None:
            self._recorder.watch(is_watching=True)
            self._ticking = asyncio.get_running_loop().create_task(self._tick())
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(guest.called.wait(), max(0.0, deadline - self._clock.seconds()))
        finally:
            self._guests.pop(waiting.draft.call_id, None)
        return is_client_gone()

    async def _look(self) -> None:
        try:
            seen = -1
            while seen != self.changes and self._guests:
                seen = self.changes
                await self._survey()
                await asyncio.sleep(len(self._guests) * _REST_A_GUEST_S)
        finally:
            self._looking = None

    async def _survey(self) -> None:
        guests = dict(self._guests)
        waiting = [guest.waiting for guest in guests.values()]
        survey = functools.partial(_survey, instance_id=self._instance_id, waiting=waiting, now=self._clock.now())
        try:
            found, caps = await self._recorder.run(survey)
        except LedgerError as error:
            logger.warning("calls wait on, since the ledger cannot be read: %s", error)
            return
        is_new, self._caps = caps != self._caps, caps
        for call_id, guest in guests.items():
            is_right = guest.waiting.is_about_clock and self._clock.doubt() is None
            if is_new or is_right or call_id in found:
                guest.called.set()

    async def _tick(self) -> None:
        try:
            ticks = 0
            while self._guests:
                await asyncio.sleep(TICK_S)
                ticks += 1
                for guest in list(self._guests.values()):
                    if guest.is_client_gone() or guest.deadline <= self._clock.seconds():  # the machine may have slept
                        guest.called.set()
                if ticks % TICKS_A_LOOK == 0:
                    self.tell()
        finally:
            self._ticking = None
            self._recorder.watch(is_watching=False)


def _survey(desk: Desk, *, instance_id: str, waiting: list[Waiting], now: datetime) -> tuple[frozenset[str], list[Cap]]:
    return worth_a_look(desk.connection, instance_id, waiting, now), desk.caps
