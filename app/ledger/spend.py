"""Sums over calls: by time, by who pays, by session.

Sums add known costs only; how many calls have no price is told beside them, so a sum can be shown as a floor. What a
subscription paid for is no money spent: its list price stands beside the cost, never in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, literal_column, select

from app.core.call import Basis, Outcome
from app.core.tags import Billing, Scope
from app.ledger.engine import Ledger
from app.ledger.summed_calls import label_columns, summed_calls
from app.ledger.tables import EPOCH, calls

_SUMMED = (
    *("outcome", "cost_basis", "billing", "number", "input_tokens", "output_tokens", "cache_read_tokens"),
    *("cache_write_tokens", "cost_nano_usd"),
)
SPARK_BARS = 20
SPARK_STEP = timedelta(seconds=30)

IS_MONEY = calls.c.billing == Billing.API
"""Whether a call's cost is paid by the token."""


@dataclass(frozen=True, slots=True)
class Spend:
    """Sums of one group of calls. `calls` counts those that were sent; token sums take the unknown as nothing.

    `cost_nano_usd` is the sum of the known costs. `subscription_calls` are those of the calls that a subscription paid
    for, and `subscription_nano_usd` is what the API would have asked for them.
    """

    key: str
    calls: int
    refused_calls: int
    failed_calls: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_nano_usd: int
    unpriced_calls: int
    estimated_calls: int
    subscription_calls: int = 0
    subscription_nano_usd: int = 0


@dataclass(frozen=True, slots=True)
class SessionSpend:
    """One session's sums, and its spend in 20 bars of 30 seconds, oldest first."""

    session: str
    task: str
    agent: str
    project: str
    calls: int
    cost_nano_usd: int
    unpriced_calls: int
    last_call_at: datetime
    series: tuple[int, ...]


def spend_between(ledger: Ledger, start: datetime, end: datetime) -> Spend:
    """Sums over all calls started in [start, end)."""
    sums = _sums(summed_calls(_SUMMED, start, end).c, literal(""))
    with ledger.read() as connection:
        return _spend_of(connection.execute(sums).one())


def spend_by(ledger: Ledger, by: Scope, start: datetime, end: datetime) -> list[Spend]:
    """Sums for each label of one scope, dearest first. The key is empty where calls have no such label. The model is
    the one that answered, since that is what was paid for."""
    names = label_columns(by)
    columns = summed_calls((*_SUMMED, *names), start, end).c
    labels = [columns[name] for name in names]
    grouped = _sums(columns, *(labels or [literal("")])).group_by(*labels)
    with ledger.read() as connection:
        found = [_spend_of(row) for row in connection.execute(grouped)]
    return sorted(found, key=lambda spend: (-spend.cost_nano_usd, -spend.calls, spend.key))


def busiest_sessions(
    ledger: Ledger, now: datetime, *, within: timedelta = timedelta(minutes=10), limit: int = 3
) -> list[SessionSpend]:
    """The sessions that spent most lately, with their sums ever. Calls without a session count by agent and task."""
    identity = (calls.c.session, calls.c.task, calls.c.agent, calls.c.project)
    lately = func.sum(calls.c.cost_nano_usd).filter(IS_MONEY)
    recent = (
        select(*identity, lately.label("lately"))
        .where(calls.c.started_at >= now - within, calls.c.outcome != Outcome.REFUSED)
        .group_by(*identity)
        .order_by(func.coalesce(lately, 0).desc(), func.max(calls.c.started_at).desc())
        .limit(limit)
    )
    with ledger.read() as connection:
        return [_session(connection, row, now) for row in connection.execute(recent).all()]


def _session(connection: Any, row: Any, now: datetime) -> SessionSpend:
    labels = {name: getattr(row, name) for name in ("session", "task", "agent", "project")}
    total = connection.execute(_sums_ever(labels, now)).one()
    first = now - SPARK_STEP * SPARK_BARS
    same = [calls.c[name] == label for name, label in labels.items()]
    lately = select(calls.c.started_at, calls.c.cost_nano_usd).where(*same, IS_MONEY, calls.c.started_at >= first)
    bars = [0] * SPARK_BARS
    for started_at, cost in connection.execute(lately):
        bars[min(SPARK_BARS - 1, (started_at - first) // SPARK_STEP)] += cost or 0
    return SessionSpend(
        **labels, calls=total[0], cost_nano_usd=int(total[1]), unpriced_calls=total[2], last_call_at=total[3],
        series=tuple(bars),
    )  # fmt: skip


def _sums_ever(labels: Mapping[str, str], now: datetime) -> Select[Any]:
    """How many calls have these labels, their cost, how many have no price, and when the last one was.

    A session or a task has an index of its own, which SQLite passes over for the agent's unless the others are kept
    from being searched by; what has neither may be any number of calls, and is read from their sums.
    """
    indexed = next((name for name in ("session", "task") if labels[name]), None)
    if indexed is None:
        of = summed_calls((*_SUMMED, *labels, "last_at"), EPOCH, now + timedelta(days=1)).c
        same = [of[name] == label for name, label in labels.items()]
        number, last = of.number, of.last_at
    else:
        of, number, last = calls.c, literal(1), calls.c.started_at
        same = [calls.c[indexed] == labels[indexed], calls.c[indexed] != literal_column("''")]
        same += [func.coalesce(calls.c[name], "") == label for name, label in labels.items() if name != indexed]
    is_money = of.billing == Billing.API
    return select(
        func.coalesce(func.sum(number), 0),
        func.coalesce(func.sum(of.cost_nano_usd).filter(is_money), 0),
        func.coalesce(func.sum(number).filter(of.cost_basis == Basis.UNPRICED, is_money), 0),
        func.max(last),
    ).where(*same, of.outcome != Outcome.REFUSED)


def _sums(columns: Any, label: ColumnElement[str]) -> Select[Any]:
    sent, is_money = columns.outcome != Outcome.REFUSED, columns.billing == Billing.API

    def total(name: str, *conditions: Any) -> Any:
        found = func.sum(columns[name])
        return func.coalesce(found.filter(*conditions) if conditions else found, 0)

    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    return select(
        label.label("key"),
        total("number", sent),
        total("number", ~sent),
        total("number", columns.outcome == Outcome.FAILED),
        *(total(name) for name in tokens),
        total("cost_nano_usd", is_money),
        total("number", columns.cost_basis == Basis.UNPRICED, is_money),
        total("number", columns.cost_basis == Basis.ESTIMATED, is_money),
        total("number", sent, ~is_money),
        total("cost_nano_usd", ~is_money),
    )


def _spend_of(row: Any) -> Spend:
    return Spend(**dict(zip((field.name for field in fields(Spend)), row, strict=True)))
