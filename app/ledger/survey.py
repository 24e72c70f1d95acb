"""One look at the ledger on behalf of all calls that wait: which of them could go on now.

A call that waits is not tried again for every commit of anybody: with five hundred waiting that would keep the writer
busy with nothing else. Two or three reads tell for all of them together.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.core.reservations import CapWindow, Draft, Obstacle, Refusal
from app.ledger.approval_store import answer_by_default, open_questions
from app.ledger.key_store import ended_keys
from app.ledger.loop_store import standing_loops
from app.ledger.meter_state import paused
from app.ledger.obstacles import totals_of
from app.ledger.raise_store import end_raises
from app.ledger.session_store import stopped_sessions_now
from app.ledger.waiting_line import places


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that waits, and what it met last: obstacles, an open question, or, with neither, a pause of
    everything or of its session.

    `hold_nano_usd` is what it tried to hold.
    """

    draft: Draft
    obstacles: tuple[Obstacle, ...]
    question: str
    hold_nano_usd: int

    @property
    def is_about_clock(self) -> bool:
        """Whether it waits until the clock is right again, or said to be. It is met before any cap, and so alone."""
        return bool(self.obstacles) and self.obstacles[0].refusal is Refusal.CLOCK


def worth_a_look(connection: Connection, instance_id: str, waiting: Sequence[Waiting], now: datetime) -> frozenset[str]:
    """The ids of calls that something has changed for. Gives default answers and ends raises that are due."""
    answer_by_default(connection, instance_id, now)
    end_raises(connection, now)
    open_ones = open_questions(connection, instance_id)
    loops = standing_loops(connection) if any(_is_about_loop(one) for one in waiting) else frozenset[str]()
    by_order = {one.session: one.is_pause for one in stopped_sessions_now(connection)}
    ended = ended_keys(connection, {one.draft.tags.virtual_key_id for one in waiting}, now)
    is_paused = paused(connection)
    found, left = set(), []
    for one in waiting:
        tags, is_answered = one.draft.tags, one.question != "" and one.question not in open_ones
        is_over = by_order.get(tags.session) is False or tags.virtual_key_id in ended
        is_held = is_paused or by_order.get(tags.session) is True
        is_free = not one.obstacles or (_is_about_loop(one) and one.obstacles[0].window_key not in loops)
        if is_answered or is_over or (is_free and not is_held):
            found.add(one.draft.call_id)
        elif one.obstacles and not is_held and not _is_about_loop(one) and not one.is_about_clock:
            left.append(one)
    return frozenset(found | _with_room(connection, instance_id, left, now))


def _is_about_loop(one: Waiting) -> bool:
    """A loop is met before any cap is asked, so it stands in the way alone."""
    return bool(one.obstacles) and one.obstacles[0].refusal is Refusal.LOOP


def _with_room(connection: Connection, instance_id: str, waiting: list[Waiting], now: datetime) -> set[str]:
    """Calls that would find another state of their windows than they met, no more of them than there is money for."""
    rows = totals_of(connection, {obstacle.window for one in waiting for obstacle in one.obstacles})
    place = places(connection, instance_id)
    taken: Counter[CapWindow] = Counter()
    closed: set[CapWindow] = set()
    found = set()
    for one in sorted(waiting, key=lambda one: place.get(one.draft.call_id, 0)):
        windows = {obstacle.window for obstacle in one.obstacles}
        if any(_has_changed(obstacle, rows.get(obstacle.window), one, now) for obstacle in one.obstacles):
            found.add(one.draft.call_id)
        elif any(obstacle.refusal is not Refusal.CONTENDED for obstacle in one.obstacles):
            continue
        elif not windows & closed and all(_fits(rows[key], taken[key], one.hold_nano_usd) for key in windows):
            found.add(one.draft.call_id)
            taken.update(dict.fromkeys(windows, one.hold_nano_usd))
        else:
            closed |= windows
    return found


def _has_changed(obstacle: Obstacle, row: Any, one: Waiting, now: datetime) -> bool:
    """Whether a window is over or gone, or a call would meet another kind of obstacle in it."""
    if row is None or (obstacle.resets_at is not None and obstacle.resets_at <= now):
        return True
    has_other_limit = row.limit_nano_usd != obstacle.limit_nano_usd
    is_used_up = row.posted_nano_usd + one.hold_nano_usd > row.limit_nano_usd
    if obstacle.refusal is Refusal.CONTENDED:
        return bool(is_used_up)
    return bool(has_other_limit or (obstacle.refusal is Refusal.EXHAUSTED and not is_used_up))


def _fits(row: Any, taken: int, hold: int) -> bool:
    return bool(row.posted_nano_usd + row.held_nano_usd + taken + hold <= row.limit_nano_usd)
