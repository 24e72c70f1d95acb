"""The line of calls that wait for money which other calls hold: first come, first served, and each session its share.

A call's place is its ticket, plus a few steps back for each call that its session has in line or on its way already.
So a session with one call goes before the tenth of another; and since tickets only grow, no more than those few steps
of later calls can ever overtake anyone. The line is in the ledger, so it holds between meters too; a place not claimed
within its time, because its meter died, holds nobody up.
"""

import json
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, tuple_, update

from app.core.reservations import CapWindow, Draft, ReservationState
from app.ledger.kept_reads import kept
from app.ledger.limit_tables import line, line_windows
from app.ledger.obstacles import GIVEN_WINDOWS
from app.ledger.statement import Statement
from app.ledger.tables import reservations

SHARE_STEPS = 4
"""Places that each other call of the same session costs."""

_ANYBODY = Statement(select(line.c.ticket).where(line.c.ticket > 0).limit(1))
_PLACE = Statement(select(line.c.place).where(line.c.call_id == bindparam("of_call")))
_LEAVE = Statement(delete(line).where(line.c.call_id == bindparam("of_call")))
_OTHERS = (
    select(line_windows.c.cap_id, line_windows.c.window_key)
    .join(line, line.c.call_id == line_windows.c.call_id)
    .where(
        tuple_(line_windows.c.cap_id, line_windows.c.window_key).in_(GIVEN_WINDOWS),
        line.c.expires_at > bindparam("now", type_=line.c.expires_at.type),
        line.c.call_id != bindparam("of_call"),
    )
)
_AHEAD = Statement(_OTHERS.where(line.c.place < bindparam("mine")))
_NEWEST = select(func.max(line.c.ticket)).scalar_subquery()
_AHEAD_OF_NEWCOMER = Statement(_OTHERS.where(or_(line.c.place <= _NEWEST, line.c.share_key == bindparam("of_share"))))


def windows_ahead(connection: Connection, draft: Draft, windows: list[CapWindow]) -> frozenset[CapWindow]:
    """The windows among these in which somebody else is served first.

    A call that is not in line yet is behind all whose place is due, and behind its own session's calls.
    """
    if not windows or not _is_anybody(connection):
        return frozenset()
    asked = {"windows": json.dumps(windows), "now": draft.at, "of_call": draft.call_id}
    mine = _PLACE.value(connection, {"of_call": draft.call_id})
    if mine is None:
        found = _AHEAD_OF_NEWCOMER.rows(connection, asked | {"of_share": draft.share_key})
    else:
        found = _AHEAD.rows(connection, asked | {"mine": mine})
    return frozenset((row.cap_id, row.window_key) for row in found)


def join_line(
    connection: Connection, draft: Draft, instance_id: str, windows: list[CapWindow], until: datetime
) -> None:
    """Take a place, or keep it, waiting for room in these windows. The place is lost at `until`."""
    held = connection.execute(select(line.c.call_id).where(line.c.call_id == draft.call_id)).first()
    if held is None:
        back = SHARE_STEPS * _calls_of_session(connection, draft)
        taken = insert(line).values(
            call_id=draft.call_id, instance_id=instance_id, share_key=draft.share_key, place=0, expires_at=until
        )
        ticket = connection.execute(taken.returning(line.c.ticket)).scalar_one()
        connection.execute(update(line).where(line.c.ticket == ticket).values(place=ticket + back))
    known = select(line_windows.c.cap_id, line_windows.c.window_key).where(line_windows.c.call_id == draft.call_id)
    if {(row.cap_id, row.window_key) for row in connection.execute(known)} != set(windows):
        connection.execute(delete(line_windows).where(line_windows.c.call_id == draft.call_id))
        rows = [{"cap_id": cap_id, "window_key": key, "call_id": draft.call_id} for cap_id, key in windows]
        connection.execute(insert(line_windows), rows)


def leave_line(connection: Connection, call_id: str) -> None:
    """Give up a place: the call goes, or will not."""
    if _is_anybody(connection) and _LEAVE.run(connection, {"of_call": call_id}):
        connection.execute(delete(line_windows).where(line_windows.c.call_id == call_id))


def clear_line(connection: Connection, instance_id: str, now: datetime) -> None:
    """Give up the places of a meter that is gone, and those whose time is over."""
    over = or_(line.c.instance_id == instance_id, line.c.expires_at <= now)
    gone = connection.execute(select(line.c.call_id).where(over)).scalars().all()
    for call_id in gone:
        leave_line(connection, call_id)


def places(connection: Connection, instance_id: str) -> dict[str, int]:
    """The places of one meter's calls by their ids."""
    mine = select(line.c.call_id, line.c.place).where(line.c.instance_id == instance_id)
    return {row.call_id: row.place for row in connection.execute(mine)}


def _is_anybody(connection: Connection) -> bool:
    return kept(connection, "line", lambda: _ANYBODY.first(connection, {}) is not None)


def _calls_of_session(connection: Connection, draft: Draft) -> int:
    """How many calls of the same session wait or are on their way."""
    waiting = select(func.count()).select_from(line).where(line.c.share_key == draft.share_key)
    column = reservations.c.session if draft.tags.session else reservations.c.virtual_key_id
    running = (
        select(func.count())
        .select_from(reservations)
        .where(reservations.c.state == ReservationState.HELD, column == draft.share_key)
    )
    return int(connection.execute(waiting).scalar_one()) + int(connection.execute(running).scalar_one())
