"""Putting a ledger back: the newest sound backup, and over it whatever the damaged ledger still tells.

What is not known is never taken for nothing: a call whose reservation says that it was sent, and which cannot be read,
is charged at the most it could cost, as for a meter that died. The new file appears whole, under the ledger's name, and
running meters and trays take it up; the damaged one is kept.
"""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, select, update

from app.core.errors import InvalidInput, LedgerDamaged, LedgerError, LedgerGone
from app.core.reservations import ReservationState
from app.ledger import places
from app.ledger.backups import newest_sound
from app.ledger.cap_store import read_caps
from app.ledger.engine import open_ledger
from app.ledger.file_lock import is_held, one_at_a_time
from app.ledger.quarantine import mark_seen_to, newest_aside, set_aside
from app.ledger.salvage import Salvage, lay_over
from app.ledger.settlement import abandon
from app.ledger.soundness import Soundness, full_check
from app.ledger.tables import calls, caps, reservations
from app.ledger.verification import repair_ledger

_BUILDING = ".restoring"
_NO_BACKUP = "Nothing that can be put back was found. To begin an empty ledger, in which every cap starts from $0:"


class NothingToRestore(LedgerError):
    """Neither a backup nor anything of the ledger itself is there."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back. `backup` is the file it stands on, None for an empty one; `damaged` the folder where what was
    there before is kept. `recovered_calls` came after the backup; `assumed_calls` are charged at the most they could
    cost, since no more is known of them. `missing_from` and `missing_until` bound the time that calls may be missing
    of; None where none are.
    """

    backup: Path | None
    damaged: Path | None
    calls: int
    recovered_calls: int
    assumed_calls: int
    missing_from: datetime | None
    missing_until: datetime | None


def restore_ledger(path: Path, now: datetime, *, backup: Path | None = None, is_empty: bool = False) -> Restored:
    """Put the ledger at `path` back, on `backup` or the newest one that is sound. `is_empty` begins anew where there is
    nothing. Raises InvalidInput for a ledger that is sound, and LedgerError where it cannot be done."""
    try:
        with one_at_a_time(places.upkeep_lock(path), 0) as is_ours:
            if not is_ours:
                raise LedgerError("The ledger is being looked after", "A backup is being made. Try again soon.")
            return _restore(path.resolve(), now, backup, is_empty)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise LedgerError("The ledger cannot be put back", f"{why}: {error.filename}.") from None


def restored_words(restored: Restored) -> list[str]:
    """What was put back and what is missing, as sentences for a person."""
    ground = f"the backup {restored.backup.name}" if restored.backup else "an empty ledger"
    told = [f"The ledger is back, on {ground}: {restored.calls} calls."]
    if restored.damaged is not None:
        told.append(f"{restored.recovered_calls} of them were read from the damaged one, kept in {restored.damaged}.")
    if restored.assumed_calls:
        told.append(f"{restored.assumed_calls} are charged at the most they could cost: no more is known of them.")
    if restored.missing_until is None:
        told.append("Nothing is missing." if restored.damaged is not None else "Nothing was there before.")
    else:
        since = f"{restored.missing_from:%Y-%m-%d %H:%M}" if restored.missing_from else "the beginning"
        told.append(f"Calls may be missing from {since} to {restored.missing_until:%Y-%m-%d %H:%M} UTC.")
    return told


def _restore(path: Path, now: datetime, backup: Path | None, is_empty: bool) -> Restored:
    _refuse_sound(path)
    if backup is not None and full_check(backup) is not Soundness.SOUND:
        raise LedgerDamaged("This backup is damaged", f"{backup} cannot be put back. Name another one.")
    found = None if backup is not None else newest_sound(path)
    base = found.file if found else backup
    aside = set_aside(path, now) or newest_aside(path)
    damaged = aside / path.name if aside and (aside / path.name).exists() else None
    if base is None and damaged is None and not is_empty:
        raise NothingToRestore("There is no backup", f"{_NO_BACKUP} bursar ledger restore --empty.")
    building = places.beside(path, _BUILDING)
    try:
        restored = _build(path, building, base, damaged, now)
        if base is None and not restored.calls and not is_empty:
            raise NothingToRestore("There is no backup", f"{_NO_BACKUP} bursar ledger restore --empty.")
        if full_check(building) is not Soundness.SOUND:
            raise LedgerDamaged("The ledger cannot be put back", "What was written is not sound. Check the disk.")
        building.replace(path)
    finally:
        for remains in (building, places.beside(building, "-wal"), places.beside(building, "-shm")):
            remains.unlink(missing_ok=True)
    if aside is not None:
        mark_seen_to(aside)
    return restored


def _refuse_sound(path: Path) -> None:
    if not places.is_lost(path) and path.exists() and full_check(path) is Soundness.SOUND and _holds_something(path):
        raise InvalidInput("The ledger is sound", "There is nothing to restore. See: bursar ledger verify.")


def _holds_something(path: Path) -> bool:
    """Whether it is more than a blank: all that was in it may have stood in a WAL that is gone. Raises LedgerError."""
    try:
        open_ledger(path).close()
    except LedgerGone:
        return False
    return True


def _build(path: Path, building: Path, base: Path | None, damaged: Path | None, now: datetime) -> Restored:
    building.unlink(missing_ok=True)
    if base is not None:
        shutil.copyfile(base, building)
        building.chmod(0o600)
    ledger = open_ledger(building, is_first=True)
    try:
        salvaged = lay_over(ledger, damaged) if damaged is not None else None
        with ledger.write() as connection:
            assumed = _reopen_unknown(connection)
        repair_ledger(ledger)
        with ledger.write() as connection:
            _abandon_dead(connection, path, now)
            since, until = _missing(connection, salvaged, now) if base or damaged else (None, None)
            count = connection.execute(select(func.count()).select_from(calls)).scalar_one()
    finally:
        ledger.close()
    recovered = salvaged.calls if salvaged is not None else 0
    return Restored(base, damaged.parent if damaged else None, count, recovered, assumed, since, until)


def _reopen_unknown(connection: Connection) -> int:
    """Take calls that were sent, and whose row is lost, as still on their way; and have each window counted anew when
    it is next opened. Returns how many."""
    ended = reservations.c.state.in_([ReservationState.POSTED, ReservationState.UNCERTAIN])
    lost = ended & reservations.c.call_id.not_in(select(calls.c.call_id))
    connection.execute(update(caps).values(counted_at=None, counted_until=None))
    return connection.execute(update(reservations).where(lost).values(state=ReservationState.HELD)).rowcount


def _abandon_dead(connection: Connection, path: Path, now: datetime) -> None:
    """Charge what is on its way at no meter that lives."""
    held = reservations.c.state == ReservationState.HELD
    for instance in connection.execute(select(reservations.c.instance_id).where(held).distinct()).scalars().all():
        if not is_held(places.meters_folder(path) / instance):
            abandon(connection, read_caps(connection), instance, now)


def _missing(
    connection: Connection, salvaged: Salvage | None, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """The time that calls may be missing of: around the rows that could not be read, or since the newest call."""
    if salvaged is not None and not salvaged.unread:
        return None, None
    ended = select(calls.c.started_at).order_by(calls.c.row_id.desc()).limit(1)
    if salvaged is None:
        return connection.execute(ended).scalar_one_or_none(), now
    first, last = salvaged.unread[0][0], salvaged.unread[-1][1]
    before = connection.execute(ended.where(calls.c.row_id < first)).scalar_one_or_none()
    after = select(calls.c.started_at).where(calls.c.row_id > last).order_by(calls.c.row_id).limit(1)
    return before, connection.execute(after).scalar_one_or_none() or now
