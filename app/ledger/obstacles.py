"""What stands in a call's way: windows that are used up, and windows that others' holds fill for now."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from app.core.caps import Cap, cap_name
from app.core.reservations import Obstacle, Refusal
from app.ledger.tables import totals


def obstacles_to(connection: Connection, hard: list[tuple[Cap, str]], hold: int) -> tuple[Obstacle, ...]:
    """The windows without room for a hold, in nano-dollars, the used-up ones first."""
    found = []
    rows = totals_of(connection, hard)
    for cap, key in hard:
        row = rows.get((cap.cap_id, key))
        if row is None:
            if hold > cap.limit_nano_usd:
                found.append(_unopened(cap, key))
        elif row.posted_nano_usd + hold > row.limit_nano_usd:
            found.append(_obstacle(cap, row, Refusal.EXHAUSTED))
        elif row.posted_nano_usd + row.held_nano_usd + hold > row.limit_nano_usd:
            found.append(_obstacle(cap, row, Refusal.CONTENDED))
    return tuple(sorted(found, key=lambda obstacle: obstacle.refusal is not Refusal.EXHAUSTED))


def obstacle_of(connection: Connection, cap: Cap, key: str, refusal: Refusal) -> Obstacle:
    """One window as it stands now."""
    return _obstacle(cap, totals_of(connection, [(cap, key)])[cap.cap_id, key], refusal)


def totals_of(connection: Connection, windows: list[tuple[Cap, str]]) -> dict[tuple[str, str], Any]:
    """The rows of these windows, as far as they are there."""
    if not windows:
        return {}
    rows = connection.execute(select(totals).where(is_any(windows))).all()
    return {(row.cap_id, row.window_key): row for row in rows}


def is_any(windows: list[tuple[Cap, str]]) -> ColumnElement[bool]:
    """Condition on totals: one of these windows."""
    return or_(*(and_(totals.c.cap_id == cap.cap_id, totals.c.window_key == key) for cap, key in windows))


def has_room(amount: int) -> ColumnElement[bool]:
    """Condition on totals: so much more fits."""
    return totals.c.posted_nano_usd + totals.c.held_nano_usd + amount <= totals.c.limit_nano_usd


def _unopened(cap: Cap, key: str) -> Obstacle:
    """A window no call has been in yet, of a cap too small for this one."""
    return _make(cap, key, Refusal.EXHAUSTED, 0, 0, cap.limit_nano_usd, None)


def _obstacle(cap: Cap, row: Any, refusal: Refusal) -> Obstacle:
    amounts = row.posted_nano_usd, row.held_nano_usd, row.limit_nano_usd
    return _make(cap, row.window_key, refusal, *amounts, row.ends_at)


def _make(
    cap: Cap, key: str, refusal: Refusal, spent: int, held: int, limit: int, resets_at: datetime | None
) -> Obstacle:
    return Obstacle(
        refusal=refusal,
        cap_id=cap.cap_id,
        cap_name=cap_name(cap),
        window_key=key,
        asks_person=cap.asks_person,
        spent_nano_usd=spent,
        held_nano_usd=held,
        limit_nano_usd=limit,
        resets_at=resets_at,
        default_answer=cap.default_answer,
        answer_after_s=cap.answer_after_s,
    )
