"""Sums of calls by the part of an agent that made them, each call once whether the meter or a log has it."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, select

from app.core.origin import OriginSum
from app.ledger.engine import Ledger
from app.ledger.every_call import between, every_call
from app.ledger.rows import origin_of

_ORIGIN = ("request_class", "agent_id", "parent_agent_id", "agent_kind")
_COLUMNS = ("task", "session", "started_at", "cost_nano_usd", *_ORIGIN)


def task_origins(ledger: Ledger, name: str) -> list[OriginSum]:
    """By session and part, the dearest first: the calls with this task label; where there are none, those of the
    session of that name."""
    return _by_part(ledger, "task", name) or _by_part(ledger, "session", name)


def purposes_between(ledger: Ledger, start: datetime, end: datetime) -> list[OriginSum]:
    """The calls begun in [start, end) by their class alone, whatever session and sub-agent they are of."""
    columns = every_call(_COLUMNS, between(start, end)).c
    none = [literal("").label(name) for name in ("session", "agent_id", "parent_agent_id", "agent_kind")]
    grouped = select(columns.request_class, *none, *_measures(columns)).group_by(columns.request_class)
    return _read(ledger, grouped)


def _by_part(ledger: Ledger, column: str, value: str) -> list[OriginSum]:
    columns = every_call(_COLUMNS, lambda of: (of[column] == value) & (of[column] != "")).c
    keys = [columns[name] for name in ("session", *_ORIGIN)]
    measures = _measures(columns)
    return _read(ledger, select(*keys, *measures).group_by(*keys).order_by(measures[1].desc(), *keys))


def _measures(columns: Any) -> list[Any]:
    return [
        func.count().label("calls"),
        func.coalesce(func.sum(columns.cost_nano_usd), 0).label("cost_nano_usd"),
        func.count().filter(columns.cost_nano_usd.is_(None)).label("unpriced_calls"),
    ]


def _read(ledger: Ledger, statement: Any) -> list[OriginSum]:
    with ledger.read() as connection:
        rows = connection.execute(statement).mappings().all()
    return [
        OriginSum(row["session"], origin_of(row), row["calls"], int(row["cost_nano_usd"]), row["unpriced_calls"])
        for row in rows
    ]
