"""One call on its way: from the request to its row in the ledger.

Knows nothing of mitmproxy: it is told what happened on the wire and says how the call ends. Each exchange ends exactly
once; later words about the same one are ignored.
"""

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.core.exchange import RequestFacts, ResponseFacts
from app.core.reservations import Draft
from app.ledger.experience import CUT_ERROR
from app.ledger.group_writer import Operation, Writing
from app.ledger.settlement import void
from proxy_addon.budget import left_header
from proxy_addon.ending import Cut, Ending, is_certain
from proxy_addon.growing_hold import GrowingHold
from proxy_addon.include_usage import UsageHider
from proxy_addon.output_limit import HEADER as LIMIT_HEADER
from proxy_addon.prefixes import PrefixMemory
from proxy_addon.recorder import Recorder
from proxy_addon.routes import Route
from proxy_addon.tap import Tap

TOLD_WITHIN_S = 0.5


@dataclass(slots=True, eq=False)
class Exchange:
    """A call whose money is held. `started` is on the monotonic clock. `prefixes` learns what its input counted.
    `plain_body` is the request without our question for its usage, where one was put in; `hider` then takes the answer
    to it out again. A turn of a socket has no tap: it is told its answer, and notes `first_chunk_at` itself. `told` is
    read while the provider works: headers for the agent about its session's and its task's money; `remaining_nano_usd`
    is what its tightest cap had left when it was let go. `growing` is a hold that is less than the
    worst case, and `output_limit` what the request's was lowered to. `user_agent` tells how its tools are named, and
    `account` is a hash of the credentials it went with. `is_looked_at`: a loop is looked for in it once it is written.
    """

    route: Route
    facts: RequestFacts
    draft: Draft
    started: float
    prefixes: PrefixMemory
    tap: Tap | None = None
    status_code: int | None = None
    is_ended: bool = False
    plain_body: bytes | None = None
    hider: UsageHider | None = None
    first_chunk_at: float | None = None
    growing: GrowingHold | None = None
    output_limit: int | None = None
    remaining_nano_usd: int | None = None
    told: "asyncio.Future[dict[str, str]] | None" = None
    user_agent: str = ""
    account: bytes = b""
    is_looked_at: bool = False

    @property
    def is_told(self) -> bool:
        """Whether what the agent is told of its money is there, or nothing is."""
        return self.told is None or self.told.done()

    async def wait_told(self) -> None:
        """Read while the provider worked, so there is hardly ever anything left to wait for; an answer is not held up
        for it."""
        if self.told is not None:
            await asyncio.wait({self.told}, timeout=TOLD_WITHIN_S)

    def told_headers(self) -> dict[str, str]:
        """Headers for the agent, as far as they are known by now."""
        known = left_header(self.remaining_nano_usd)
        if self.output_limit is not None:
            known[LIMIT_HEADER] = str(self.output_limit)
        told = self.told
        if told is None or not told.done() or told.cancelled() or told.exception() is not None:
            return known
        return told.result() | known

    def look_after_money(self, recorder: Recorder) -> bool:
        """Settle the call when its usage cannot change any more: what it did not need is free at once. Else see that
        enough is held; False when more was denied and the answer must be cut."""
        if self.is_ended or self.tap is None:
            return True
        answer = self.tap.facts()
        if answer.is_final and answer.usage.is_known and self._end():
            recorder.post(self._ending(answer, is_whole=True, error_type=""))
            return True
        return self.growing is None or self.growing.covers(answer)

    def end_cut(self, recorder: Recorder) -> None:
        """The answer was cut for want of money: its session's next call is sent only if all of it can be paid for."""
        if not self._end():
            return
        recorder.post(Cut(self._ending(self._answer(), is_whole=False, error_type=CUT_ERROR)))

    def end_complete(self, recorder: Recorder) -> None:
        """The answer arrived whole."""
        if self._end():
            recorder.post(self._ending(self._answer(), is_whole=True, error_type=""))

    def end_broken(self, recorder: Recorder, *, error_type: str, was_sent: bool) -> None:
        """The call broke off: the client left, the provider went away, or it could not be reached."""
        if not self._end():
            return
        if was_sent:
            recorder.post(self._ending(self._answer(), is_whole=False, error_type=error_type))
        else:
            recorder.post(self._voiding(ResponseFacts(), error_type))

    def end_turn(self, recorder: Recorder, answer: ResponseFacts, *, is_whole: bool, error_type: str = "") -> None:
        """A turn of a socket ended, or its socket did. An error in the place of an answer costs nothing."""
        if not self._end():
            return
        is_begun = answer.response_id or answer.output_bytes or answer.usage.is_known
        if answer.error_type and not is_begun:
            recorder.post(self._voiding(answer, answer.error_type))
        else:
            recorder.post(self._ending(answer, is_whole=is_whole, error_type=error_type))

    def _end(self) -> bool:
        first, self.is_ended = not self.is_ended, True
        return first

    def _answer(self) -> ResponseFacts:
        return self.tap.finish() if self.tap is not None else ResponseFacts()

    def _voiding(self, answer: ResponseFacts, error_type: str) -> Operation:
        ending = replace(self._ending(answer, is_whole=False, error_type=error_type), duration_ms=None)
        return Writing(void, ending.failed(error_type))

    def _ending(self, answer: ResponseFacts, *, is_whole: bool, error_type: str) -> Ending:
        """What the writer does with this call. It prices it too: the event loop has no time to spare."""
        self.prefixes.learn(self.route.provider, self.facts, answer)
        is_sure = is_certain(answer, is_whole=is_whole)
        first_chunk = self.tap.first_chunk_at if self.tap is not None else self.first_chunk_at
        return Ending(
            draft=self.draft,
            facts=replace(self.facts, blocks=()) if is_sure else self.facts,  # by which only an estimate is made
            answer=answer,
            host=self.route.upstream.host,
            status_code=self.status_code,
            is_whole=is_whole,
            is_sure=is_sure,
            error_type=error_type,
            duration_ms=_milliseconds(self.started, time.monotonic()),
            time_to_first_chunk_ms=None if first_chunk is None else _milliseconds(self.started, first_chunk),
            ended_at=datetime.now(UTC),
            user_agent=self.user_agent,
            account=self.account,
            is_looked_at=self.is_looked_at,
        )


def _milliseconds(start: float, end: float) -> int:
    return max(0, round((end - start) * 1000))
