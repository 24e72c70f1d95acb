"""Every call once: the metered ones that were sent, and those of agents' logs that no meter saw."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import FromClause, select, union_all

from app.core.call import Outcome
from app.core.caps import Payer
from app.core.history import CostedCall
from app.core.tags import Scope
from app.ledger.engine import Ledger
from app.ledger.import_tables import imported_calls
from app.ledger.rows import tags_of
from app.ledger.tables import calls
from app.ledger.window_totals import scope_column

_PAYER_COLUMNS = ("project", "agent", "user_name", "team", "task", "session", "virtual_key_id")
_MANY = 2_000


def every_call(names: Sequence[str], *where: Any) -> FromClause:
    """These columns of every call. Each of `where` is a function from a table's columns to a condition."""
    metered = select(*(calls.c[name] for name in names)).where(calls.c.outcome != Outcome.REFUSED)
    logged = select(*(imported_calls.c[name] for name in names)).where(imported_calls.c.wire_call_id == "")
    for condition in where:
        metered, logged = metered.where(condition(calls.c)), logged.where(condition(imported_calls.c))
    return union_all(metered, logged).subquery("every_call")


def costed_calls(ledger: Ledger, start: datetime, scope: Scope, key: str) -> Iterator[CostedCall]:
    """The calls since `start` in the order of time, one page in memory at a time; only those that can have this key."""

    def condition(columns: Any) -> Any:
        return columns.started_at >= start

    def has_key(columns: Any) -> Any:
        return columns[scope_column(scope)] == key

    is_one = scope not in (Scope.EVERYTHING, Scope.MODEL) and key != "*"
    names = ("call_id", "started_at", "provider", "request_model", "cost_nano_usd", *_PAYER_COLUMNS)
    source = every_call(names, condition, *((has_key,) if is_one else ()))
    with ledger.read() as connection:
        ordered = select(source).order_by(source.c.started_at, source.c.call_id)
        rows = connection.execution_options(stream_results=True, yield_per=_MANY).execute(ordered)
        for row in rows.mappings():
            payer = Payer(tags_of(row), row["provider"], row["request_model"])
            yield CostedCall(row["call_id"], row["started_at"], payer, row["cost_nano_usd"])
