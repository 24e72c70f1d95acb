"""How a call ends in the ledger: what the meter knows of it once it is over, and what its writer makes of that."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from app.core.call import Basis, Call, Outcome
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.reservations import Draft
from app.core.usage import Usage
from app.ledger.group_writer import Desk, Operation, Writing
from app.ledger.session_store import note_cut
from app.ledger.settlement import settle, void, write_refused
from app.ledger.tool_booking import ToolNews, book_tools
from app.pricing.table import Priced, price_call, price_estimate
from proxy_addon.packets import sent_short
from proxy_addon.rereads import book_input
from proxy_addon.tool_servers import server_of


@sent_short(3)
@dataclass(frozen=True, slots=True)
class Ending:
    """A call that is over. `is_sure`: its answer told what it cost. `user_agent` tells how its tools are named, and
    `account` is a hash of the credentials it went with. `is_looked_at`: a loop is looked for in it."""

    draft: Draft
    facts: RequestFacts
    answer: ResponseFacts
    host: str
    status_code: int | None
    is_whole: bool
    is_sure: bool
    error_type: str
    duration_ms: int | None
    time_to_first_chunk_ms: int | None
    ended_at: datetime
    user_agent: str
    account: bytes
    is_looked_at: bool

    def __call__(self, desk: Desk) -> None:
        """Settle it, and write down what stands beside it."""
        answer = self.answer
        if self.status_code is not None and self.status_code >= 300:
            void(desk.connection, self.failed(answer.error_type or f"http_{self.status_code}"))
            return
        is_done = self.is_whole or answer.is_final
        outcome = Outcome.FAILED if answer.error_type else Outcome.COMPLETED if is_done else Outcome.INTERRUPTED
        call = self._call(self._price(), outcome, answer.error_type or ("" if is_done else self.error_type))
        if settle(desk.connection, desk.caps, call, datetime.now(UTC), is_certain=self.is_sure):
            book_tools(desk.ledger, desk.connection, call, self._tool_news())
            book_input(desk, call, self.facts, answer, host=self.host, account=self.account)
            if self.is_looked_at:
                desk.memory.look_at(desk, call, self.draft, self.ended_at)

    def failed(self, error_type: str) -> Call:
        """The call as one that cost nothing."""
        return self._call(_NOTHING, Outcome.FAILED, error_type)

    def _tool_news(self) -> ToolNews:
        uses = self.answer.tool_uses
        named = tuple(replace(use, server=use.server or server_of(use.name, self.user_agent)) for use in uses)
        return ToolNews(self.facts.tool_results, named, self.answer.tool_results, self.ended_at)

    def _price(self) -> Priced:
        provider, at, answer = self.draft.provider, self.draft.at, self.answer
        if self.is_sure:
            model = self.facts.model
            return price_call(provider=provider, request_model=model, response=answer, started_at=at, host=self.host)
        return price_estimate(provider=provider, facts=self.facts, response=answer, started_at=at, host=self.host)

    def _call(self, priced: Priced, outcome: Outcome, error_type: str) -> Call:
        return _over(
            self.draft,
            outcome,
            error_type,
            request_model=self.facts.model,
            usage=self.answer.usage,
            cost_nano_usd=priced.cost_nano_usd,
            cost_basis=priced.basis,
            price_version=priced.version,
            response_model=self.answer.response_model,
            response_id=self.answer.response_id,
            status_code=self.status_code,
            duration_ms=self.duration_ms,
            time_to_first_chunk_ms=self.time_to_first_chunk_ms,
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """A call that was cut for want of money: its session's next call is sent only if all of it can be paid for."""

    ending: Ending

    def __call__(self, desk: Desk) -> None:
        """Settle it, and note that."""
        self.ending(desk)
        note_cut(desk.connection, self.ending.draft.tags, datetime.now(UTC))


def is_certain(answer: ResponseFacts, *, is_whole: bool) -> bool:
    """Whether the answer told what it cost. It need not be whole: Codex hangs up once it has read the last event. One
    that counts its input and not what it said, or the other way round, tells half of it."""
    usage = answer.usage
    is_half = usage.input_tokens is None or (usage.output_tokens is None and answer.output_bytes > 0)
    is_told = usage.is_known and (usage.reported_cost_nano_usd is not None or not is_half)
    return is_told and (is_whole or answer.is_final)


_NOTHING = Priced(0, Basis.TABLE, "")
"""The cost of a call that the provider turned away or never saw."""


def refused_call(draft: Draft, error_type: str) -> Operation:
    """Write a call that was not sent and holds nothing."""
    return Writing(write_refused, _over(draft, Outcome.REFUSED, error_type))


def dropped_call(draft: Draft, error_type: str) -> Operation:
    """Give back what a call may hold that will not be sent after all. Without a hold nothing is written."""
    return Writing(void, _over(draft, Outcome.REFUSED, error_type))


def _over(draft: Draft, outcome: Outcome, error_type: str, **known: Any) -> Call:
    """A call that has ended, with what is `known` of it beside its draft; without that it cost nothing."""
    nothing: dict[str, Any] = {
        "request_model": draft.request_model,
        "usage": Usage(),
        "cost_nano_usd": 0,
        "cost_basis": Basis.TABLE,
    }
    return Call(
        call_id=draft.call_id,
        started_at=draft.at,
        provider=draft.provider,
        api_shape=draft.api_shape,
        operation=draft.operation,
        tags=draft.tags,
        outcome=outcome,
        is_stream=draft.is_stream,
        error_type=error_type,
        billing=draft.billing,
        origin=draft.origin,
        **(nothing | known),
    )
