"""Sums over calls: by time, by who pays, by session (what sums add stands in `spend_sums`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import add
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, func, literal_column, select, type_coerce

from app.core.call import Basis, Outcome
from app.core.tags import Billing, Scope
from app.ledger.engine import Ledger
from app.ledger.instants import EPOCH, instant_of
from app.ledger.running_sums import RunningSums
from app.ledger.spend_sums import Spend, spend_question, spends_of, sums_by, whole_of
from app.ledger.sum_questions import Answer, Question
from app.ledger.tables import calls

_SENT, _MONEY = f"outcome <> '{Outcome.REFUSED}'", f"billing = '{Billing.API}'"
_UNNAMED = Question(
    "iif(session = '' AND task = '', agent || char(10) || project, '')",
    (
        *("session", "task", "agent", "project"),
        *("outcome", "cost_basis", "billing", "number", "cost_nano_usd", "last_at"),
    ),
    (
        f"coalesce(sum(number) FILTER (WHERE {_SENT}), 0)",
        f"coalesce(sum(cost_nano_usd) FILTER (WHERE {_MONEY} AND {_SENT}), 0)",
        f"coalesce(sum(number) FILTER (WHERE cost_basis = '{Basis.UNPRICED}' AND {_MONEY} AND {_SENT}), 0)",
        f"coalesce(max(last_at) FILTER (WHERE {_SENT}), 0)",
    ),
    (add, add, add, max),
)
"""Of calls that name neither session nor task, by agent and project: how many there ever were, their cost, how many
have no price, and when the last one was. They may be any number, and no index finds them."""
SPARK_BARS = 20
SPARK_STEP = timedelta(seconds=30)

IS_MONEY = calls.c.billing == Billing.API
"""Whether a call's cost is paid by the token."""


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


def spend_between(ledger: Ledger, start: datetime, end: datetime, sums: RunningSums | None = None) -> Spend:
    """Sums over all calls started in [start, end). `sums` are for whoever asks again and again."""
    answered = (sums or RunningSums()).answer(ledger, spend_question(Scope.EVERYTHING), start, end)
    return whole_of(spends_of(answered))


def spend_by(ledger: Ledger, by: Scope, start: datetime, end: datetime) -> list[Spend]:
    """Sums for each label of one scope, dearest first. The key is empty where calls have no such label. The model is
    the one that answered, since that is what was paid for."""
    with ledger.glance() as reader:
        return sums_by(reader, by, start, end)


def busiest_sessions(
    ledger: Ledger,
    now: datetime,
    *,
    within: timedelta = timedelta(minutes=10),
    limit: int = 3,
    sums: RunningSums | None = None,
) -> list[SessionSpend]:
    """The sessions that spent most lately, with their sums ever. Calls without a session count by agent and task.
    `sums` are for whoever asks again and again."""
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
        rows = connection.execute(recent).all()
    is_unnamed = any(not row.session and not row.task for row in rows)
    unnamed = (sums or RunningSums()).answer(ledger, _UNNAMED, EPOCH, now + timedelta(days=1)) if is_unnamed else {}
    with ledger.read() as connection:
        return [_session(connection, row, now, unnamed) for row in rows]


def _session(connection: Connection, row: Any, now: datetime, unnamed: Answer) -> SessionSpend:
    labels = {name: getattr(row, name) for name in ("session", "task", "agent", "project")}
    if row.session or row.task:
        number, cost, unpriced, last = connection.execute(_sums_ever(labels)).one()
    else:
        number, cost, unpriced, last = unnamed[f"{row.agent}\n{row.project}"]
    first = now - SPARK_STEP * SPARK_BARS
    same = [calls.c[name] == label for name, label in labels.items()]
    lately = select(calls.c.started_at, calls.c.cost_nano_usd).where(*same, IS_MONEY, calls.c.started_at >= first)
    bars = [0] * SPARK_BARS
    for started_at, known in connection.execute(lately):
        bars[min(SPARK_BARS - 1, (started_at - first) // SPARK_STEP)] += known or 0
    return SessionSpend(
        **labels, calls=number, cost_nano_usd=int(cost), unpriced_calls=unpriced, last_call_at=instant_of(last),
        series=tuple(bars),
    )  # fmt: skip


def _sums_ever(labels: Mapping[str, str]) -> Select[Any]:
    """How many calls have these labels, their cost, how many have no price, and when the last one was.

    A session or a task has an index of its own, which SQLite passes over for the agent's unless the others are kept
    from being searched by.
    """
    indexed = next(name for name in ("session", "task") if labels[name])
    same = [calls.c[indexed] == labels[indexed], calls.c[indexed] != literal_column("''")]
    same += [func.coalesce(calls.c[name], "") == label for name, label in labels.items() if name != indexed]
    return select(
        func.count(),
        func.coalesce(func.sum(calls.c.cost_nano_usd).filter(IS_MONEY), 0),
        func.count().filter(calls.c.cost_basis == Basis.UNPRICED, IS_MONEY),
        func.max(type_coerce(calls.c.started_at, BigInteger)),
    ).where(*same, calls.c.outcome != Outcome.REFUSED)
