"""What the Sessions page shows, read out of the ledger. Runs off the UI thread."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.core.call import Call, Outcome
from app.core.call_input import CallInput
from app.core.call_sum import CallSum, ClassRates, TaskId
from app.core.session import Session, SessionFilter, SessionId
from app.core.tool_call import ToolCall
from app.core.windows import Window, span_at
from app.insight.rates import rate_card
from app.ledger.call_input_store import input_of_call
from app.ledger.counted_in import CountedIn, caps_counting
from app.ledger.engine import Ledger
from app.ledger.price_store import use_prices
from app.ledger.session_calls import CallWish, NumberedCall, SessionCalls, session_calls
from app.ledger.session_list import (
    IsWanted,
    PageWish,
    SessionLook,
    count_sessions,
    look_at_sessions,
    read_session_labels,
    read_sessions,
)
from app.ledger.tool_store import tools_of_call


@dataclass(frozen=True, slots=True)
class ListReading:
    """A look at the list, how many sessions made a call today, and the names of agents and projects of the newest
    calls, told once."""

    look: SessionLook
    today: int
    agents: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallsReading:
    """One session, None where it has no call yet, and the calls of it that were asked for."""

    session: Session | None
    found: SessionCalls


@dataclass(frozen=True, slots=True)
class CallReading:
    """One call, metered or imported, with the caps it counts in, the tools its answer asked for, what is known of its
    input, and the list rates of its model when it was made, where there are any."""

    numbered: NumberedCall
    is_imported: bool
    caps: tuple[CountedIn, ...]
    tools: tuple[ToolCall, ...]
    given: CallInput | None
    rates: ClassRates | None


def read_list(
    ledger: Ledger, wanted: SessionFilter, seen: int | None, known: frozenset[SessionId], page: PageWish | None,
    now: datetime, zone: ZoneInfo, go_on: IsWanted,
) -> ListReading:  # fmt: skip
    """The news of the list, and a page of it. Raises LedgerError."""
    today = span_at(Window.DAY, now, zone).starts_at or now
    look = look_at_sessions(ledger, wanted, seen=seen, known=known, page=page, go_on=go_on)
    agents, projects = read_session_labels(ledger) if seen is None else ((), ())
    return ListReading(look, count_sessions(ledger, today), agents, projects)


def read_calls(ledger: Ledger, one: SessionId, wish: CallWish, limit: int) -> CallsReading:
    """One session's calls. Raises LedgerError."""
    return CallsReading(next(iter(read_sessions(ledger, [one])), None), session_calls(ledger, one, wish, limit))


def read_call(ledger: Ledger, numbered: NumberedCall, *, is_imported: bool) -> CallReading:
    """All that is known of one call; of an imported one, what its log tells. Raises LedgerError."""
    call = numbered.call
    use_prices(ledger)
    card = rate_card([CallSum(_task_of(call), call.provider, call.model)], call.started_at)
    given = input_of_call(ledger, call.call_id)
    rates = None if call.outcome is Outcome.REFUSED else card.get((call.provider, call.model))
    caps = () if is_imported else caps_counting(ledger, call)
    return CallReading(numbered, is_imported, caps, tools_of_call(ledger, call.call_id), given, rates)


def _task_of(call: Call) -> TaskId:
    tags = call.tags
    return TaskId(tags.task, tags.session, tags.agent, tags.project)
