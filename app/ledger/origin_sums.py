"""Sums of calls by the part of an agent that made them, each call once whether the meter or a log has it."""

from datetime import datetime

from sqlalchemy import func, select

from app.core.call import Basis
from app.core.origin import Origin, OriginSum, RequestClass
from app.ledger.engine import Ledger
from app.ledger.every_call import every_call
from app.ledger.rows import origin_of
from app.ledger.summed_calls import summed_calls, was_sent

_ORIGIN = ("request_class", "agent_id", "parent_agent_id", "agent_kind")
_COLUMNS = ("session", "cost_nano_usd", *_ORIGIN)


def task_origins(ledger: Ledger, name: str) -> list[OriginSum]:
    """By session and part, the dearest first: the calls with this task label; where there are none, those of the
    session of that name."""
    return _by_part(ledger, "task", name) or _by_part(ledger, "session", name)


def purposes_between(ledger: Ledger, start: datetime, end: datetime) -> list[OriginSum]:
    """The calls begun in [start, end) by their class alone, whatever session and sub-agent they are of."""
    names = ("request_class", "cost_basis", "number", "cost_nano_usd")
    columns = summed_calls(names, start, end, was_sent, with_logs=True).c
    unpriced = func.sum(columns.number).filter(columns.cost_basis == Basis.UNPRICED)
    sums = (func.sum(columns.number), func.sum(columns.cost_nano_usd), func.coalesce(unpriced, 0))
    with ledger.read() as connection:
        rows = connection.execute(select(columns.request_class, *sums).group_by(columns.request_class)).all()
    return [OriginSum("", Origin(RequestClass(name)), *counts) for name, *counts in rows]


def _by_part(ledger: Ledger, column: str, value: str) -> list[OriginSum]:
    columns = every_call(_COLUMNS, lambda of: (of[column] == value) & (of[column] != "")).c
    keys = [columns[name] for name in ("session", *_ORIGIN)]
    cost = func.coalesce(func.sum(columns.cost_nano_usd), 0)
    counts = (func.count(), cost, func.count().filter(columns.cost_nano_usd.is_(None)))
    grouped = select(*keys, *counts).group_by(*keys).order_by(cost.desc(), *keys)
    with ledger.read() as connection:
        rows = connection.execute(grouped).all()
    return [OriginSum(row.session, origin_of(row._mapping), *row[-len(counts) :]) for row in rows]
