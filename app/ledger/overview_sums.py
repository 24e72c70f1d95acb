"""What a stretch of time came to, as the Overview shows it: by label, by agent over time, by task.

Only what the API was paid for: a subscription's list prices are no money spent.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, func, select, type_coerce

from app.core.call import Basis
from app.core.spend_group import SpendGroup
from app.core.tags import Billing
from app.ledger.engine import Ledger
from app.ledger.instants import QUARTER_MICROS
from app.ledger.summed_calls import summed_calls, was_sent
from app.ledger.tables import EPOCH, calls, micros

_LABELS = ("agent", "project", "team", "user_name", "provider", "model")
_SUMS = (
    *("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens"),
    *("reasoning_tokens", "web_searches"),
)

type Buckets = dict[tuple[str, int], int]
"""Nano-dollars by agent and number of the bucket; those without any are left out."""


def spend_groups(ledger: Ledger, start: datetime, end: datetime) -> list[SpendGroup]:
    """Sums over the calls begun in [start, end) by all labels at once."""
    names = (*_LABELS, "cost_basis", "number", "cost_nano_usd", *_SUMS)
    columns = summed_calls(names, start, end, was_sent, _was_paid_for).c
    labels = [columns[name] for name in _LABELS]
    unpriced = func.sum(columns.number).filter(columns.cost_basis == Basis.UNPRICED)
    sums = (func.sum(columns.cost_nano_usd), func.coalesce(unpriced, 0), *(func.sum(columns[name]) for name in _SUMS))
    with ledger.read() as connection:
        rows = connection.execute(select(*labels, *sums).group_by(*labels)).all()
    return [_group_of(row) for row in rows]


def bucket_spend(ledger: Ledger, edges: Sequence[datetime]) -> Buckets:
    """Known cost of each agent in each bucket from one edge to the next. Edges rise; where all of them are quarters of
    an hour, the calls themselves are not read."""
    at = [micros(edge) for edge in edges]
    if any(edge % QUARTER_MICROS for edge in at):
        inside = (calls.c.started_at >= edges[0], calls.c.started_at < edges[-1])
        place = _place(type_coerce(calls.c.started_at, BigInteger), at)
        chosen = select(calls.c.agent, place, func.sum(calls.c.cost_nano_usd))
        chosen = chosen.where(*inside, was_sent(calls.c), _was_paid_for(calls.c)).group_by(calls.c.agent, "place")
    else:
        columns = summed_calls(("agent", "quarter", "cost_nano_usd"), edges[0], edges[-1], was_sent, _was_paid_for).c
        place = _place(columns.quarter, [edge // QUARTER_MICROS for edge in at])
        chosen = select(columns.agent, place, func.sum(columns.cost_nano_usd)).group_by(columns.agent, "place")
    with ledger.read() as connection:
        return {(agent, number): int(cost) for agent, number, cost in connection.execute(chosen) if cost}


def task_costs(ledger: Ledger, start: datetime, end: datetime) -> list[int]:
    """What each task cost of which any call has a price; a session is one where calls have no task label."""
    names = ("task", "session", "agent", "project", "cost_basis", "number", "cost_nano_usd")
    columns = summed_calls(names, start, end, was_sent, _was_paid_for, _is_told).c
    session = case((columns.task == "", columns.session), else_="")
    priced = func.sum(columns.number).filter(columns.cost_basis != Basis.UNPRICED)
    grouped = select(func.sum(columns.cost_nano_usd)).group_by(columns.task, session, columns.agent, columns.project)
    with ledger.read() as connection:
        return [int(cost) for cost in connection.execute(grouped.having(priced > 0)).scalars()]


def agents_by_first_call(ledger: Ledger, end: datetime) -> list[str]:
    """All agents that the API was ever paid for before `end`, the one seen first in front."""
    columns = summed_calls(("agent", "first_at"), EPOCH, end, was_sent, _was_paid_for).c
    first = type_coerce(func.min(columns.first_at), BigInteger)
    with ledger.read() as connection:
        found = connection.execute(select(columns.agent).group_by(columns.agent).order_by(first, columns.agent))
        return list(found.scalars())


def _place(at: ColumnElement[Any], edges: Sequence[int]) -> ColumnElement[int]:
    """The number of the bucket: reckoned where buckets are as long as each other, told apart where they are not."""
    runs: list[tuple[int, int, int]] = []  # the first bucket, its begin and its length
    for number, (begun, ended) in enumerate(pairwise(edges)):
        if not runs or runs[-1][2] != ended - begun:
            runs.append((number, begun, ended - begun))
    ends = [begun for _, begun, _ in runs[1:]]
    numbers = [number + (at - begun) // length for number, begun, length in runs]
    if not ends:
        return numbers[0].label("place")
    return case(*((at < end, number) for end, number in zip(ends, numbers, strict=False)), else_=numbers[-1]).label(
        "place"
    )


def _was_paid_for(columns: Any) -> Any:
    return columns.billing == Billing.API


def _is_told(columns: Any) -> Any:
    return (columns.task != "") | (columns.session != "")


def _group_of(row: Sequence[Any]) -> SpendGroup:
    agent, project, team, user, provider, model, *sums = row
    return SpendGroup(agent, project, team, user, provider, model, *map(int, sums))
