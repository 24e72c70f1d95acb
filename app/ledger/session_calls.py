"""The calls of one session, some of them or all, in the order a person asks for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select

from app.core.call import Call, Outcome
from app.core.call_input import MissCause
from app.core.origin import IS_WORK, RequestClass
from app.core.session import Part, SessionId
from app.core.tool_call import ToolOutcome
from app.ledger.engine import Ledger
from app.ledger.input_tables import call_inputs
from app.ledger.rows import call_of
from app.ledger.session_source import SessionSource, source_of
from app.ledger.tool_tables import tool_calls


class CallOrder(StrEnum):
    """What comes first."""

    NEWEST = "newest"
    INPUT = "most input"
    UNCACHED = "most input that was not cached"
    OUTPUT = "most output"
    COST = "dearest"


@dataclass(frozen=True, slots=True)
class CallWish:
    """Which calls of a session: all, or those of one part, of some classes or that paid again for some causes, of one
    outcome, with web searches, or those that carried a failed tool's result back to the model (False: that did not)."""

    part: Part | None = None
    outcome: Outcome | None = None
    classes: tuple[RequestClass, ...] = ()
    misses: tuple[MissCause, ...] = ()
    has_searches: bool = False
    is_after_failure: bool | None = None
    order: CallOrder = CallOrder.NEWEST

    @property
    def is_plain(self) -> bool:
        """Whether it is for all calls, newest first."""
        return self == CallWish()


@dataclass(frozen=True, slots=True)
class NumberedCall:
    """A call and its place in its session, by the time it began: the first is 1."""

    number: int
    call: Call


@dataclass(frozen=True, slots=True)
class SessionCalls:
    """The first calls of a wish, and how many there are in all."""

    calls: tuple[NumberedCall, ...]
    count: int


def session_calls(ledger: Ledger, one: SessionId, wish: CallWish, limit: int) -> SessionCalls:
    """The first `limit` calls of a wish. Refused ones are among them: they are what a stopped session ends with."""
    return _plain(ledger, one, limit) if wish.is_plain else _chosen(ledger, one, wish, limit)


def _plain(ledger: Ledger, one: SessionId, limit: int) -> SessionCalls:
    """Without numbering every call there is: the newest has the number of how many there are."""
    source = source_of(one)
    newest = source.whole_rows().where(source.is_of(one)).order_by(*source.newest_first()).limit(limit)
    counted = select(func.count()).select_from(source.table).where(source.is_of(one))
    with ledger.read() as connection:
        count = int(connection.execute(counted).scalar_one())
        rows = connection.execute(newest).mappings().all()
    return SessionCalls(tuple(NumberedCall(count - place, call_of(row)) for place, row in enumerate(rows)), count)


def _chosen(ledger: Ledger, one: SessionId, wish: CallWish, limit: int) -> SessionCalls:
    source = source_of(one)
    columns, key = source.columns, source.columns[source.order]
    number = func.row_number().over(order_by=(columns.started_at, key)).label("number")
    numbered = select(key, number).where(source.is_of(one)).subquery()
    wanted = _wanted(source, one, wish)
    chosen = (
        source.whole_rows(numbered.c.number)
        .join(numbered, numbered.c[source.order] == key)
        .where(wanted)
        .order_by(*_order(source, wish.order), *source.newest_first())
        .limit(limit)
    )
    with ledger.read() as connection:
        counted = select(func.count()).select_from(source.table).where(source.is_of(one), wanted)
        count = int(connection.execute(counted).scalar_one())
        rows = connection.execute(chosen).mappings().all()
    return SessionCalls(tuple(NumberedCall(row["number"], call_of(row)) for row in rows), count)


def _order(source: SessionSource, by: CallOrder) -> tuple[ColumnElement[Any], ...]:
    """What goes before the time."""
    columns = source.columns
    taken = func.coalesce(columns.input_tokens, 0)
    amounts: dict[CallOrder, ColumnElement[Any]] = {
        CallOrder.INPUT: taken,
        CallOrder.UNCACHED: taken - func.coalesce(columns.cache_read_tokens, 0),
        CallOrder.OUTPUT: func.coalesce(columns.output_tokens, 0),
        CallOrder.COST: func.coalesce(columns.cost_nano_usd, 0),
    }
    return (amounts[by].desc(),) if by in amounts else ()


def _wanted(source: SessionSource, one: SessionId, wish: CallWish) -> ColumnElement[bool]:
    columns = source.columns
    wanted: list[ColumnElement[bool]] = [source.is_counted]
    if wish.part is not None:
        if wish.part.request_class in IS_WORK:
            wanted += [columns.request_class.in_(IS_WORK), columns.agent_id == wish.part.agent_id]
        else:
            wanted.append(columns.request_class == wish.part.request_class)
    if wish.outcome is not None:
        wanted.append(columns.outcome == wish.outcome)
    if wish.classes or wish.misses:
        missed = (call_inputs.c.session == one.session) & call_inputs.c.miss_cause.in_(wish.misses)
        lost = select(call_inputs.c.call_id).where(missed, call_inputs.c.lost_nano_usd > 0)
        wanted.append(columns.request_class.in_(wish.classes) | columns.call_id.in_(lost))
    if wish.has_searches:
        wanted.append(columns.web_searches > 0)
    if wish.is_after_failure is not None:
        is_one = columns.call_id.in_(carriers_of(one))
        wanted.append(is_one if wish.is_after_failure else ~is_one)
    return and_(*wanted)


def carriers_of(one: SessionId) -> Any:
    """The calls that carried a failure of a session's tools back to the model. What a provider runs itself, it reads
    within the same call."""
    tools = tool_calls.c
    is_failure = (tools.outcome == ToolOutcome.FAILED) & (tools.result_call_id != "") & ~tools.is_hosted
    of_session = (tools.session == one.session) & (tools.agent == one.agent) & (tools.task == one.task)
    return select(tools.result_call_id).where(of_session, is_failure)
