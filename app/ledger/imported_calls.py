"""Calls out of agents' logs: put in once whatever is read twice, and tied to the metered call that each of them is.

They stand in a table of their own, so no cap, total or sum of metered spend ever counts them. A log's call is the same
as a metered one when both name the same response. Logs that name none (Gemini CLI, opencode, Codex before 0.16x) are
tied by their counts and the time: the same provider and tokens, told while the metered call ran or within a minute of
its end; each metered call is taken once, the nearest first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from app.core.call import Call, Outcome
from app.core.history import LoggedCall
from app.ledger.dropped import kept_since
from app.ledger.engine import Ledger
from app.ledger.import_tables import imported_calls
from app.ledger.rows import call_columns
from app.ledger.tables import calls

_KEYS_AT_ONCE = 500
_EARLIER, _LATER = timedelta(seconds=5), timedelta(seconds=60)
_LONGEST_CALL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of calls that were put in: new, known but told more fully now, and known as they are."""

    new: int = 0
    grown: int = 0
    known: int = 0

    def plus(self, other: "Stored") -> "Stored":
        """Both together."""
        return Stored(self.new + other.new, self.grown + other.grown, self.known + other.known)


def store_calls(ledger: Ledger, logged: Sequence[LoggedCall]) -> Stored:
    """Put calls in. One that is there already is left alone, unless it is told with more output now: a log's first
    lines about an answer are written while it still grows. One from before the time that calls are kept of is left out:
    its metered twin may have been dropped, and stands in the sums."""
    with ledger.read() as connection:
        since = kept_since(connection)
    logged = [one for one in logged if since is None or one.call.started_at >= since]
    fullest: dict[str, LoggedCall] = {}
    for one in logged:
        seen = fullest.get(one.call.call_id)
        if seen is None or _output(one.call) > _output(seen.call):
            fullest[one.call.call_id] = one
    repeated = len(logged) - len(fullest)
    with ledger.write() as connection:
        known = _known_outputs(connection, list(fullest))
        new = [one for key, one in fullest.items() if key not in known]
        grown = [one for key, one in fullest.items() if key in known and _output(one.call) > known[key]]
        if new:
            connection.execute(insert(imported_calls), [_columns(one) for one in new])
        for one in grown:
            same = imported_calls.c.call_id == one.call.call_id
            connection.execute(update(imported_calls).where(same).values(**_told_later(one)))
    return Stored(len(new), len(grown), len(fullest) - len(new) - len(grown) + repeated)


def link_to_wire(ledger: Ledger, keys: Sequence[str]) -> int:
    """Tie these imported calls to the metered calls that they are. Returns how many were tied now."""
    return _link(ledger, imported_calls.c.call_id.in_(keys))


def link_since(ledger: Ledger, start: datetime) -> int:
    """Tie the imported calls of a recent time: a metered call may have ended after a log of it was read.

    Few rows, so that nobody who looks at the past keeps the meter from writing. Returns how many were tied now.
    """
    return _link(ledger, imported_calls.c.started_at >= start)


def _link(ledger: Ledger, which: ColumnElement[bool]) -> int:
    unlinked = which & (imported_calls.c.wire_call_id == "")
    with ledger.read() as connection:
        first = connection.execute(select(func.min(calls.c.started_at))).scalar_one_or_none()
        if first is None or not connection.execute(select(imported_calls.c.call_id).where(unlinked).limit(1)).first():
            return 0
    metered_then = unlinked & (imported_calls.c.started_at >= first - _EARLIER)
    with ledger.write() as connection:
        return _link_by_response(connection, metered_then) + _link_by_counts(connection, metered_then)


def _output(call: Call) -> int:
    return call.usage.output_tokens or 0


def _known_outputs(connection: Connection, keys: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = imported_calls.c.call_id.in_(keys[start : start + _KEYS_AT_ONCE])
        rows = connection.execute(select(imported_calls.c.call_id, imported_calls.c.output_tokens).where(some))
        found |= {key: output or 0 for key, output in rows}
    return found


def _columns(one: LoggedCall) -> dict[str, Any]:
    columns = call_columns(one.call, 0)
    del columns["charged_nano_usd"], columns["billing"]  # a log does not tell who was paid
    return columns | {"source": one.source, "wire_call_id": ""}


def _told_later(one: LoggedCall) -> dict[str, Any]:
    """What a fuller telling may change: not who paid, and not the tie to a metered call."""
    names = ("_tokens", "web_searches", "cost_nano_usd", "cost_basis", "price_version")
    return {name: value for name, value in _columns(one).items() if name.endswith(names)}


def _link_by_response(connection: Connection, unlinked: ColumnElement[bool]) -> int:
    twin = (
        select(func.min(calls.c.call_id))
        .where(calls.c.response_id == imported_calls.c.response_id, calls.c.response_id != "")
        .where(calls.c.outcome != Outcome.REFUSED)
        .scalar_subquery()
    )
    linked = (
        update(imported_calls)
        .where(unlinked, imported_calls.c.response_id != "", twin.is_not(None))
        .values(wire_call_id=twin)
    )
    return connection.execute(linked).rowcount


def _link_by_counts(connection: Connection, unlinked: ColumnElement[bool]) -> int:
    nameless = select(imported_calls).where(unlinked, imported_calls.c.response_id == "")
    linked = 0
    for row in connection.execute(nameless.order_by(imported_calls.c.started_at)).all():
        twin = _nearest(row, connection.execute(_candidates(row)).all())
        if twin:
            same = imported_calls.c.call_id == row.call_id
            connection.execute(update(imported_calls).where(same).values(wire_call_id=twin))
            linked += 1
    return linked


def _candidates(row: Any) -> Any:
    taken = select(imported_calls.c.wire_call_id).where(imported_calls.c.wire_call_id == calls.c.call_id)
    return select(calls.c.call_id, calls.c.started_at, calls.c.duration_ms).where(
        calls.c.started_at.between(row.started_at - _LONGEST_CALL, row.started_at + _EARLIER),
        calls.c.provider == row.provider,
        calls.c.outcome != Outcome.REFUSED,
        calls.c.input_tokens == row.input_tokens,
        calls.c.output_tokens == row.output_tokens,
        func.coalesce(calls.c.cache_read_tokens, 0) == (row.cache_read_tokens or 0),
        ~taken.exists(),
    )


def _nearest(row: Any, candidates: Iterable[Any]) -> str:
    """The candidate that ended, or began, nearest to what the log says; empty where none was running then."""
    best, best_gap = "", _LONGEST_CALL
    for candidate in candidates:
        ended = candidate.started_at + timedelta(milliseconds=candidate.duration_ms or 0)
        gap = min(abs(row.started_at - candidate.started_at), abs(row.started_at - ended))
        if row.started_at <= ended + _LATER and gap < best_gap:
            best, best_gap = candidate.call_id, gap
    return best
