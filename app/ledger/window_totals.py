"""The running totals of caps: one row for each window, opened when first needed.

A cap means the same whenever it was set: as it is set or edited, its running windows are opened with what the calls
already cost in them, and take over the holds of calls on their way. A window that begins after that starts at nothing,
since no call was in it; so admission costs the same however many calls there were before.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, select, true, update

from app.core.caps import Cap, Payer, scope_value
from app.core.reservations import Draft, ReservationState
from app.core.tags import Billing, Scope, Tags
from app.core.windows import Window, WindowSpan
from app.ledger.dropped import dropped_costs
from app.ledger.obstacles import Totals, totals_of
from app.ledger.statement import Statement
from app.ledger.tables import calls, holds, reservations, totals
from app.ledger.tables import caps as cap_rows

NOBODY = Payer(Tags(), provider="", model="")
"""Stands for any payer where a cap's window does not depend on one."""

_THERE = Statement(
    select(true()).where(totals.c.cap_id == bindparam("of_cap"), totals.c.window_key == bindparam("of_window"))
)


@dataclass(frozen=True, slots=True)
class _Count:
    """What one window carries: nano-dollars spent, calls without a price, and what calls on their way hold."""

    spent: int = 0
    unpriced: int = 0
    held: dict[str, int] = field(default_factory=dict)


def open_totals(connection: Connection, caps: list[Cap], draft: Draft) -> tuple[list[tuple[Cap, str]], Totals]:
    """Each cap that counts this draft with the key of its window, and the rows of all; those that are not there yet are
    made."""
    payer = draft.payer
    spans = [(cap, cap.span(draft.at, payer)) for cap in caps if cap.applies_to(payer)]
    windows = [(cap.cap_id, span.key) for cap, span in spans]
    rows = totals_of(connection, windows)
    if len(rows) < len(windows):
        for cap, span in spans:
            open_total(connection, cap, span, payer)
        rows = totals_of(connection, windows)
    return [(cap, span.key) for cap, span in spans], rows


def open_total(connection: Connection, cap: Cap, span: WindowSpan, payer: Payer) -> None:
    """Make the row of one window unless it is there, with what is already spent and held in it."""
    if _THERE.first(connection, {"of_cap": cap.cap_id, "of_window": span.key}):
        return
    if _is_untouched(connection, cap, span):
        _write_total(connection, cap, span, _Count())
    else:
        write_counted(connection, cap, span, payer)


def write_counted(connection: Connection, cap: Cap, span: WindowSpan, payer: Payer) -> None:
    """Make the row of one window from the calls."""
    spent, unpriced = spent_in(connection, cap, span, payer)
    _write_total(connection, cap, span, _Count(spent, unpriced, held_in(connection, cap, span, payer)))


def count_windows(connection: Connection, cap: Cap, now: datetime) -> None:
    """Open all running windows of a cap that was just set or edited, except those of sessions: what a session's calls
    cost is found by an index when it goes on."""
    if cap.window is not Window.SESSION:
        span = cap.span(now, NOBODY)
        if cap.scope_key == "*":
            for value, count in _count_each(connection, cap, span).items():
                _write_total(connection, cap, cap.span(now, payer_with(cap.scope, value)), count)
        else:
            write_counted(connection, cap, span, NOBODY)
    held = reservations.c.state == ReservationState.HELD
    newest = (
        connection.execute(select(func.max(calls.c.started_at))).scalar_one(),
        connection.execute(select(func.max(reservations.c.reserved_at)).where(held)).scalar_one(),
    )
    until = max([now, *(instant for instant in newest if instant is not None)])  # a clock may have gone back
    counted = update(cap_rows).where(cap_rows.c.cap_id == cap.cap_id)
    connection.execute(counted.values(counted_at=now, counted_until=until))


def _is_untouched(connection: Connection, cap: Cap, span: WindowSpan) -> bool:
    """Whether no call can be in a window that has no row: it began after its cap was counted, or was counted then."""
    counted = select(cap_rows.c.counted_at, cap_rows.c.counted_until).where(cap_rows.c.cap_id == cap.cap_id)
    at, until = connection.execute(counted).one()
    if at is None or cap.window is Window.SESSION:
        return False
    if span.starts_at is None or span.ends_at is None:
        return True
    return bool(span.starts_at <= at < span.ends_at or span.starts_at > until)


def _write_total(connection: Connection, cap: Cap, span: WindowSpan, count: _Count) -> None:
    connection.execute(
        insert(totals).values(
            cap_id=cap.cap_id,
            window_key=span.key,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            limit_nano_usd=cap.limit_nano_usd,
            posted_nano_usd=count.spent,
            held_nano_usd=sum(count.held.values()),
            unpriced_calls=count.unpriced,
        )
    )
    if count.held:
        connection.execute(
            insert(holds),
            [{"call_id": call_id, "cap_id": cap.cap_id, "window_key": span.key} for call_id in count.held],
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
    value = scope_value(cap.scope, payer) if cap.scope_key == "*" else cap.scope_key
    return int(row[0]) + _dropped(connection, cap, span).get(value, 0), int(row[1])


def _dropped(connection: Connection, cap: Cap, span: WindowSpan) -> dict[str, int]:
    """What calls that are not kept any more have cost in a window, by its scope's values. A session's window counts the
    calls that are kept: those of a session that goes on are."""
    if cap.window is Window.SESSION:
        return {}
    column = {Scope.EVERYTHING: "", Scope.MODEL: "model"}.get(cap.scope)
    column = scope_column(cap.scope) if column is None else column
    billing = () if cap.counts_subscriptions else (Billing.API.value,)
    return dropped_costs(connection, column, span.starts_at, span.ends_at, *billing)


def held_in(connection: Connection, cap: Cap, span: WindowSpan, payer: Payer) -> dict[str, int]:
    """What calls on their way hold in this window, by their ids."""
    running = and_(
        reservations.c.state == ReservationState.HELD,
        _in_window(reservations.c, reservations.c.reserved_at, cap, span, payer),
    )
    rows = connection.execute(select(reservations.c.call_id, reservations.c.held_nano_usd).where(running))
    return {row.call_id: row.held_nano_usd for row in rows}


def _count_each(connection: Connection, cap: Cap, span: WindowSpan) -> dict[str, _Count]:
    """The same for each value of a scope at once."""
    found: dict[str, _Count] = {}
    column = calls.c[scope_column(cap.scope)]
    each = select(column, func.sum(calls.c.charged_nano_usd), func.count().filter(calls.c.cost_nano_usd.is_(None)))
    wanted = and_(column != "", *_in_time(calls.c.started_at, span), *_of_billing(calls.c, cap))
    for value, spent, unpriced in connection.execute(each.where(wanted).group_by(column)):
        found[value] = _Count(int(spent), int(unpriced))
    for value, cost in _dropped(connection, cap, span).items():
        if value and cost:
            count = found.get(value, _Count())
            found[value] = _Count(count.spent + cost, count.unpriced)
    column = reservations.c[scope_column(cap.scope)]
    running = and_(
        reservations.c.state == ReservationState.HELD,
        column != "",
        *_in_time(reservations.c.reserved_at, span),
        *_of_billing(reservations.c, cap),
    )
    for value, call_id, held in connection.execute(
        select(column, reservations.c.call_id, reservations.c.held_nano_usd).where(running)
    ):
        found.setdefault(value, _Count()).held[call_id] = held
    return found


_SCOPE_COLUMNS = {
    Scope.USER: "user_name",
    Scope.VIRTUAL_KEY: "virtual_key_id",
    Scope.MODEL: "request_model",
}


def _in_window(
    columns: Any, instant: ColumnElement[datetime], cap: Cap, span: WindowSpan, payer: Payer
) -> ColumnElement[bool]:
    """Rows that count in this window: in its time, of its scope, of its session."""
    wanted = [*_in_time(instant, span), *_of_billing(columns, cap)]
    if cap.scope is not Scope.EVERYTHING:
        column = columns[scope_column(cap.scope)]
        wanted.append(column == (scope_value(cap.scope, payer) if cap.scope_key == "*" else cap.scope_key))
    if cap.window is Window.SESSION:
        wanted.append(columns.session == payer.tags.session)
    return and_(*wanted)


def _of_billing(columns: Any, cap: Cap) -> list[ColumnElement[bool]]:
    return [] if cap.counts_subscriptions else [columns.billing == Billing.API]


def _in_time(instant: ColumnElement[datetime], span: WindowSpan) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [true()]
    if span.starts_at is not None:
        wanted.append(instant >= span.starts_at)
    if span.ends_at is not None:
        wanted.append(instant < span.ends_at)
    return wanted


def payer_with(scope: Scope, value: str, session: str = "") -> Payer:
    """Somebody whose calls carry this value of a scope."""
    if scope is Scope.PROVIDER:
        return Payer(Tags(session=session), value, "")
    if scope is Scope.MODEL:
        return Payer(Tags(session=session), "", value)
    name = "virtual_key_id" if scope is Scope.VIRTUAL_KEY else scope.value
    labels = {} if scope is Scope.EVERYTHING else {name: value}
    return Payer(Tags(**({"session": session} | labels)), "", "")


def scope_column(scope: Scope) -> str:
    """The column of calls and reservations that holds a scope's value."""
    return _SCOPE_COLUMNS.get(scope, scope.value)
