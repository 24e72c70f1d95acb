"""Hold the most a call can cost in every cap that matches it, or in none.

Everything happens inside one IMMEDIATE transaction: a conditional update adds the hold wherever it fits, and a
savepoint takes it back when it did not fit everywhere. Exhausted is told from contended: only money already spent makes
a cap used up; money merely held by other calls will come free or be spent, and is waited for.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from app.core.caps import Cap, cap_name
from app.core.reservations import CapWindow, Draft, Obstacle, Refusal, ReservationState, Verdict
from app.ledger.meter_state import paused
from app.ledger.rows import payer_columns
from app.ledger.tables import holds, reservations, totals
from app.ledger.window_totals import open_totals


def admit(
    connection: Connection,
    caps: list[Cap],
    draft: Draft,
    *,
    instance_id: str,
    excused: frozenset[CapWindow] = frozenset(),
) -> Verdict:
    """Reserve `draft.worst_nano_usd` in every matching window, or say what stands in the way.

    `excused` windows were approved by a person for this call: the hold is added there whatever the limit.
    A call without a price passes where only alert caps match, and holds nothing.
    """
    if paused(connection):
        return Verdict(is_paused=True)
    matching = [cap for cap in caps if cap.applies_to(draft.payer)]
    windows = open_totals(connection, matching, draft)
    hard = [(cap, key) for cap, key in windows if cap.is_hard and (cap.cap_id, key) not in excused]
    if draft.worst_nano_usd is None and hard:
        return Verdict(tuple(_obstacle(connection, cap, key, Refusal.UNPRICED) for cap, key in hard))
    worst = draft.worst_nano_usd or 0
    savepoint = connection.begin_nested()
    if not _hold(connection, hard, windows, worst):
        savepoint.rollback()
        return Verdict(_obstacles(connection, hard, worst))
    _write_reservation(connection, draft, instance_id, windows)
    savepoint.commit()
    return Verdict()


def _hold(connection: Connection, hard: list[tuple[Cap, str]], windows: list[tuple[Cap, str]], worst: int) -> bool:
    """Add the hold everywhere; False when a hard window had no room (the caller rolls back)."""
    add = update(totals).values(held_nano_usd=totals.c.held_nano_usd + worst)
    has_room = totals.c.posted_nano_usd + totals.c.held_nano_usd + worst <= totals.c.limit_nano_usd
    if hard and connection.execute(add.where(_is_any(hard), has_room)).rowcount != len(hard):
        return False
    soft = [window for window in windows if window not in hard]
    if soft:
        connection.execute(add.where(_is_any(soft)))
    return True


def _is_any(windows: list[tuple[Cap, str]]) -> ColumnElement[bool]:
    return or_(*(and_(totals.c.cap_id == cap.cap_id, totals.c.window_key == key) for cap, key in windows))


def _obstacles(connection: Connection, hard: list[tuple[Cap, str]], worst: int) -> tuple[Obstacle, ...]:
    """The windows without room, the used-up ones first."""
    found = []
    for cap, key in hard:
        row = _total(connection, cap, key)
        if row.posted_nano_usd + worst > row.limit_nano_usd:
            found.append(_obstacle(connection, cap, key, Refusal.EXHAUSTED))
        elif row.posted_nano_usd + row.held_nano_usd + worst > row.limit_nano_usd:
            found.append(_obstacle(connection, cap, key, Refusal.CONTENDED))
    return tuple(sorted(found, key=lambda obstacle: obstacle.refusal is not Refusal.EXHAUSTED))


def _obstacle(connection: Connection, cap: Cap, key: str, refusal: Refusal) -> Obstacle:
    row = _total(connection, cap, key)
    return Obstacle(
        refusal=refusal,
        cap_id=cap.cap_id,
        cap_name=cap_name(cap),
        window_key=key,
        asks_person=cap.asks_person,
        spent_nano_usd=row.posted_nano_usd,
        held_nano_usd=row.held_nano_usd,
        limit_nano_usd=row.limit_nano_usd,
        resets_at=row.ends_at,
    )


class _TotalNow:
    """Typed view of one row of totals."""

    posted_nano_usd: int
    held_nano_usd: int
    limit_nano_usd: int
    ends_at: datetime | None


def _total(connection: Connection, cap: Cap, key: str) -> _TotalNow:
    row: _TotalNow = connection.execute(select(totals).where(_is_any([(cap, key)]))).one()  # type: ignore[assignment]
    return row


def _write_reservation(connection: Connection, draft: Draft, instance_id: str, windows: list[tuple[Cap, str]]) -> None:
    connection.execute(
        insert(reservations).values(
            call_id=draft.call_id,
            instance_id=instance_id,
            state=ReservationState.HELD,
            worst_nano_usd=draft.worst_nano_usd,
            reserved_at=draft.at,
            provider=draft.provider,
            api_shape=draft.api_shape,
            operation=draft.operation,
            request_model=draft.request_model,
            is_stream=draft.is_stream,
            **payer_columns(draft.tags),
        )
    )
    if windows:
        connection.execute(
            insert(holds),
            [{"call_id": draft.call_id, "cap_id": cap.cap_id, "window_key": key} for cap, key in windows],
        )
