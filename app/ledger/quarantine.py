"""A damaged ledger is moved aside whole, with all that is in its WAL, and kept; only a restore takes its place.

The file goes first, so that nobody opens it without its WAL: that would be an older ledger, and look sound.
"""

from datetime import UTC, datetime
from pathlib import Path

from app.core.errors import LedgerDamaged, LedgerError, LedgerGone
from app.ledger import places
from app.ledger.database_errors import RESTORE
from app.ledger.engine import Ledger, await_ledger, open_ledger
from app.ledger.soundness import BUDGET_S, Soundness, quick_check

_DONE = "restored"
_WITH_IT = ("-wal", "-shm")


def open_sound(path: Path, *, checkpoints: bool) -> Ledger:
    """Open a ledger and look at its pages for half a second at most; a damaged one is moved aside. Raises LedgerError,
    and LedgerDamaged saying where it is now."""
    try:
        ledger = open_ledger(path, checkpoints=checkpoints)
    except LedgerDamaged:
        _move_if_damaged(path)
        raise
    if quick_check(path, budget_s=BUDGET_S) is Soundness.DAMAGED:
        ledger.close()
        _move_if_damaged(path)
    return ledger


def open_or_await(path: Path, *, checkpoints: bool) -> Ledger:
    """Open a ledger as `open_sound` does. One that is lost, or was damaged and is moved aside now, is waited for: every
    read and write raises LedgerGone until it was restored. Raises LedgerError for all else."""
    try:
        return open_sound(path, checkpoints=checkpoints)
    except (LedgerDamaged, LedgerGone):
        if not places.is_lost(path):
            raise
        set_aside(path, datetime.now(UTC))  # an empty file, or what else is left
        return await_ledger(path, checkpoints=checkpoints)


def set_aside_if_damaged(path: Path) -> bool:
    """Look at a ledger that could not be read or written, and move it aside if it is damaged indeed and was a ledger.
    Raises LedgerError."""
    try:
        if not places.was_here(path) or not path.exists():
            return False
        is_damaged = quick_check(path) is Soundness.DAMAGED
        return is_damaged and set_aside(path, datetime.now(UTC)) is not None
    except OSError as error:
        raise _unmovable(error) from None


def set_aside(path: Path, now: datetime) -> Path | None:
    """Move a ledger, or what is left of one, into a folder of its own in quarantine, and tell which; None when there
    is nothing. Raises LedgerError where it cannot be moved (on Windows: while a program has it open)."""
    remains = [places.beside(path, ending) for ending in _WITH_IT if places.beside(path, ending).exists()]
    try:
        if path.exists():
            folder = places.quarantine_folder(path) / f"{now:%Y%m%dT%H%M%S%fZ}"
            folder.mkdir(mode=0o700, parents=True)
            places.quarantine_folder(path).chmod(0o700)
            path.rename(folder / path.name)
        elif remains:
            folder = _unfinished(path) or places.quarantine_folder(path) / f"{now:%Y%m%dT%H%M%S%fZ}"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            return None
        for file in remains:
            file.rename(folder / file.name)
    except OSError as error:
        raise _unmovable(error) from None
    return folder


def newest_aside(path: Path) -> Path | None:
    """The folder of the ledger that was moved aside last and not seen to since; None when there is none."""
    folders = sorted(places.quarantine_folder(path).glob("*/"))
    newest = folders[-1] if folders else None
    return None if newest is None or (newest / _DONE).exists() else newest


def mark_seen_to(folder: Path) -> None:
    """Note that a restore has taken from this folder what there was. Raises OSError."""
    (folder / _DONE).touch(mode=0o600)


def _unfinished(path: Path) -> Path | None:
    """The folder of a move that was broken off after the file."""
    newest = newest_aside(path)
    return newest if newest is not None and not (newest / f"{path.name}-wal").exists() else None


def _move_if_damaged(path: Path) -> None:
    if set_aside_if_damaged(path):
        place = newest_aside(path)
        raise LedgerDamaged("The ledger was damaged", f"It is kept in {place}. No call is sent until then. {RESTORE}.")


def _unmovable(error: OSError) -> LedgerError:
    why = error.strerror or type(error).__name__
    return LedgerError("The damaged ledger cannot be moved", f"{why}: {error.filename}. Quit Bursar and try again.")
