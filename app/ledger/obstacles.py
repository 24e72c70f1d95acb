"""What stands in a call's way, windows that are used up or that others' holds fill for now; and holding in them."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, func, select, tuple_, update

from app.core.caps import Cap, cap_name
from app.core.reservations import CapWindow, Obstacle, Refusal
from app.ledger.statement import Statement
from app.ledger.tables import totals

# Built once: to build a statement takes longer than to run it.
_MORE = bindparam("more", type_=BigInteger)
# As JSON: with a list of values SQLite walks through the whole table, however few they are.
_WINDOW = func.json_each(bindparam("windows")).table_valued("value").c.value
GIVEN_WINDOWS = select(func.json_extract(_WINDOW, "$[0]"), func.json_extract(_WINDOW, "$[1]"))
"""The windows that are given as `windows`."""
_IS_ANY = tuple_(totals.c.cap_id, totals.c.window_key).in_(GIVEN_WINDOWS)
_THESE = Statement(select(totals).where(_IS_ANY))
_IS_ONE = (totals.c.cap_id == bindparam("of_cap"), totals.c.window_key == bindparam("of_window"))
_MORE_HELD = update(totals).where(*_IS_ONE).values(held_nano_usd=totals.c.held_nano_usd + _MORE)
_HOLD = Statement(_MORE_HELD)
_HOLD_WITHIN = Statement(
    _MORE_HELD.where(totals.c.posted_nano_usd + totals.c.held_nano_usd + _MORE <= totals.c.limit_nano_usd)
)


type Totals = dict[CapWindow, Any]
"""Rows of windows as they stood when they were read."""


def obstacles_to(connection: Connection, hard: list[tuple[Cap, str]], hold: int) -> tuple[Obstacle, ...]:
    """The windows without room for a hold, in nano-dollars, the used-up ones first."""
    return obstacles_in(totals_of(connection, _windows(hard)), hard, hold)


def obstacles_in(rows: Totals, hard: list[tuple[Cap, str]], hold: int) -> tuple[Obstacle, ...]:
    """The same, of windows that were read."""
    found = []
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
    return _obstacle(cap, totals_of(connection, [(cap.cap_id, key)])[cap.cap_id, key], refusal)


def totals_of(connection: Connection, windows: Collection[CapWindow]) -> Totals:
    """The rows of these windows, as far as they are there."""
    if not windows:
        return {}
    rows = _THESE.rows(connection, {"windows": json.dumps(list(windows))})
    return {(row.cap_id, row.window_key): row for row in rows}


def remaining_in(rows: Totals, windows: list[tuple[Cap, str]]) -> int | None:
    """What is left to spend in the tightest window of a cap that can stop a call, never below 0; None without one."""
    hard = [rows[cap.cap_id, key] for cap, key in windows if cap.is_hard]
    return max(0, min(row.limit_nano_usd - row.posted_nano_usd for row in hard)) if hard else None


def hold_more(connection: Connection, windows: list[tuple[Cap, str]], more_nano_usd: int) -> None:
    """Add to what is held in these windows, whatever their limits."""
    if windows:
        _HOLD.run_many(connection, _each(windows, more_nano_usd))


def hold_within(connection: Connection, windows: list[tuple[Cap, str]], more_nano_usd: int) -> bool:
    """Add to what is held in these windows wherever so much more fits; whether it did in all."""
    return not windows or _HOLD_WITHIN.run_many(connection, _each(windows, more_nano_usd)) == len(windows)


def _each(windows: list[tuple[Cap, str]], more_nano_usd: int) -> list[dict[str, Any]]:
    return [{"of_cap": cap.cap_id, "of_window": key, "more": more_nano_usd} for cap, key in windows]


def _windows(caps: list[tuple[Cap, str]]) -> list[CapWindow]:
    return [(cap.cap_id, key) for cap, key in caps]


def _unopened(cap: Cap, key: str) -> Obstacle:
    """A window no call has been in yet, of a cap too small for this one."""
    return make_obstacle(cap, key, Refusal.EXHAUSTED, 0, 0, cap.limit_nano_usd, None)


def _obstacle(cap: Cap, row: Any, refusal: Refusal) -> Obstacle:
    amounts = row.posted_nano_usd, row.held_nano_usd, row.limit_nano_usd
    return make_obstacle(cap, row.window_key, refusal, *amounts, row.ends_at)


def make_obstacle(
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
