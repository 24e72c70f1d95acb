"""A hold that is less than the worst case: it grows ahead of the answer, or the answer ends.

More is asked for well before what was held is used up, so that an answer is hardly ever kept waiting for the ledger;
only when more was denied and what is held is used up must the stream be cut. To be used on the event loop.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from app.core.errors import LedgerError
from app.core.exchange import ResponseFacts
from app.core.reservations import Draft, Quote, affordable_tokens
from app.ledger.group_writer import Desk
from app.ledger.holding import extend
from proxy_addon.recorder import Recorder

BYTES_PER_TOKEN = 2
"""Half of what any text measured comes to, so that tokens told late are hardly ever more than was counted."""
SLACK_TOKENS = 1_024
STEP_TOKENS = 4_096
ASK_AGAIN_AFTER_S = 0.25


class GrowingHold:
    """What is held for one call whose answer flows."""

    def __init__(
        self, recorder: Recorder, draft: Draft, quote: Quote, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.held_nano_usd = draft.hold
        self._recorder = recorder
        self._call_id = draft.call_id
        self._worst = draft.worst_nano_usd or 0
        self._quote = quote
        self._clock = clock
        self._covered = affordable_tokens(quote, draft.hold) or 0
        self._step = STEP_TOKENS
        self._asking: asyncio.Task[None] | None = None
        self._ask_again_at = 0.0

    def covers(self, answer: ResponseFacts) -> bool:
        """Whether what was seen of the answer is paid for. Asks for more in time; False when that was denied."""
        if self.held_nano_usd >= self._worst:
            return True
        seen = max(answer.usage.output_tokens or 0, answer.output_bytes // BYTES_PER_TOKEN)
        if seen + SLACK_TOKENS > self._covered and self._asking is None and self._clock() >= self._ask_again_at:
            self._asking = asyncio.get_running_loop().create_task(self._ask(seen))
        return seen <= self._covered or self._asking is not None

    async def _ask(self, seen: int) -> None:
        wanted = self._quote(seen + SLACK_TOKENS + self._step)
        more = min(self._worst, wanted if wanted is not None else self._worst) - self.held_nano_usd
        try:
            if more > 0 and await self._recorder.run(partial(_extend, call_id=self._call_id, more=more)):
                self.held_nano_usd += more
                self._covered = affordable_tokens(self._quote, self.held_nano_usd) or 0
                return
        except LedgerError:
            pass  # what cannot be written is not held
        finally:
            self._asking = None
        self._step = 0  # perhaps less will fit
        self._ask_again_at = self._clock() + ASK_AGAIN_AFTER_S


def _extend(desk: Desk, *, call_id: str, more: int) -> bool:
    return extend(desk.connection, desk.caps, call_id, more)
