"""Raises: what one window may spend on top of its cap's limit, for a while or until the window ends."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from app.core.clock import CLOCK_CAP_ID
from app.core.errors import InvalidInput
from app.core.loops import LOOP_CAP_ID
from app.core.money import MAX_NANO_USD
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.kept_reads import kept
from app.ledger.limit_tables import raises
from app.ledger.statement import Statement
from app.ledger.tables import totals

_NEXT_END = Statement(select(func.min(raises.c.until)).where(raises.c.ended_at.is_(None)))
_OVER = Statement(select(raises).where(raises.c.ended_at.is_(None), raises.c.until <= bindparam("now")))


@dataclass(frozen=True, slots=True)
class Raise:
    """One raise in force. `until` None: for as long as its window lasts."""

    raise_id: str
    cap_id: str
    window_key: str
    amount_nano_usd: int
    until: datetime | None
    made_at: datetime
    made_by: str


def raise_by(
    ledger: Ledger, cap_id: str, window_key: str, amount_nano_usd: int, *, until: datetime | None = None, by: str = ""
) -> None:
    """Let one running window spend so much more, until an instant or until it ends. Raises InvalidInput."""
    now = datetime.now(UTC)
    with ledger.write() as connection:
        end_raises(connection, now)
        limit = _running_limit(connection, cap_id, window_key, now)
        if amount_nano_usd <= 0 or limit + amount_nano_usd > MAX_NANO_USD:
            raise InvalidInput("Not a raise", "The amount must be above $0, and the new limit at most $4,000,000,000.")
        if until is not None and until <= now:
            raise InvalidInput("This time has passed", "A raise needs an end in the future, or none.")
        _write(connection, cap_id, window_key, amount_nano_usd, until, now, by)


def raise_window(ledger: Ledger, cap_id: str, window_key: str, limit_nano_usd: int, *, by: str = "") -> None:
    """Raise the limit of one running window to an amount, until that window ends. Raises InvalidInput."""
    now = datetime.now(UTC)
    with ledger.write() as connection:
        end_raises(connection, now)
        limit = _running_limit(connection, cap_id, window_key, now)
        if not limit < limit_nano_usd <= MAX_NANO_USD:
            raise InvalidInput("Not a raise", "The new limit must be above the present one.")
        _write(connection, cap_id, window_key, limit_nano_usd - limit, None, now, by)


def live_raises(ledger: Ledger, cap_id: str) -> list[Raise]:
    """The raises of a cap that are in force now, oldest first."""
    running = select(raises).where(raises.c.cap_id == cap_id, raises.c.ended_at.is_(None)).order_by(raises.c.made_at)
    now = datetime.now(UTC)
    with ledger.read() as connection:
        return [_raise_of(row) for row in connection.execute(running) if row.until is None or row.until > now]


def end_raises(connection: Connection, now: datetime) -> None:
    """Take back the raises whose time is over. What is held or spent above the old limit stays so."""
    next_end: datetime | None = kept(connection, "next end of a raise", lambda: _NEXT_END.value(connection, {}))
    if next_end is None or next_end > now:
        return
    for row in _OVER.rows(connection, {"now": now}):
        connection.execute(
            update(totals)
            .where(totals.c.cap_id == row.cap_id, totals.c.window_key == row.window_key)
            .values(limit_nano_usd=totals.c.limit_nano_usd - row.amount_nano_usd)
        )
        connection.execute(update(raises).where(raises.c.raise_id == row.raise_id).values(ended_at=now))


def forget_raises(connection: Connection, cap_id: str, now: datetime) -> None:
    """End all raises of a cap: it was edited or removed, and its windows are counted anew."""
    connection.execute(
        update(raises).where(raises.c.cap_id == cap_id, raises.c.ended_at.is_(None)).values(ended_at=now)
    )


def raised_by(connection: Connection, cap_id: str, window_key: str) -> int:
    """What one window may spend on top of its cap's limit, in nano-dollars."""
    window = (raises.c.cap_id == cap_id, raises.c.window_key == window_key, raises.c.ended_at.is_(None))
    amount = select(func.coalesce(func.sum(raises.c.amount_nano_usd), 0)).where(*window)
    return int(connection.execute(amount).scalar_one())


def _running_limit(connection: Connection, cap_id: str, window_key: str, now: datetime) -> int:
    if cap_id == LOOP_CAP_ID:
        raise InvalidInput("No cap is in the way", "This call repeats itself. Approve it, or refuse it.")
    if cap_id == CLOCK_CAP_ID:
        raise InvalidInput("No cap is in the way", "The clock is in doubt. Approve the call if it is right.")
    window = (totals.c.cap_id == cap_id, totals.c.window_key == window_key)
    row = connection.execute(select(totals).where(*window)).one_or_none()
    if row is None or (row.ends_at is not None and row.ends_at <= now):
        raise InvalidInput("This window is over", "Edit the cap itself to change its limit.")
    return int(row.limit_nano_usd)


def _write(
    connection: Connection, cap_id: str, window_key: str, amount: int, until: datetime | None, now: datetime, by: str
) -> None:
    connection.execute(
        insert(raises).values(
            raise_id=new_id(), cap_id=cap_id, window_key=window_key, amount_nano_usd=amount, until=until,
            made_at=now, made_by=by,
        )
    )  # fmt: skip
    connection.execute(
        update(totals)
        .where(totals.c.cap_id == cap_id, totals.c.window_key == window_key)
        .values(limit_nano_usd=totals.c.limit_nano_usd + amount)
    )


def _raise_of(row: Any) -> Raise:
    return Raise(row.raise_id, row.cap_id, row.window_key, row.amount_nano_usd, row.until, row.made_at, row.made_by)
