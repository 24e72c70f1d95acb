"""Hold the most a call can cost in every cap that matches it, or in none.

Everything happens inside one IMMEDIATE transaction: a look at each window says what stands in the way, and a
conditional update, within a savepoint, adds the hold wherever it fits. Exhausted is told from contended: only money
already spent makes a cap used up; money merely held by other calls will come free or be spent, and is waited for.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, insert

from app.core.caps import Cap
from app.core.clock import CALENDAR, CLOCK_CAP_ID, Doubt
from app.core.loops import LOOP_CAP_ID
from app.core.reservations import CanFit, CapWindow, Draft, Obstacle, Quote, Refusal, ReservationState, Verdict
from app.ledger.approval_store import granted_windows
from app.ledger.holding import Holding, fitted, sized
from app.ledger.key_store import check_key
from app.ledger.loop_store import loop_in_the_way
from app.ledger.meter_state import paused
from app.ledger.observation_store import observe
from app.ledger.obstacles import (
    Totals,
    hold_more,
    hold_within,
    obstacle_of,
    obstacles_in,
    obstacles_to,
    remaining_in,
)
from app.ledger.raise_store import end_raises
from app.ledger.rows import draft_columns
from app.ledger.session_store import forget_cut, waits_by_order, was_cut
from app.ledger.statement import Statement, insertion
from app.ledger.tables import holds, reservations
from app.ledger.waiting_line import join_line, leave_line, windows_ahead
from app.ledger.window_totals import open_totals

NONE_EXCUSED: frozenset[CapWindow] = frozenset()

_RESERVE = Statement(insert(reservations), insertion(reservations))
_NOTE_HOLDS = Statement(insert(holds), insertion(holds))


def admit(
    connection: Connection,
    caps: list[Cap],
    draft: Draft,
    *,
    instance_id: str,
    excused: frozenset[CapWindow] = NONE_EXCUSED,
    quote: Quote | None = None,
    can_fit: CanFit | None = None,
    waits_until: datetime | None = None,
    doubt: Doubt | None = None,
) -> Verdict:
    """Reserve the call's money in every matching window, or say what stands in the way. Raises KeyRejected when its key
    has ended, however long ago the call came in.

    `excused` windows were approved by a person for this call: the hold is added there whatever the limit. `quote`
    prices other lengths of output, for caps that hold less than the worst case; `can_fit` tells whether the
    request's output limit can be lowered. A call that may not go for want of money others hold waits in line until
    `waits_until`, where that is given. A call without a price passes where only alert caps match, and holds nothing.
    While the clock is in `doubt`, calls that a cap by the calendar could stop wait for a person.
    """
    check_key(connection, draft.tags.virtual_key_id, draft.at)
    if (held_up := _held_up(connection, caps, draft, excused, doubt)) is not None:
        return held_up
    end_raises(connection, draft.at)
    windows, rows = open_totals(connection, caps, draft)
    excused = _of_caps(excused) | granted_windows(connection, draft.tags)
    hard = [(cap, key) for cap, key in windows if cap.is_hard and (cap.cap_id, key) not in excused]
    if draft.worst_nano_usd is None and hard:
        return Verdict(tuple(obstacle_of(connection, cap, key, Refusal.UNPRICED) for cap, key in hard))
    is_resent = bool(hard) and was_cut(connection, draft.tags, draft.at)
    short = None if is_resent or excused else quote
    obstacles, draft, limit = _find_room(connection, hard, rows, draft, short, can_fit=can_fit)
    if obstacles:
        _wait_or_leave(connection, draft, instance_id, obstacles, waits_until)
        return Verdict(_final_after_cut(obstacles) if is_resent else obstacles, held_nano_usd=draft.hold)
    _reserve(connection, draft, Holding(instance_id, hard, windows))
    if is_resent:
        forget_cut(connection, draft.tags)
    return Verdict(held_nano_usd=draft.hold, output_limit=limit, remaining_nano_usd=remaining_in(rows, windows))


def take_up(connection: Connection, caps: list[Cap], draft: Draft, *, instance_id: str) -> None:
    """Count a call whose money is spent already in every matching window: no cap, pause or stop stands in its way."""
    end_raises(connection, draft.at)
    windows, _ = open_totals(connection, caps, draft)
    _reserve(connection, draft, Holding(instance_id, [], windows))


def probe(connection: Connection, caps: list[Cap], draft: Draft) -> tuple[Obstacle, ...]:
    """What would stand in the way of this call now, the line of waiting calls aside. Reads only: a window that no call
    has opened yet stands in nobody's way."""
    granted = granted_windows(connection, draft.tags)
    windows = [
        (cap, cap.span(draft.at, draft.payer).key) for cap in caps if cap.applies_to(draft.payer) and cap.is_hard
    ]
    return obstacles_to(
        connection, [(cap, key) for cap, key in windows if (cap.cap_id, key) not in granted], draft.hold
    )


def _held_up(
    connection: Connection, caps: list[Cap], draft: Draft, excused: frozenset[CapWindow], doubt: Doubt | None
) -> Verdict | None:
    """What keeps a call back before its money is looked at: a pause, a stop, a loop, a clock in doubt."""
    if paused(connection):
        return Verdict(is_paused=True)
    if (waits := waits_by_order(connection, draft.tags)) is not None:
        return Verdict(is_paused=waits, is_stopped=not waits, is_of_session=True)
    loop = loop_in_the_way(connection, draft, excused)
    if loop is not None:
        return Verdict((loop,))
    is_doubtful = doubt is not None and doubt.window not in excused and _by_calendar(caps, draft)
    return Verdict((doubt.obstacle,)) if doubt is not None and is_doubtful else None


def _by_calendar(caps: list[Cap], draft: Draft) -> bool:
    """Whether a cap whose windows the clock decides about could stop this call."""
    return any(cap.is_hard and cap.window in CALENDAR and cap.applies_to(draft.payer) for cap in caps)


def _of_caps(excused: frozenset[CapWindow]) -> frozenset[CapWindow]:
    """What a call was excused from as far as that is money."""
    return frozenset(window for window in excused if window[0] not in (LOOP_CAP_ID, CLOCK_CAP_ID))


def _find_room(
    connection: Connection,
    hard: list[tuple[Cap, str]],
    rows: Totals,
    draft: Draft,
    quote: Quote | None,
    *,
    can_fit: CanFit | None,
) -> tuple[tuple[Obstacle, ...], Draft, int | None]:
    """What stands in the way, the draft with what is to be held, and the output limit it was lowered to."""
    with_hold = sized(connection, hard, draft, quote)
    obstacles = _in_the_way(connection, hard, rows, with_hold)
    if obstacles and can_fit is not None and quote is not None and can_fit():
        return fitted(connection, hard, draft, quote, obstacles)
    return obstacles, with_hold, None


def _in_the_way(
    connection: Connection, hard: list[tuple[Cap, str]], rows: Totals, draft: Draft
) -> tuple[Obstacle, ...]:
    """Windows without room; else those in which another call is served first."""
    obstacles = obstacles_in(rows, hard, draft.hold)
    if obstacles or not draft.hold:
        return obstacles
    ahead = windows_ahead(connection, draft, [(cap.cap_id, key) for cap, key in hard])
    return tuple(
        obstacle_of(connection, cap, key, Refusal.CONTENDED) for cap, key in hard if (cap.cap_id, key) in ahead
    )


def _wait_or_leave(
    connection: Connection, draft: Draft, instance_id: str, obstacles: tuple[Obstacle, ...], until: datetime | None
) -> None:
    """A call that waits for money others hold takes its place in line; one that waits for a person does not."""
    if until is not None and all(one.refusal is Refusal.CONTENDED for one in obstacles):
        join_line(connection, draft, instance_id, [one.window for one in obstacles], until)
    else:
        leave_line(connection, draft.call_id)


def _final_after_cut(obstacles: tuple[Obstacle, ...]) -> tuple[Obstacle, ...]:
    """What is used up for a request that is sent again after a cut is so for good."""
    return tuple(replace(one, refusal=Refusal.CUT) if one.refusal is Refusal.EXHAUSTED else one for one in obstacles)


def _reserve(connection: Connection, draft: Draft, holding: Holding) -> None:
    """Hold the money everywhere. Nothing but this transaction writes, so what had room a moment ago still has."""
    dry = [(cap, key) for cap, key in holding.windows if cap.is_dry_run]
    observe(connection, draft, _stopped_by(connection, dry, draft))
    if not hold_within(connection, holding.hard, draft.hold):
        raise RuntimeError("a window that had room has none, within one transaction")
    hold_more(connection, [window for window in holding.windows if window not in holding.hard], draft.hold)
    _write_reservation(connection, draft, holding)
    leave_line(connection, draft.call_id)


def _stopped_by(connection: Connection, dry: list[tuple[Cap, str]], draft: Draft) -> tuple[Obstacle, ...]:
    """Which caps in dry run would have stopped the call; a wait for other calls stops nothing."""
    if draft.worst_nano_usd is None:
        return tuple(obstacle_of(connection, cap, key, Refusal.UNPRICED) for cap, key in dry)
    found = obstacles_to(connection, dry, draft.worst_nano_usd)
    return tuple(one for one in found if one.refusal is Refusal.EXHAUSTED)


def _write_reservation(connection: Connection, draft: Draft, holding: Holding) -> None:
    row = {
        **draft_columns(draft),
        "instance_id": holding.instance_id,
        "state": ReservationState.HELD,
        "reserved_at": draft.at,
        "is_of_team": draft.is_of_team,
    }
    _RESERVE.run(connection, row)
    if holding.windows:
        _NOTE_HOLDS.run_many(
            connection,
            [{"call_id": draft.call_id, "cap_id": cap.cap_id, "window_key": key} for cap, key in holding.windows],
        )
