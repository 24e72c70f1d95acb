"""Loops that were found, whether they stand in the way of a call, and what people said to them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, select, update

from app.core.errors import InvalidInput
from app.core.loops import (
    LOOP_CAP_ID,
    Finding,
    LoopKind,
    LoopLevel,
    loop_sentence,
    loop_words,
)
from app.core.reservations import CapWindow, Draft, Obstacle, Refusal
from app.core.tags import Tags
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.kept_reads import kept
from app.ledger.loop_tables import loops
from app.ledger.rows import payer_columns, tags_of
from app.ledger.statement import Statement, insertion

FOR_GOOD = 2**62
"""A count that none reaches."""

_L = loops.c
_OF_ONE = (
    _L.virtual_key_id == bindparam("of_key"),
    _L.session == bindparam("of_session"),
    _L.agent_id == bindparam("of_agent"),
)
_SAME = Statement(select(loops).where(*_OF_ONE, _L.kind == bindparam("of_kind"), _L.mark == bindparam("of_mark")))
_STANDING = Statement(
    select(loops)
    .where(_L.virtual_key_id == bindparam("of_key"), _L.session == bindparam("of_session"), _L.stands)
    .order_by(_L.found_at)
)
_OPEN = Statement(select(_L.loop_id, _L.kind, _L.mark).where(*_OF_ONE, _L.stands))
_WRITE = Statement(insert(loops), insertion(loops))


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop as it stands in the ledger: what was found, who is in it, when it began to be one and was seen last.

    `told_at` is when it became worth telling a person, None while it is only noted. `stands`: its session's next call
    waits or is refused. `was_let_go`: a person let it go on.
    """

    loop_id: str
    finding: Finding
    tags: Tags
    agent_id: str
    call_id: str
    found_at: datetime
    seen_at: datetime
    told_at: datetime | None
    stands: bool
    was_let_go: bool


def note_loop(connection: Connection, finding: Finding, tags: Tags, agent_id: str, call_id: str, now: datetime) -> None:
    """Write a loop down, or that it goes on. One that begins anew counts, and speaks, from the beginning."""
    asked = _who(tags, agent_id) | {"of_kind": finding.kind, "of_mark": finding.mark}
    known = _SAME.mapping(connection, asked)
    values = _values(finding, None if known is None or finding.count < known["count"] else known, now)
    if known is not None:
        connection.execute(update(loops).where(_L.loop_id == known["loop_id"]).values(call_id=call_id, **values))
        return
    made = {"loop_id": new_id(), "kind": finding.kind, "mark": finding.mark, "agent_id": agent_id, "answered_by": ""}
    _WRITE.run(connection, values | made | payer_columns(tags) | {"call_id": call_id})


def _values(finding: Finding, before: Any, now: datetime) -> dict[str, Any]:
    """What changes as a loop goes on; `before` is its row, None where it begins."""
    quiet_until = None if before is None else before["quiet_until"]
    is_quiet = quiet_until is not None and finding.count < quiet_until
    told_at = None if before is None or (quiet_until is not None and not is_quiet) else before["told_at"]
    if told_at is None and not is_quiet and finding.level.rank >= LoopLevel.ALERT.rank:
        told_at = now
    return {
        "level": finding.level,
        "count": finding.count,
        "tools": " ".join(finding.tools),
        "cost_nano_usd": finding.cost_nano_usd,
        "usual": finding.usual,
        "seen_at": now,
        "found_at": now if before is None else before["found_at"],
        "told_at": told_at,
        "stands": finding.level.stops and not is_quiet,
        "quiet_until": quiet_until if is_quiet else None,
    }


def end_loops(connection: Connection, tags: Tags, agent_id: str, goes_on: Collection[tuple[LoopKind, str]]) -> int:
    """Let none of a conversation's loops stand any more, but those of a kind and mark that go on. Returns how many
    stood before."""
    standing = _OPEN.rows(connection, _who(tags, agent_id))
    for row in standing:
        if (LoopKind(row.kind), row.mark) not in goes_on:
            connection.execute(update(loops).where(_L.loop_id == row.loop_id).values(stands=False))
    return len(standing)


def loop_in_the_way(connection: Connection, draft: Draft, excused: frozenset[CapWindow]) -> Obstacle | None:
    """The loop that stands in the way of a call. One of tools stands in the way of calls that go on with tools, one of
    requests in that of the same request: whoever does something else may."""
    asked = {"of_key": draft.tags.virtual_key_id, "of_session": draft.tags.session}
    name = ("loops", *asked.values())
    standing = kept(connection, name, lambda: [loop_of(row) for row in _STANDING.mappings(connection, asked)])
    for loop in standing:
        if (LOOP_CAP_ID, loop.loop_id) not in excused and _goes_on(loop, draft):
            return _obstacle(loop)
    return None


def standing_loops(connection: Connection) -> frozenset[str]:
    """The ids of all loops that stand in the way of their sessions."""
    return frozenset(connection.execute(select(_L.loop_id).where(_L.stands)).scalars())


def quieten(connection: Connection, loop_id: str, by: str, *, for_good: bool = False) -> bool:
    """Let a loop go on until it has gone round twice as often, or for good. False when there is none of that id."""
    until = FOR_GOOD if for_good else _L.count * 2
    said = update(loops).where(_L.loop_id == loop_id).values(stands=False, quiet_until=until, answered_by=by)
    return connection.execute(said).rowcount > 0


def let_go_on(ledger: Ledger, loop_id: str, *, by: str, for_good: bool = False) -> None:
    """Let a loop go on until it has gone round twice as often, or for good. Raises InvalidInput."""
    with ledger.write() as connection:
        if not quieten(connection, loop_id, by, for_good=for_good):
            raise InvalidInput("No such loop", "See: bursar loops")


def list_loops(ledger: Ledger, since: datetime, *, project: str = "", session: str = "") -> list[Loop]:
    """Loops seen since then, the newest first; of one project or session where it is named."""
    named = [column == value for column, value in ((_L.project, project), (_L.session, session)) if value]
    return _read(ledger, _L.seen_at >= since, *named, newest_first=True)


def loops_told_after(ledger: Ledger, instant: datetime) -> list[Loop]:
    """Loops that became worth telling a person after that instant, oldest first."""
    return _read(ledger, _L.told_at > instant)


def loop_of(row: Any) -> Loop:
    """A loop, read from its row."""
    finding = Finding(
        kind=LoopKind(row["kind"]),
        level=LoopLevel(row["level"]),
        count=row["count"],
        mark=row["mark"],
        tools=tuple(row["tools"].split()),
        cost_nano_usd=row["cost_nano_usd"],
        usual=row["usual"],
    )
    whole = ("loop_id", "agent_id", "call_id", "found_at", "seen_at", "told_at", "stands")
    kept = {name: row[name] for name in whole}
    return Loop(finding=finding, tags=tags_of(row), was_let_go=row["quiet_until"] is not None, **kept)


def _read(ledger: Ledger, *where: ColumnElement[bool], newest_first: bool = False) -> list[Loop]:
    order = _L.seen_at.desc() if newest_first else _L.told_at
    with ledger.read() as connection:
        rows = connection.execute(select(loops).where(*where).order_by(order).limit(1_000)).mappings()
        return [loop_of(row) for row in rows]


def _who(tags: Tags, agent_id: str) -> dict[str, str]:
    return {"of_key": tags.virtual_key_id, "of_session": tags.session, "of_agent": agent_id}


def _goes_on(loop: Loop, draft: Draft) -> bool:
    if loop.finding.kind in (LoopKind.PACE, LoopKind.CALLS):
        return True
    if loop.agent_id != draft.origin.agent_id:
        return False
    if loop.finding.kind is LoopKind.REQUEST:
        return loop.finding.mark == draft.input_mark
    return draft.carries_results


def _obstacle(loop: Loop) -> Obstacle:
    return Obstacle(
        refusal=Refusal.LOOP,
        cap_id=LOOP_CAP_ID,
        cap_name=loop_words(loop.finding),
        window_key=loop.loop_id,
        asks_person=loop.finding.level is LoopLevel.PAUSE,
        spent_nano_usd=loop.finding.cost_nano_usd or 0,
        held_nano_usd=0,
        limit_nano_usd=0,
        resets_at=None,
        words=loop_sentence(loop.finding),
    )
