"""Sums over calls by task and model, each call once whether the meter or a log has it."""

from datetime import datetime
from typing import Any

from sqlalchemy import FromClause, case, func, select

from app.core.call import Basis, Outcome
from app.core.call_sum import COMPLETED, CallSum, TaskId
from app.core.origin import RequestClass
from app.core.session import SessionId
from app.ledger.engine import Ledger
from app.ledger.session_source import is_of
from app.ledger.summed_calls import each_call, is_agents, summed_calls, was_sent

_COUNTS = tuple(name for name in COMPLETED if name not in {"calls", "cost_nano_usd"})
SUM_COLUMNS = (
    *("task", "session", "agent", "project", "provider", "model", "outcome", "cost_basis", "request_class"),
    *("number", "paid", *_COUNTS, "cost_nano_usd", "first_at", "last_at"),
)


def call_sums(ledger: Ledger, start: datetime, end: datetime, *, agent: str | None = None) -> list[CallSum]:
    """Sums of the calls begun in [start, end); of one agent's where it is named."""
    where = (was_sent,) if agent is None else (was_sent, lambda columns: is_agents(columns, agent))
    return grouped_sums(ledger, summed_calls(SUM_COLUMNS, start, end, *where, with_logs=True))


def task_sums(ledger: Ledger, name: str) -> list[CallSum]:
    """Sums of all calls with this task label; where there are none, of the session of that name."""
    return grouped_sums(ledger, _every("task", name)) or grouped_sums(ledger, _every("session", name))


def session_sums(ledger: Ledger, one: SessionId) -> list[CallSum]:
    """Sums of the metered calls of one session."""
    return grouped_sums(ledger, each_call(SUM_COLUMNS, lambda _columns: is_of(one), was_sent, with_logs=False))


def _every(column: str, value: str) -> FromClause:
    """All calls in which a column holds this value. Saying that it is not empty lets the index be used that leaves
    empty ones out."""
    return each_call(SUM_COLUMNS, lambda columns: (columns[column] == value) & (columns[column] != ""), was_sent)


def grouped_sums(ledger: Ledger, source: FromClause) -> list[CallSum]:
    """Sums of what a source of `SUM_COLUMNS` holds."""
    columns = source.c
    session = case((columns.task == "", columns.session), else_="").label("session")
    keys = (
        columns.task,
        session,
        columns.agent,
        columns.project,
        columns.provider,
        columns.model,
        columns.request_class,
    )
    grouped = select(*keys, *_measures(columns)).group_by(*keys)
    with ledger.read() as connection:
        return [_sum_of(dict(row)) for row in connection.execute(grouped).mappings()]


def _measures(columns: Any) -> list[Any]:
    priced = columns.cost_basis != Basis.UNPRICED
    whole = priced & (columns.outcome == Outcome.COMPLETED)
    failed = priced & (columns.outcome == Outcome.FAILED)
    broken = priced & (columns.outcome == Outcome.INTERRUPTED)

    def total(name: str, condition: Any) -> Any:
        return func.coalesce(func.sum(columns[name]).filter(condition), 0)

    return [
        total("number", whole).label("calls"),
        *(total(name, whole).label(name) for name in _COUNTS),
        total("cost_nano_usd", whole).label("cost_nano_usd"),
        total("number", failed).label("failed_calls"),
        total("paid", failed).label("paid_failures"),
        total("cost_nano_usd", failed).label("failed_nano_usd"),
        total("number", broken).label("interrupted_calls"),
        total("cost_nano_usd", broken).label("interrupted_nano_usd"),
        total("number", ~priced).label("unpriced_calls"),
        func.min(columns.first_at).label("first_at"),
        func.max(columns.last_at).label("last_at"),
    ]


def _sum_of(row: dict[str, Any]) -> CallSum:
    task = TaskId(*(row.pop(name) for name in ("task", "session", "agent", "project")))
    return CallSum(task=task, **row | {"request_class": RequestClass(row["request_class"])})
