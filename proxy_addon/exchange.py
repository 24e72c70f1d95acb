"""One call on its way: from the request to its row in the ledger.

Knows nothing of mitmproxy: it is told what happened on the wire and says how the call ends. Each exchange ends exactly
once; later words about the same one are ignored.
"""

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.core.call import Basis, Call, Outcome
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.reservations import Draft
from app.core.usage import Usage
from app.ledger.experience import CUT_ERROR
from app.ledger.group_writer import Desk, Operation
from app.ledger.session_store import note_cut
from app.ledger.settlement import settle, void, write_refused
from app.ledger.tool_booking import ToolNews, book_tools
from app.pricing.table import Priced, price_call, price_estimate
from proxy_addon.budget import left_header
from proxy_addon.growing_hold import GrowingHold
from proxy_addon.include_usage import UsageHider
from proxy_addon.loop_watch import LoopWatch
from proxy_addon.output_limit import HEADER as LIMIT_HEADER
from proxy_addon.prefixes import PrefixMemory
from proxy_addon.recorder import Recorder
from proxy_addon.rereads import book_input
from proxy_addon.routes import Route
from proxy_addon.tap import Tap
from proxy_addon.tool_servers import server_of

TOLD_WITHIN_S = 0.5


@dataclass(slots=True, eq=False)
class Exchange:
    """A call whose money is held. `started` is on the monotonic clock. `prefixes` learns what its input counted.
    `plain_body` is the request without our question for its usage, where one was put in; `hider` then takes the answer
    to it out again. A turn of a socket has no tap: it is told its answer, and notes `first_chunk_at` itself. `told` is
    read while the provider works: headers for the agent about its session's and its task's money; `remaining_nano_usd`
    is what its tightest cap had left when it was let go. `growing` is a hold that is less than the
    worst case, and `output_limit` what the request's was lowered to. `user_agent` tells how its tools are named, and
    `account` is a hash of the credentials it went with. `loops` looks at it once it is written.
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
    loops: LoopWatch | None = None

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
        settling, tags = self._ending(self._answer(), is_whole=False, error_type=CUT_ERROR), self.draft.tags

        def operation(desk: Desk) -> None:
            settling(desk)
            note_cut(desk.connection, tags, datetime.now(UTC))

        recorder.post(operation)

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
        call = self._call(answer, NOTHING, Outcome.FAILED, error_type)
        return lambda desk: void(desk.connection, call)

    def _ending(self, answer: ResponseFacts, *, is_whole: bool, error_type: str) -> Operation:
        """What the writer thread does with this call. It prices it too: the event loop has no time to spare."""
        duration_ms = _milliseconds(self.started, time.monotonic())
        ended_at = datetime.now(UTC)
        self.prefixes.learn(self.route.provider, self.facts, answer)

        def operation(desk: Desk) -> None:
            if self.status_code is not None and self.status_code >= 300:
                error = answer.error_type or f"http_{self.status_code}"
                void(desk.connection, self._call(answer, NOTHING, Outcome.FAILED, error, duration_ms))
                return
            is_done = is_whole or answer.is_final
            is_sure = is_certain(answer, is_whole=is_whole)
            priced = self._price(answer, is_sure=is_sure)
            outcome = Outcome.FAILED if answer.error_type else Outcome.COMPLETED if is_done else Outcome.INTERRUPTED
            error = answer.error_type or ("" if is_done else error_type)
            call = self._call(answer, priced, outcome, error, duration_ms)
            if settle(desk.connection, desk.caps, call, datetime.now(UTC), is_certain=is_sure):
                book_tools(desk.ledger, desk.connection, call, self._tool_news(answer, ended_at))
                host, account = self.route.upstream.host, self.account
                book_input(desk, call, self.facts, answer, host=host, account=account)
                if self.loops is not None:
                    self.loops.look_at(desk, call, self.draft, ended_at)

        return operation

    def _tool_news(self, answer: ResponseFacts, ended_at: datetime) -> ToolNews:
        named = (replace(use, server=use.server or server_of(use.name, self.user_agent)) for use in answer.tool_uses)
        return ToolNews(self.facts.tool_results, tuple(named), answer.tool_results, ended_at)

    def _price(self, answer: ResponseFacts, *, is_sure: bool) -> Priced:
        provider, host, at = self.route.provider, self.route.upstream.host, self.draft.at
        if is_sure:
            return price_call(
                provider=provider, request_model=self.facts.model, response=answer, started_at=at, host=host
            )
        return price_estimate(provider=provider, facts=self.facts, response=answer, started_at=at, host=host)

    def _call(
        self, answer: ResponseFacts, priced: Priced, outcome: Outcome, error_type: str, duration_ms: int | None = None
    ) -> Call:
        first_chunk = self.tap.first_chunk_at if self.tap is not None else self.first_chunk_at
        return Call(
            call_id=self.draft.call_id,
            started_at=self.draft.at,
            provider=self.route.provider,
            api_shape=self.route.api_shape,
            operation=self.route.operation,
            request_model=self.facts.model,
            tags=self.draft.tags,
            outcome=outcome,
            usage=answer.usage,
            cost_nano_usd=priced.cost_nano_usd,
            cost_basis=priced.basis,
            price_version=priced.version,
            response_model=answer.response_model,
            response_id=answer.response_id,
            is_stream=self.facts.is_stream,
            status_code=self.status_code,
            error_type=error_type,
            duration_ms=duration_ms,
            time_to_first_chunk_ms=None if first_chunk is None else _milliseconds(self.started, first_chunk),
            billing=self.draft.billing,
            origin=self.draft.origin,
        )


def is_certain(answer: ResponseFacts, *, is_whole: bool) -> bool:
    """Whether the answer told what it cost. It need not be whole: Codex hangs up once it has read the last event. One
    that counts its input and not what it said, or the other way round, tells half of it."""
    usage = answer.usage
    is_half = usage.input_tokens is None or (usage.output_tokens is None and answer.output_bytes > 0)
    is_told = usage.is_known and (usage.reported_cost_nano_usd is not None or not is_half)
    return is_told and (is_whole or answer.is_final)


NOTHING = Priced(0, Basis.TABLE, "")
"""The cost of a call that the provider turned away or never saw."""


def refused_call(draft: Draft, error_type: str) -> Operation:
    """Write a call that was not sent and holds nothing."""
    call = _unsent(draft, error_type)
    return lambda desk: write_refused(desk.connection, call)


def dropped_call(draft: Draft, error_type: str) -> Operation:
    """Give back what a call may hold that will not be sent after all. Without a hold nothing is written."""
    call = _unsent(draft, error_type)
    return lambda desk: void(desk.connection, call)


def _unsent(draft: Draft, error_type: str) -> Call:
    return Call(
        call_id=draft.call_id,
        started_at=draft.at,
        provider=draft.provider,
        api_shape=draft.api_shape,
        operation=draft.operation,
        request_model=draft.request_model,
        tags=draft.tags,
        outcome=Outcome.REFUSED,
        usage=Usage(),
        cost_nano_usd=0,
        cost_basis=Basis.TABLE,
        is_stream=draft.is_stream,
        error_type=error_type,
        billing=draft.billing,
        origin=draft.origin,
    )


def _milliseconds(start: float, end: float) -> int:
    return max(0, round((end - start) * 1000))
