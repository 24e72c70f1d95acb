"""What is needed to explain a cost: sums over calls, and over those among them that something is known of."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select

from app.core.call import Outcome
from app.core.call_input import MissCause
from app.core.call_sum import Account, MissSum, TaskId
from app.core.origin import RequestClass
from app.core.session import SessionId
from app.ledger.call_sums import SUM_COLUMNS, call_sums, grouped_sums, session_sums, task_sums
from app.ledger.engine import Ledger
from app.ledger.input_tables import call_inputs
from app.ledger.rollup import as_sum
from app.ledger.session_calls import carriers_of
from app.ledger.session_source import is_of
from app.ledger.summed_calls import each_call, is_agents, was_sent
from app.ledger.tables import calls
from app.ledger.tool_store import CARRIED
from app.ledger.tool_tables import tool_calls

_CARRIED_WITHIN = timedelta(days=1)
"""How long after a tool was asked for a call may carry its result and still be found."""


def account_between(ledger: Ledger, start: datetime, end: datetime, *, agent: str | None = None) -> Account:
    """The calls begun in [start, end); one agent's where it is named."""
    asked = tool_calls.c.asked_at >= start - _CARRIED_WITHIN, tool_calls.c.asked_at < end
    carriers = _carriers(*asked, *(() if agent is None else (tool_calls.c.agent == agent,)))

    def condition(columns: Any) -> Any:
        began = (columns.started_at >= start) & (columns.started_at < end) & columns.call_id.in_(carriers)
        return began if agent is None else began & is_agents(columns, agent)

    followed = grouped_sums(ledger, each_call(SUM_COLUMNS, condition, was_sent))
    own = () if agent is None else (call_inputs.c.agent == agent,)
    misses = _misses(ledger, carriers, call_inputs.c.started_at >= start, call_inputs.c.started_at < end, *own)
    return Account(tuple(call_sums(ledger, start, end, agent=agent)), tuple(followed), misses)


def account_of_task(ledger: Ledger, name: str) -> Account:
    """All calls with this task label; where there are none, of the session of that name."""
    sums = task_sums(ledger, name)
    column = "task" if any(one.task.task for one in sums) else "session"
    carriers = _carriers(tool_calls.c[column] == name, tool_calls.c[column] != "")

    def condition(columns: Any) -> Any:
        return columns.call_id.in_(carriers) & (columns[column] == name)

    followed = grouped_sums(ledger, each_call(SUM_COLUMNS, condition, was_sent))
    misses = _misses(ledger, carriers, call_inputs.c[column] == name, call_inputs.c[column] != "")
    return Account(tuple(sums), tuple(followed), misses)


def account_of_session(ledger: Ledger, one: SessionId) -> Account:
    """The metered calls of one session."""
    carriers = carriers_of(one)

    def condition(columns: Any) -> Any:
        return columns.call_id.in_(carriers) & is_of(one)

    followed = grouped_sums(ledger, each_call(SUM_COLUMNS, condition, was_sent, with_logs=False))
    misses = _misses(ledger, carriers, call_inputs.c.session == one.session, is_of(one))
    return Account(tuple(session_sums(ledger, one)), tuple(followed), misses)


def _carriers(*where: Any) -> Any:
    """The calls that carried a failure of these tools back to the model."""
    return select(tool_calls.c.result_call_id).where(*where, *CARRIED)


def _misses(ledger: Ledger, carriers: Any, *where: Any) -> tuple[MissSum, ...]:
    """What these calls, without the carriers, paid for again, by cause."""
    one = as_sum(calls.c)
    keys = {name: one[name] for name in ("task", "session", "agent", "project", "provider", "model", "request_class")}
    keys["session"] = case((one["task"] == "", one["session"]), else_="")
    missed = call_inputs.c.missed_tokens
    sums = (
        func.count(),
        func.sum(missed),
        func.sum(func.min(missed, one["cache_write_tokens"])),
        func.sum(func.min(missed, one["cache_write_1h_tokens"])),
        func.sum(call_inputs.c.lost_nano_usd),
    )
    is_whole = (calls.c.outcome == Outcome.COMPLETED) & calls.c.cost_nano_usd.is_not(None)
    grouped = (
        select(*keys.values(), call_inputs.c.miss_cause, *sums)
        .select_from(call_inputs.join(calls, calls.c.call_id == call_inputs.c.call_id))
        .where(*where, call_inputs.c.lost_nano_usd > 0, is_whole, call_inputs.c.call_id.not_in(carriers))
        .group_by(*keys.values(), call_inputs.c.miss_cause)
    )
    with ledger.read() as connection:
        rows = connection.execute(grouped).all()
    return tuple(
        MissSum((TaskId(*task), provider, model, RequestClass(purpose)), MissCause(cause), *map(int, counts))
        for *task, provider, model, purpose, cause, count, tokens, written, hour, lost in rows
        for counts in [(count, tokens, written, hour, lost)]
    )
