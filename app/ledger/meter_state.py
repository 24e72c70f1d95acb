"""The running meters and the switches a person sets for them.

Whether a meter lives is told by a lock on a file of its own, which the operating system drops the moment it dies; a row
or a heartbeat could lie. The tray asks a meter to stop by a column, since the two meet only in the ledger.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from app.ledger import places
from app.ledger.engine import Ledger
from app.ledger.file_lock import HeldLock, is_held
from app.ledger.identifiers import new_id
from app.ledger.kept_reads import kept
from app.ledger.statement import Statement
from app.ledger.tables import instances, switches

PAUSED = "paused"
_STOP_REQUESTED = Statement(
    select(instances.c.stop_requested_at).where(instances.c.instance_id == bindparam("of_instance"))
)
_PAUSE = Statement(select(switches).where(switches.c.name == PAUSED))
_IS_PAUSED = Statement(select(switches.c.is_on).where(switches.c.name == PAUSED))


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter that was started on this ledger. `gateway_url` and `forward_url` are where agents reach it.
    `is_asked_to_stop`: it ends soon, or has."""

    instance_id: str
    pid: int
    gateway_url: str
    forward_url: str
    started_at: datetime
    is_alive: bool
    is_asked_to_stop: bool = False


class InstanceLock:
    """The lock a meter holds as long as it lives. Keep the object: the lock goes with it."""

    def __init__(self, ledger: Ledger) -> None:
        self.instance_id = new_id()
        self._lock = HeldLock(_lock_path(ledger, self.instance_id))

    def release(self) -> None:
        """Give the lock up: this meter is gone."""
        self._lock.release()


def register_meter(
    ledger: Ledger, instance_id: str, gateway_url: str, forward_url: str, *, pid: int | None = None
) -> None:
    """Say that a meter listens, as process `pid` or else this one; nothing is said twice. Rows of meters that were
    started earlier stay as they are."""
    values = {"pid": pid or os.getpid(), "gateway_url": gateway_url, "forward_url": forward_url}
    row = upsert(instances).values(instance_id=instance_id, started_at=datetime.now(UTC), **values)
    with ledger.write() as connection:
        connection.execute(row.on_conflict_do_nothing())


def mark_stopped(connection: Connection, instance_id: str, now: datetime) -> None:
    """Say that a meter has ended and that its reservations are seen to."""
    connection.execute(update(instances).where(instances.c.instance_id == instance_id).values(stopped_at=now))


def running_meter(ledger: Ledger) -> Meter | None:
    """The newest meter whose lock is held, or None."""
    return next((meter for meter in unfinished_meters(ledger) if meter.is_alive), None)


def meter_at(ledger: Ledger, gateway_url: str) -> Meter | None:
    """The newest meter that was ever started at this address, whether or not it lives; None when there was none."""
    newest = select(instances).where(instances.c.gateway_url == gateway_url).order_by(instances.c.started_at.desc())
    with ledger.read() as connection:
        row = connection.execute(newest.limit(1)).mappings().one_or_none()
    return None if row is None else _meter_of(ledger, row)


def is_alive(ledger: Ledger, instance_id: str) -> bool:
    """Whether this meter's process lives. Asks the operating system, not the ledger."""
    return is_held(_lock_path(ledger, instance_id))


def unfinished_meters(ledger: Ledger) -> list[Meter]:
    """Meters not marked as stopped, newest first: those that run, and those that died and wait for recovery."""
    unfinished = select(instances).where(instances.c.stopped_at.is_(None)).order_by(instances.c.started_at.desc())
    with ledger.read() as connection:
        rows = connection.execute(unfinished).mappings().all()
    return [_meter_of(ledger, row) for row in rows]


def request_stop(ledger: Ledger, instance_id: str) -> None:
    """Ask a meter to finish the calls it has and end."""
    with ledger.write() as connection:
        connection.execute(
            update(instances).where(instances.c.instance_id == instance_id).values(stop_requested_at=datetime.now(UTC))
        )


def stop_requested(connection: Connection, instance_id: str) -> bool:
    """Whether somebody asked this meter to end."""
    return _STOP_REQUESTED.value(connection, {"of_instance": instance_id}) is not None


def paused(connection: Connection) -> bool:
    """Whether a person paused everything, within a transaction at hand."""
    return kept(connection, PAUSED, lambda: bool(_IS_PAUSED.value(connection, {})))


def is_paused(ledger: Ledger) -> bool:
    """Whether a person paused everything."""
    with ledger.read() as connection:
        return paused(connection)


def cuts_everything(connection: Connection) -> bool:
    """Whether a person paused everything and wants running answers cut too, within a transaction at hand."""
    row = _PAUSE.first(connection, {})
    return row is not None and row.is_on and row.cuts_streams


def pause_everything(ledger: Ledger, by: str, *, cuts_streams: bool = False) -> None:
    """Let no further call be sent, until `resume`. Calls that come wait; running answers end at once if asked."""
    _switch(ledger, is_on=True, by=by, cuts_streams=cuts_streams)


def resume(ledger: Ledger, by: str) -> None:
    """Let calls be sent again."""
    _switch(ledger, is_on=False, by=by)


def _switch(ledger: Ledger, *, is_on: bool, by: str, cuts_streams: bool = False) -> None:
    values = {"is_on": is_on, "changed_at": datetime.now(UTC), "changed_by": by, "cuts_streams": cuts_streams}
    with ledger.write() as connection:
        connection.execute(
            upsert(switches).values(name=PAUSED, **values).on_conflict_do_update(index_elements=["name"], set_=values)
        )


def _meter_of(ledger: Ledger, row: Any) -> Meter:
    return Meter(
        instance_id=row["instance_id"],
        pid=row["pid"],
        gateway_url=row["gateway_url"],
        forward_url=row["forward_url"],
        started_at=row["started_at"],
        is_alive=is_alive(ledger, row["instance_id"]),
        is_asked_to_stop=row["stop_requested_at"] is not None,
    )


def _lock_path(ledger: Ledger, instance_id: str) -> Path:
    return places.meters_folder(ledger.path) / instance_id
