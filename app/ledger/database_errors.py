"""What the database says, turned into errors that a person can act on."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DatabaseError, InterfaceError

from app.core.errors import DiskFull, LedgerDamaged, LedgerError, LedgerGone

RESTORE = "Put a backup back with: bursar ledger restore"
_NO_EMPTY_ONE = "Bursar starts no empty one in its place, since every cap would start from $0."

_CAUSES = (
    ("database is locked", LedgerError, "The ledger is busy",
     "Another program holds it. Close that program, or try again."),
    ("database or disk is full", DiskFull, "The disk is full",
     "Nothing can be recorded, so capped calls wait. Free some space."),
    ("disk I/O error", LedgerError, "The disk does not answer",
     "Nothing can be recorded, so capped calls wait. Check the disk."),
    ("readonly", LedgerError, "The ledger cannot be written",
     "Its file or folder is read-only. Make it writable for your user."),
    ("unable to open", LedgerError, "The ledger cannot be opened",
     "Its folder does not exist or belongs to another user."),
    ("malformed", LedgerDamaged, "The ledger is damaged", f"{_NO_EMPTY_ONE} {RESTORE}."),
    ("not a database", LedgerDamaged, "This file is not a ledger",
     f"Move it away, or name another folder with BURSAR_HOME. If it was the ledger: {RESTORE}."),
)  # fmt: skip


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the database says into an error a person can act on: LedgerError."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        said = error_for(str(error.orig))
        if said is None:
            raise
        raise said from error
    except sqlite3.Error as error:
        said = error_for(str(error))
        if said is None:
            raise
        raise said from error


def error_for(said: str) -> LedgerError | None:
    """The error for what the database says; None for what only a mistake of ours can make it say."""
    return next((kind(title, message) for sign, kind, title, message in _CAUSES if sign in said), None)


def damaged() -> LedgerDamaged:
    """The error for a ledger that makes no sense."""
    return LedgerDamaged("The ledger is damaged", f"{_NO_EMPTY_ONE} {RESTORE}.")


def gone(path: Path) -> LedgerGone:
    """The error for a ledger that was lost."""
    return LedgerGone("The ledger is gone", f"{path} is missing or empty. {_NO_EMPTY_ONE} {RESTORE}.")
