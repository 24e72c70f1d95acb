"""Reading single calls."""

from datetime import datetime

from sqlalchemy import func, select

from app.core.call import Call
from app.ledger.engine import Ledger
from app.ledger.key_tables import may_be_of_key
from app.ledger.rows import call_of
from app.ledger.tables import calls


def recent_calls(ledger: Ledger, limit: int = 200, *, before_id: str | None = None) -> list[Call]:
    """The calls that ended last, newest first; `before_id` goes on from an earlier page."""
    newest = select(calls).order_by(calls.c.row_id.desc()).limit(limit)
    if before_id is not None:
        newest = newest.where(
            calls.c.row_id < select(calls.c.row_id).where(calls.c.call_id == before_id).scalar_subquery()
        )
    with ledger.read() as connection:
        return [call_of(row) for row in connection.execute(newest).mappings()]


def newest_call_at(ledger: Ledger) -> datetime | None:
    """When the newest call began, by the clock of then; None where there is none."""
    with ledger.read() as connection:
        newest: datetime | None = connection.execute(select(func.max(calls.c.started_at))).scalar_one()
        return newest


def calls_of_key(ledger: Ledger, key_id: str) -> list[Call]:
    """All calls made with one virtual key, oldest first: what a receipt is made of."""
    is_of_key = calls.c.virtual_key_id == key_id, may_be_of_key(calls.c.started_at, key_id)
    mine = select(calls).where(*is_of_key).order_by(calls.c.row_id + 0)  # else SQLite goes through all that were made
    with ledger.read() as connection:
        return [call_of(row) for row in connection.execute(mine).mappings()]
