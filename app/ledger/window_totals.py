"""The running totals of caps: one row for each window, opened when first needed.

A window that is opened late (a new cap in the middle of a month) starts from what the calls already cost in it and
takes over the holds of calls on their way, so that a cap means the same whenever it was set.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, true

from app.core.caps import Cap, Payer, scope_value
from app.core.reservations import Draft, ReservationState
from app.core.tags import Scope
from app.core.windows import Window, WindowSpan
from app.ledger.tables import calls, holds, reservations, totals


def open_totals(connection: Connection, caps: list[Cap], draft: Draft) -> list[tuple[Cap, str]]:
    """Each matching cap with the key of its window for this draft; rows that are not there yet are made."""
    windows = []
    for cap in caps:
        span = cap.span(draft.at, draft.payer)
        open_total(connection, cap, span, draft.payer)
        windows.append((cap, span.key))
    return windows


def open_total(connection: Connection, cap: Cap, span: WindowSpan, payer: Payer) -> None:
    """Make the row of one window unless it is there, starting from what is already spent and held in it."""
    there = select(true()).where(totals.c.cap_id == cap.cap_id, totals.c.window_key == span.key)
    if connection.execute(there).first():
        return
    posted, unpriced = spent_in(connection, cap, span, payer)
    held = _take_over_holds(connection, cap, span, payer)
    connection.execute(
        insert(totals).values(
            cap_id=cap.cap_id,
            window_key=span.key,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            limit_nano_usd=cap.limit_nano_usd,
            posted_nano_usd=posted,
            held_nano_usd=held,
            unpriced_calls=unpriced,
        )
    )


def forget_totals(connection: Connection, cap_id: str) -> None:
    """Drop a cap's totals and its part in running holds; they are counted anew when next needed."""
    connection.execute(delete(totals).where(totals.c.cap_id == cap_id))
    connection.execute(delete(holds).where(holds.c.cap_id == cap_id))


def spent_in(connection: Connection, cap: Cap, span: WindowSpan, payer: Payer) -> tuple[int, int]:
    """What calls of this window charge their caps so far, and how many of them have no price."""
    row = connection.execute(
        select(
            func.coalesce(func.sum(calls.c.charged_nano_usd), 0),
            func.count().filter(calls.c.cost_nano_usd.is_(None)),
        ).where(_in_window(calls.c, calls.c.started_at, cap, span, payer))
    ).one()
    return int(row[0]), int(row[1])


def held_in(connection: Connection, cap: Cap, span: WindowSpan, payer: Payer) -> dict[str, int]:
    """What calls on their way hold in this window, by their ids."""
    running = and_(
        reservations.c.state == ReservationState.HELD,
        _in_window(reservations.c, reservations.c.reserved_at, cap, span, payer),
    )
    rows = connection.execute(select(reservations.c.call_id, reservations.c.held_nano_usd).where(running))
    return {row.call_id: row.held_nano_usd for row in rows}


def _take_over_holds(connection: Connection, cap: Cap, span: WindowSpan, payer: Payer) -> int:
    """Count calls on their way in this window too. Returns what they hold."""
    held = held_in(connection, cap, span, payer)
    if held:
        connection.execute(
            insert(holds),
            [{"call_id": call_id, "cap_id": cap.cap_id, "window_key": span.key} for call_id in held],
        )
    return sum(held.values())


_SCOPE_COLUMNS = {
    Scope.USER: "user_name",
    Scope.VIRTUAL_KEY: "virtual_key_id",
    Scope.MODEL: "request_model",
}


def _in_window(
    columns: Any, instant: ColumnElement[datetime], cap: Cap, span: WindowSpan, payer: Payer
) -> ColumnElement[bool]:
    """Rows that count in this window: in its time, of its scope, of its session."""
    wanted: list[ColumnElement[bool]] = [true()]
    if span.starts_at is not None:
        wanted.append(instant >= span.starts_at)
    if span.ends_at is not None:
        wanted.append(instant < span.ends_at)
    if cap.scope is not Scope.EVERYTHING:
        column = columns[scope_column(cap.scope)]
        wanted.append(column == (scope_value(cap.scope, payer) if cap.scope_key == "*" else cap.scope_key))
    if cap.window is Window.SESSION:
        wanted.append(columns.session == payer.tags.session)
    return and_(*wanted)


def scope_column(scope: Scope) -> str:
    """The column of calls and reservations that holds a scope's value."""
    return _SCOPE_COLUMNS.get(scope, scope.value)
