"""Calls as sums, each call once: by quarter of an hour where they are rolled up, one by one where they are not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, FromClause, Select, func, select, type_coerce, union_all

from app.core.call import Outcome
from app.core.tags import Scope
from app.ledger.engine import Ledger
from app.ledger.import_tables import imported_calls
from app.ledger.instants import QUARTER, QUARTER_MICROS
from app.ledger.rollup import THROUGH, as_sum, rollups
from app.ledger.tables import EPOCH, calls, micros
from app.ledger.window_totals import scope_column


def summed_calls(
    names: Sequence[str], start: datetime, end: datetime, *where: Any, with_logs: bool = False
) -> FromClause:
    """These columns of a rollup (`RollupRow`) over the calls begun in [start, end), refused ones too.

    Each of `where` is a function from a table's columns to a condition on labels. `with_logs` adds the calls of agents'
    logs that no meter saw.
    """
    arms = _whole_quarters(names, micros(start), micros(end))
    if with_logs:
        alone = _between(imported_calls.c.started_at, micros(start), micros(end)) & (
            imported_calls.c.wire_call_id == ""
        )
        arms.append((imported_calls, _one_by_one(names, imported_calls).where(alone)))
    chosen = [arm.where(*(condition(table.c) for condition in where)) for table, arm in arms]
    return union_all(*chosen).subquery("summed_calls")


def was_sent(columns: Any) -> Any:
    """The condition that a call was sent, whatever became of it."""
    return columns.outcome != Outcome.REFUSED


def is_agents(columns: Any, agent: str) -> Any:
    """The condition that a call is an agent's. SQLite would rather go through all calls that the agent ever made than
    through those of a stretch of time, unless it is kept from it."""
    return func.coalesce(columns.agent, "") == agent


def label_columns(scope: Scope) -> tuple[str, ...]:
    """The column that holds a scope's labels, none for everything. For models, the one that answered: it was paid."""
    if scope is Scope.EVERYTHING:
        return ()
    return ("model" if scope is Scope.MODEL else scope_column(scope),)


def quarter_hours(ledger: Ledger, by: Scope, start: datetime, end: datetime) -> list[tuple[str, datetime, int]]:
    """Known cost by label and quarter of an hour, what logs tell included."""
    names = label_columns(by)
    columns = summed_calls((*names, "quarter", "cost_nano_usd"), start, end, was_sent, with_logs=True).c
    keys = (*(columns[name] for name in names), columns.quarter)
    with ledger.read() as connection:
        rows = connection.execute(select(*keys, func.sum(columns.cost_nano_usd)).group_by(*keys)).all()
    return [(str(*label), EPOCH + QUARTER * quarter, int(cost)) for *label, quarter, cost in rows]


def each_call(names: Sequence[str], *where: Any, with_logs: bool = True) -> FromClause:
    """The same columns of every call there ever was, those of logs too, one by one."""
    alone = _one_by_one(names, imported_calls).where(imported_calls.c.wire_call_id == "")
    arms = [(calls, _one_by_one(names, calls)), *([(imported_calls, alone)] if with_logs else [])]
    chosen = [arm.where(*(condition(table.c) for condition in where)) for table, arm in arms]
    return union_all(*chosen).subquery("each_call")


def _whole_quarters(names: Sequence[str], start: int, end: int) -> list[tuple[Any, Select[Any]]]:
    """The sums of whole quarters, the calls in them that came since, and those of the parts at both ends."""
    first, last = -(-start // QUARTER_MICROS), end // QUARTER_MICROS
    single, at = _one_by_one(names, calls), calls.c.started_at
    if last <= first:
        return [(calls, single.where(_between(at, start, end)))]
    head, tail = first * QUARTER_MICROS, last * QUARTER_MICROS
    whole = select(*(rollups.c[name].label(name) for name in names))
    # Adding nothing keeps the index on times out of it: the new calls are the last few by their row ids.
    since = (calls.c.row_id > THROUGH) & _between(type_coerce(at, BigInteger) + 0, head, tail)
    parts = [whole.where(rollups.c.quarter >= first, rollups.c.quarter < last)]
    found: list[tuple[Any, Select[Any]]] = [(rollups, parts[0]), (calls, single.where(since))]
    ends = [(start, head), (tail, end)]
    found += [(calls, single.where(_between(at, begun, ended))) for begun, ended in ends if begun < ended]
    return found


def _one_by_one(names: Sequence[str], table: Any) -> Select[Any]:
    columns = as_sum(table.c)
    return select(*(columns[name].label(name) for name in names))


def _between(at: Any, start: int, end: int) -> Any:
    number = type_coerce(at, BigInteger)
    return (number >= start) & (number < end)
