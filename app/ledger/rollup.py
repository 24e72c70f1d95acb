"""Sums of calls by quarter of an hour: derived from the calls, so that a month is read without reading its calls.

A row stands for all calls of one quarter that agree in who paid, the model that answered and how they ended. Calls are
only ever added, under growing row ids; `rolled_up` tells through which of them the sums go. Whoever reads adds the
calls after it one by one (`summed_calls`), so sums are never behind. They can be derived again at any time.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, case, delete, func, literal, select, type_coerce, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlmodel import Field, SQLModel

from app.core.origin import RequestClass
from app.ledger.instants import EPOCH, QUARTER_MICROS, micros
from app.ledger.tables import calls, instant, money, table_of


class RollupRow(SQLModel, table=True):
    """`number` calls of one quarter (counted from 1970) and their sums; `paid` of them cost something. Unknown tokens
    count as nothing; calls without a price are told by their basis."""

    __tablename__ = "rollups"
    quarter: int = Field(primary_key=True, sa_type=BigInteger)
    provider: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    cost_basis: str = Field(primary_key=True)
    billing: str = Field(primary_key=True)
    request_class: str = Field(primary_key=True)
    project: str = Field(primary_key=True)
    agent: str = Field(primary_key=True)
    user_name: str = Field(primary_key=True)
    team: str = Field(primary_key=True)
    task: str = Field(primary_key=True)
    session: str = Field(primary_key=True)
    virtual_key_id: str = Field(primary_key=True)
    number: int
    paid: int
    input_tokens: int = money()
    output_tokens: int = money()
    cache_read_tokens: int = money()
    cache_write_tokens: int = money()
    cache_write_1h_tokens: int = money()
    reasoning_tokens: int = money()
    web_searches: int = money()
    cost_nano_usd: int = money()
    first_at: datetime = instant()
    last_at: datetime = instant()


class RolledUpRow(SQLModel, table=True):
    """Through which call the sums go. There is one such row."""

    __tablename__ = "rolled_up"
    through_row_id: int = Field(primary_key=True)


rollups = table_of(RollupRow)
rolled_up = table_of(RolledUpRow)

_COUNTS = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    *("reasoning_tokens", "web_searches"),
)
SUMMED = ("number", "paid", *_COUNTS, "cost_nano_usd")
KEYS = tuple(column.name for column in rollups.primary_key)
THROUGH = select(rolled_up.c.through_row_id).scalar_subquery()


def as_sum(columns: Any) -> dict[str, Any]:
    """One call as a sum of one: an expression for each column of a rollup. Calls of logs are billed as the API's, and
    those of a sub-agent are a sub-agent's even where it said that they are its main work."""
    is_sub_agent = (columns.agent_id != "") & (columns.request_class == RequestClass.MAIN)
    cost, same = columns.cost_nano_usd, set(KEYS) & set(columns.keys())
    return {
        **{name: columns[name] for name in same},
        "quarter": type_coerce(columns.started_at, BigInteger) // QUARTER_MICROS,
        "model": func.coalesce(func.nullif(columns.response_model, ""), columns.request_model),
        "request_class": case((is_sub_agent, RequestClass.SUB_AGENT), else_=columns.request_class),
        "billing": columns.billing if "billing" in same else literal("api"),
        "number": literal(1),
        "paid": case((cost > 0, 1), else_=0),
        **{name: func.coalesce(columns[name], 0) for name in _COUNTS},
        "cost_nano_usd": func.coalesce(cost, 0),
        "first_at": columns.started_at,
        "last_at": columns.started_at,
    }


def roll_up(connection: Connection, most: int, *, least: int = 1) -> int:
    """Add the next calls to the sums, at most so many, none where there are fewer than `least`. Returns how many."""
    through: int = connection.execute(select(rolled_up.c.through_row_id)).scalar_one()
    newest: int = connection.execute(select(func.max(calls.c.row_id))).scalar_one() or 0
    last = min(newest, through + most)
    if last - through < least:
        return 0
    connection.execute(_added(through, last))
    connection.execute(update(rolled_up).values(through_row_id=last))
    return last - through


def roll_up_again(connection: Connection, since: datetime = EPOCH) -> None:
    """Derive the sums once more, of quarters that begin at `since` or later: earlier ones have lost calls."""
    first = micros(since) // QUARTER_MICROS
    connection.execute(delete(rollups).where(rollups.c.quarter >= first))
    newest = connection.execute(select(func.max(calls.c.row_id))).scalar_one() or 0
    connection.execute(_added(0, newest, calls.c.started_at >= since))
    connection.execute(update(rolled_up).values(through_row_id=newest))


def compared_sums(connection: Connection, since: datetime = EPOCH) -> list[tuple[int, dict[str, int], dict[str, int]]]:
    """Each quarter that begins at `since` or later as it is written and as the calls derive it: how many calls, their
    cost, their tokens."""
    one, first = as_sum(calls.c), micros(since) // QUARTER_MICROS
    each = select(*(value.label(name) for name, value in one.items()))
    done = each.where(calls.c.row_id <= THROUGH, calls.c.started_at >= since).subquery()
    kept = select(rollups).where(rollups.c.quarter >= first).subquery()
    written, derived = (_figures(connection, columns) for columns in (kept.c, done.c))
    none: dict[str, int] = {}
    return [(at, written.get(at, none), derived.get(at, none)) for at in sorted({*written, *derived})]


def _figures(connection: Connection, columns: Any) -> dict[int, dict[str, int]]:
    tokens = columns.input_tokens + columns.output_tokens
    figures = {"calls": columns.number, "spent": columns.cost_nano_usd, "tokens": tokens}
    sums = [func.sum(value).label(name) for name, value in figures.items()]
    rows = connection.execute(select(columns.quarter, *sums).group_by(columns.quarter)).mappings()
    return {row["quarter"]: {name: int(row[name]) for name in figures} for row in rows}


def _added(after: int, last: int, *where: Any) -> Any:
    one = as_sum(calls.c)
    ends = {"first_at": func.min(one["first_at"]), "last_at": func.max(one["last_at"])}
    values = {name: one[name] for name in KEYS} | {name: func.sum(one[name]) for name in SUMMED} | ends
    chosen = select(*values.values()).where(calls.c.row_id > after, calls.c.row_id <= last, *where)
    statement = upsert(rollups).from_select(list(values), chosen.group_by(*(one[name] for name in KEYS)))
    new = statement.excluded
    sums = {name: rollups.c[name] + new[name] for name in SUMMED}
    widened = {
        "first_at": func.min(rollups.c.first_at, new.first_at),
        "last_at": func.max(rollups.c.last_at, new.last_at),
    }
    return statement.on_conflict_do_update(index_elements=KEYS, set_=sums | widened)
