"""Questions that outlive the request that asked them: a client that is told to try again is asked about only once.

A client gives up on a silent call after its own time, or is answered shortly before and sends the same request again.
Its question stays open for that long, and the request sent again takes it over, with whatever was answered meanwhile.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from app.core.reservations import CapWindow, Obstacle

TOLD_TO_RETRY_S = 60.0
"""Longer than any pause between two tries that was measured (wire-formats notes, section 2.1)."""
HUNG_UP_S = 5.0
"""An SDK whose own time is up sends again within a second or two; a person who stopped an agent does not."""


type Mark = Callable[[], str]
"""Finds what a request shares with the same one sent again and with no other; empty for one that is like no other."""


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question without an answer yet: its id, what it is about, and what was excused before it."""

    question: str
    asked_about: tuple[Obstacle, ...]
    excused: frozenset[CapWindow]


class Resent:
    """Open questions by the mark of their request: one that only the same request of the same session has. To be used
    on the event loop."""

    def __init__(self, forget: Callable[[OpenQuestion], object]) -> None:
        self._forget = forget
        self._kept: dict[str, tuple[OpenQuestion, asyncio.TimerHandle]] = {}

    def __bool__(self) -> bool:
        return bool(self._kept)

    def keep(self, mark: str, question: OpenQuestion, seconds: float) -> None:
        """Leave a question open for so long; after that it is handed to `forget`."""
        self._drop(mark)
        timer = asyncio.get_running_loop().call_later(seconds, self._drop, mark)
        self._kept[mark] = (question, timer)

    def take(self, mark: str) -> OpenQuestion | None:
        """The question that the same request asked before; it is the taker's from now on."""
        question, timer = self._kept.pop(mark, (None, None))
        if timer is not None:
            timer.cancel()
        return question

    def _drop(self, mark: str) -> None:
        question, timer = self._kept.pop(mark, (None, None))
        if question is not None and timer is not None:
            timer.cancel()
            self._forget(question)
