"""Backups of the ledger: one a day and one before each migration, verified before they count, the newest few kept.

The copy is SQLite's own online backup, a few hundred pages at a time with pauses, of one picture of the ledger that a
read transaction holds: writers go on meanwhile. It appears under its name only once it is on the disk and sound. One
process at a time works on it: tray, meter and command line hold the same lock.
"""

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.core.errors import DiskFull, LedgerDamaged, LedgerError
from app.ledger import places
from app.ledger.database_errors import explained
from app.ledger.file_lock import one_at_a_time
from app.ledger.soundness import Soundness, quick_check

KEPT = 7
KEPT_BEFORE_MIGRATION = 2
EVERY = timedelta(days=1)
PAGES_AT_ONCE = 256
BREATH_S = 0.005
"""After each 256 pages, a MiB: a copy of a GiB takes some ten seconds longer for it, and calls do not notice."""
_FLUSHED_PAGES = 16 * PAGES_AT_ONCE
_ROOM_LEFT_BYTES = 16 * 2**20
_NAME = re.compile(r"-(\d{8}T\d{6}Z)(?:-before-v(\d+))?\.sqlite")


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup. `before_version` is the schema version that was about to come, 0 for a daily one."""

    file: Path
    made_at: datetime
    before_version: int
    size_bytes: int


def list_backups(path: Path) -> list[Backup]:
    """The backups of the ledger at `path`, newest first. Raises LedgerError."""
    try:
        found = [_backup_of(path, file) for file in places.backups_folder(path).glob(f"{path.stem}-*.sqlite")]
    except OSError as error:
        raise _unwritable(error) from None
    return sorted((one for one in found if one is not None), key=lambda one: one.made_at, reverse=True)


def back_up(path: Path, now: datetime, *, kept: int = KEPT) -> Backup:
    """Make a backup now and drop the oldest beyond `kept`. Raises LedgerError, also while another is being made."""
    try:
        with one_at_a_time(places.upkeep_lock(path), 0) as is_ours:
            if not is_ours:
                raise LedgerError("The ledger is being looked after", "Another backup is being made. Try again soon.")
            return _make(path, now, kept, lambda: True)
    except OSError as error:
        raise _unwritable(error) from None


def back_up_if_due(
    path: Path, now: datetime, *, kept: int = KEPT, is_wanted: Callable[[], bool] = lambda: True
) -> Backup | None:
    """The same once a day; None when it is not due or somebody else is at it. Broken off as soon as it is not wanted
    any more. Raises LedgerError."""
    try:
        with one_at_a_time(places.upkeep_lock(path), 0) as is_ours:
            if not is_ours or not _is_due(path, now) or places.is_lost(path):
                return None
            return _make(path, now, kept, is_wanted)
    except OSError as error:
        raise _unwritable(error) from None


def back_up_before_migration(path: Path, version: int) -> None:
    """Keep the ledger of an older schema version. To be called while nobody else writes. Raises LedgerError."""
    try:
        _write(path, datetime.now(UTC), before_version=version + 1)
        older = [one for one in list_backups(path) if one.before_version]
        for one in older[KEPT_BEFORE_MIGRATION:]:
            one.file.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(error) from None


def newest_sound(path: Path) -> Backup | None:
    """The newest backup that is whole; None when there is none. Reads it all. Raises LedgerError."""
    return next((one for one in list_backups(path) if quick_check(one.file) is Soundness.SOUND), None)


def _is_due(path: Path, now: datetime) -> bool:
    """Never by a backup of the future: a clock may have been set back."""
    made = next((one.made_at for one in list_backups(path) if not one.before_version and one.made_at <= now), None)
    return path.exists() and (made is None or now - made >= EVERY)


def _make(path: Path, now: datetime, kept: int, is_wanted: Callable[[], bool]) -> Backup:
    def breathe() -> None:
        if not is_wanted():
            raise LedgerError("The backup was broken off", "It is made again another time.")
        time.sleep(BREATH_S)

    made = _write(path, now, breathe=breathe)
    daily = [one for one in list_backups(path) if not one.before_version]
    for one in daily[kept:]:
        one.file.unlink(missing_ok=True)
    return made


def _write(path: Path, now: datetime, *, before_version: int = 0, breathe: Callable[[], None] = lambda: None) -> Backup:
    folder = places.backups_folder(path)
    folder.mkdir(mode=0o700, exist_ok=True)
    mark = f"-before-v{before_version}" if before_version else ""
    file = folder / f"{path.stem}-{now:%Y%m%dT%H%M%SZ}{mark}.sqlite"
    _clear_remains(folder)
    partial = folder / f".{file.name}.partial"
    try:
        with explained():
            _refuse_without_room(path, folder)
            os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            _copy(path, partial, breathe)
        _verify(path, partial)
        partial.replace(file)
        _flush(folder)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return Backup(file, now.replace(microsecond=0), before_version, file.stat().st_size)


def _copy(path: Path, partial: Path, breathe: Callable[[], None]) -> None:
    """Copy one picture of the ledger, and make it a file that needs no WAL beside it."""
    done_pages = 0

    def on_progress(_status: int, remaining: int, total: int) -> None:
        nonlocal done_pages
        if total - remaining - done_pages >= _FLUSHED_PAGES:
            done_pages = total - remaining
            _flush(partial)
        breathe()

    with (
        closing(sqlite3.connect(path, isolation_level=None)) as source,
        closing(sqlite3.connect(partial, isolation_level=None)) as target,
    ):
        source.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        target.execute("PRAGMA synchronous = OFF")  # flushed bit by bit instead
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it is one picture
        source.backup(target, pages=PAGES_AT_ONCE, progress=on_progress)
        target.execute("PRAGMA journal_mode = DELETE")
    _flush(partial)


def _verify(path: Path, partial: Path) -> None:
    """A copy that is not sound tells of a damaged ledger, or of a disk that does not keep what it is given."""
    if quick_check(partial) is Soundness.SOUND:
        return
    if quick_check(path) is Soundness.DAMAGED:
        raise LedgerDamaged("The ledger is damaged", "It cannot be backed up. See: bursar ledger verify.")
    raise LedgerError("The backup is not what was written", "The disk does not keep what it is given. Check it.")


def _refuse_without_room(path: Path, folder: Path) -> None:
    needed = path.stat().st_size + _ROOM_LEFT_BYTES
    if shutil.disk_usage(folder).free < needed:
        raise DiskFull("There is no room for a backup", f"{folder} needs {needed // 2**20 + 1} MB. Free some space.")


def _clear_remains(folder: Path) -> None:
    """What a backup left behind that was broken off."""
    for remains in folder.glob(".*.partial*"):
        remains.unlink(missing_ok=True)


def _flush(place: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    if os.name == "posix" or place.is_file():
        descriptor = os.open(place, os.O_RDONLY if place.is_dir() else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _backup_of(path: Path, file: Path) -> Backup | None:
    told = _NAME.fullmatch(file.name.removeprefix(path.stem))
    if told is None:
        return None
    made_at = datetime.strptime(told[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return Backup(file, made_at, int(told[2] or 0), file.stat().st_size)


def _unwritable(error: OSError) -> LedgerError:
    why = error.strerror or type(error).__name__
    return LedgerError("The ledger cannot be backed up", f"{why}: {error.filename}. See the folder’s rights.")
