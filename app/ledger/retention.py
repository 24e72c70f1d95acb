"""Dropping calls that are older than a person keeps, a few at a time, and making the file smaller.

The sums by quarter of an hour stay, so the spend of past months does. What cannot be told from sums is kept whatever
its age: calls that are not summed yet, calls whose cost is unknown or uncertain, calls of a session that goes on, calls
that a team was not told of, and, while a cap on a model counts for ever, those answered by another model than was
asked for.
"""

import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, exists, func, or_, select

from app.core.errors import DiskFull, InvalidInput, LedgerError
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger import places
from app.ledger.database_errors import explained
from app.ledger.dropped import note_kept_since
from app.ledger.engine import Ledger
from app.ledger.file_lock import one_at_a_time
from app.ledger.input_tables import call_inputs
from app.ledger.instants import QUARTER
from app.ledger.loop_tables import loops
from app.ledger.meter_state import running_meter
from app.ledger.rollup import THROUGH, roll_up
from app.ledger.tables import EPOCH, calls, caps, holds, reservations
from app.ledger.team_tables import team_outbox
from app.ledger.tool_tables import tool_calls

AT_ONCE = 200
BREATH_S = 0.1
_ROLLED_AT_ONCE = 1_000
_OUT_OF_ORDER = 1_000


@dataclass(frozen=True, slots=True)
class Compacted:
    """How many calls were dropped, and the file's size before and after."""

    dropped: int
    bytes_before: int
    bytes_after: int


def limit_of(now: datetime, days: int) -> datetime:
    """The instant before which calls are dropped: the beginning of a quarter of an hour."""
    return EPOCH + QUARTER * ((now - timedelta(days=days) - EPOCH) // QUARTER)


def droppable(ledger: Ledger, before: datetime, after_row: int, most: int = AT_ONCE) -> list[int]:
    """The row ids of the next calls after a row that may be dropped. Raises LedgerError."""
    same = calls.alias("same")
    goes_on = exists().where(same.c.session == calls.c.session, same.c.started_at >= before)
    model = func.coalesce(func.nullif(calls.c.response_model, ""), calls.c.request_model)
    endless = exists().where(caps.c.scope == Scope.MODEL, caps.c.window_kind == Window.TOTAL)
    old = (
        select(calls.c.row_id)
        .where(
            calls.c.row_id > after_row,
            calls.c.row_id <= func.min(THROUGH, _last_before(before)),
            calls.c.started_at < before,
            calls.c.charged_nano_usd == calls.c.cost_nano_usd,
            or_(calls.c.session == "", ~goes_on),
            or_(model == calls.c.request_model, ~endless),
            calls.c.call_id.not_in(select(team_outbox.c.call_id)),
        )
        .order_by(calls.c.row_id)
        .limit(most)
    )
    with ledger.read() as connection:
        return list(connection.execute(old).scalars())


def _last_before(instant: datetime) -> Any:
    """The row id after which no call is looked for that began before an instant. Calls are written as they end, nearly
    in the order they began: one that was written later than the next thousand is found when the limit has moved on."""
    newest = select(calls.c.row_id).where(calls.c.started_at < instant).order_by(calls.c.started_at.desc())
    some = newest.limit(_OUT_OF_ORDER).subquery()
    return select(func.max(some.c.row_id)).scalar_subquery()


def drop(connection: Connection, before: datetime, rows: list[int]) -> None:
    """Drop these calls, with what was held for them and the tools they asked for, and loops that were over before."""
    ids = select(calls.c.call_id).where(calls.c.row_id.in_(rows))
    for table in (call_inputs, tool_calls, holds, reservations):
        connection.execute(delete(table).where(table.c.call_id.in_(ids)))
    connection.execute(delete(calls).where(calls.c.row_id.in_(rows)))
    connection.execute(delete(loops).where(loops.c.seen_at < before))
    note_kept_since(connection, before)


def compact(ledger: Ledger, now: datetime, retention_days: int) -> Compacted:
    """Sum, drop what is too old, and write the file anew without the room that nothing takes any more. Raises
    InvalidInput while a meter runs, and LedgerError."""
    if running_meter(ledger) is not None:
        raise InvalidInput("A meter is running", "The ledger is made smaller while none is. Stop it first.")
    before = _size(ledger.path)
    try:
        with one_at_a_time(places.upkeep_lock(ledger.path), 0) as is_ours:
            if not is_ours:
                raise LedgerError("The ledger is being looked after", "A backup is being made. Try again soon.")
            dropped = _drop_all(ledger, limit_of(now, retention_days)) if retention_days else 0
            _write_anew(ledger.path)
    except OSError as error:
        raise LedgerError("The ledger cannot be made smaller", f"{error.strerror}: {error.filename}.") from None
    return Compacted(dropped, before, _size(ledger.path))


def _size(path: Path) -> int:
    files = (path, places.beside(path, "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _drop_all(ledger: Ledger, before: datetime) -> int:
    rolled = 1
    while rolled:
        with ledger.write() as connection:
            rolled = roll_up(connection, _ROLLED_AT_ONCE)
    dropped, last = 0, 0
    while rows := droppable(ledger, before, last):
        with ledger.write() as connection:
            drop(connection, before, rows)
        dropped, last = dropped + len(rows), rows[-1]
        time.sleep(0)  # whoever waits to write comes first
    return dropped


def _write_anew(path: Path) -> None:
    needed = 2 * path.stat().st_size
    if shutil.disk_usage(path.parent).free < needed:
        message = f"{path.parent} needs {needed // 2**20 + 1} MB for a while. Free some space."
        raise DiskFull("There is no room to make the ledger smaller", message)
    with explained(), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
