"""How much of a call is held: all it can cost, what such calls usually come to, or what is left; and holding more.

The strictest of the caps that can stop a call decides. A hold that grows does so in one guarded update over all its
windows, or is denied.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, select, update

from app.core.caps import Cap, Hold
from app.core.reservations import Draft, Obstacle, Quote, Refusal, ReservationState, affordable_tokens
from app.ledger.experience import likely_output
from app.ledger.obstacles import hold_more, hold_within, obstacles_to, totals_of
from app.ledger.tables import holds, reservations

FEWEST_TOKENS = 1024
"""An answer shorter than this is of no use to an agent, so an output limit is not lowered below it."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Where a call's money is held: in all these windows, of which the hard ones can stop it."""

    instance_id: str
    hard: list[tuple[Cap, str]]
    windows: list[tuple[Cap, str]]


def sized(connection: Connection, hard: list[tuple[Cap, str]], draft: Draft, quote: Quote | None) -> Draft:
    """The draft with what is to be held at first: less than the worst case where all caps that can stop it learn."""
    if quote is None or not hard or any(cap.hold is not Hold.LEARNED for cap, _ in hard):
        return draft
    tokens = likely_output(connection, draft)
    likely = None if tokens is None else quote(max(tokens, FEWEST_TOKENS))
    if likely is None or draft.worst_nano_usd is None or likely >= draft.worst_nano_usd:
        return draft
    return replace(draft, held_nano_usd=likely)


def fitted(
    connection: Connection, hard: list[tuple[Cap, str]], draft: Draft, quote: Quote, obstacles: tuple[Obstacle, ...]
) -> tuple[tuple[Obstacle, ...], Draft, int | None]:
    """The draft with an output limit that fits into what is left, where every used-up cap says so; else unchanged.

    What other calls hold is not counted as left. Where room would be enough but for them, they are waited for.
    """
    used_up = {one.window for one in obstacles if one.refusal is Refusal.EXHAUSTED}
    if not used_up or any(cap.hold is not Hold.FIT for cap, key in hard if (cap.cap_id, key) in used_up):
        return obstacles, draft, None
    rows = totals_of(connection, [(cap.cap_id, key) for cap, key in hard]).values()
    free = min(row.limit_nano_usd - row.posted_nano_usd - row.held_nano_usd for row in rows)
    limit = affordable_tokens(quote, free)
    if limit is not None and limit >= FEWEST_TOKENS:
        return (), replace(draft, worst_nano_usd=quote(limit), held_nano_usd=None), limit
    least = quote(FEWEST_TOKENS)
    if least is None:
        return obstacles, draft, None
    waited_for = obstacles_to(connection, hard, least)
    return (obstacles if any(one.refusal is Refusal.EXHAUSTED for one in waited_for) else waited_for), draft, None


def extend(connection: Connection, caps: list[Cap], call_id: str, more_nano_usd: int) -> bool:
    """Hold so much more for a call on its way, in all its windows or in none. False when it is denied, or over.

    A window of a cap that cannot stop a call takes it in any case.
    """
    if more_nano_usd <= 0:
        raise ValueError("a hold only grows")
    by_id = {cap.cap_id: cap for cap in caps}
    rows = connection.execute(select(holds.c.cap_id, holds.c.window_key).where(holds.c.call_id == call_id)).all()
    windows = [(by_id[row.cap_id], row.window_key) for row in rows if row.cap_id in by_id]
    hard = [(cap, key) for cap, key in windows if cap.is_hard]
    soft = [(cap, key) for cap, key in windows if not cap.is_hard]
    savepoint = connection.begin_nested()
    is_held = _grow_reservation(connection, call_id, more_nano_usd)
    if not is_held or not hold_within(connection, hard, more_nano_usd):
        savepoint.rollback()
        return False
    hold_more(connection, soft, more_nano_usd)
    savepoint.commit()
    return True


def _grow_reservation(connection: Connection, call_id: str, more: int) -> bool:
    grown = (
        update(reservations)
        .where(reservations.c.call_id == call_id, reservations.c.state == ReservationState.HELD)
        .values(held_nano_usd=reservations.c.held_nano_usd + more)
    )
    return connection.execute(grown).rowcount == 1
