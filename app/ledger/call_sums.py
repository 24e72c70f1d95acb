"""Sums over calls by task and model, each call once whether the meter or a log has it."""

from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select

from app.core.call import Outcome
from app.core.call_sum import CallSum, TaskId
from app.ledger.engine import Ledger
from app.ledger.every_call import between, every_call

_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens")
_COLUMNS = (
    *("task", "session", "agent", "project", "provider", "request_model", "response_model", "outcome", "started_at"),
    *(*_TOKENS, "cost_nano_usd"),
)


def call_sums(ledger: Ledger, start: datetime, end: datetime, *, agent: str | None = None) -> list[CallSum]:
    """Sums of the calls begun in [start, end); of one agent's where it is named."""
    return _sums(ledger, between(start, end), *(() if agent is None else (_of_agent(agent),)))


def task_sums(ledger: Ledger, name: str) -> list[CallSum]:
    """Sums of all calls with this task label; where there are none, of the session of that name."""
    return _sums(ledger, _is("task", name)) or _sums(ledger, _is("session", name))


def _is(column: str, value: str) -> Any:
    """That a column holds this value. Saying that it is not empty lets the index be used that leaves empty ones out."""
    return lambda columns: (columns[column] == value) & (columns[column] != "")


def _of_agent(agent: str) -> Any:
    return lambda columns: columns.agent == agent


def _sums(ledger: Ledger, *where: Any) -> list[CallSum]:
    source = every_call(_COLUMNS, *where)
    columns = source.c
    session = case((columns.task == "", columns.session), else_="").label("session")
    model = func.coalesce(func.nullif(columns.response_model, ""), columns.request_model).label("model")
    keys = (columns.task, session, columns.agent, columns.project, columns.provider, model)
    grouped = select(*keys, *_measures(columns)).group_by(*keys)
    with ledger.read() as connection:
        return [_sum_of(dict(row)) for row in connection.execute(grouped).mappings()]


def _measures(columns: Any) -> list[Any]:
    priced = columns.cost_nano_usd.is_not(None)
    whole = priced & (columns.outcome == Outcome.COMPLETED)
    failed = priced & (columns.outcome == Outcome.FAILED)
    broken = priced & (columns.outcome == Outcome.INTERRUPTED)

    def total(name: str, condition: Any) -> Any:
        return func.coalesce(func.sum(columns[name]).filter(condition), 0)

    return [
        func.count().filter(whole).label("calls"),
        *(total(name, whole).label(name) for name in _TOKENS),
        total("cost_nano_usd", whole).label("cost_nano_usd"),
        func.count().filter(failed).label("failed_calls"),
        func.count().filter(failed & (columns.cost_nano_usd > 0)).label("paid_failures"),
        total("cost_nano_usd", failed).label("failed_nano_usd"),
        func.count().filter(broken).label("interrupted_calls"),
        total("cost_nano_usd", broken).label("interrupted_nano_usd"),
        func.count().filter(~priced).label("unpriced_calls"),
        func.min(columns.started_at).label("first_at"),
        func.max(columns.started_at).label("last_at"),
    ]


def _sum_of(row: dict[str, Any]) -> CallSum:
    task = TaskId(*(row.pop(name) for name in ("task", "session", "agent", "project")))
    return CallSum(task=task, **row)
