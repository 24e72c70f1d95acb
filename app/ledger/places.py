"""What lies beside a ledger's file, and what tells that there was a ledger before.

A ledger that is lost must never be taken for one that was not made yet: every cap would start from $0. So where any of
these stands and the file does not, nothing is made in its place.
"""

import struct
from pathlib import Path

Identity = tuple[int, int]
"""Which file a path leads to: a file that was moved away and another in its place have two."""
_WAL_MAGIC = (0x377F0682, 0x377F0683)


def identity(path: Path) -> Identity | None:
    """Which file stands at a path; None where there is none."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def beside(path: Path, ending: str) -> Path:
    """`ledger.sqlite` with an ending."""
    return path.with_name(path.name + ending)


def meters_folder(path: Path) -> Path:
    """Where the meters of a ledger keep their locks."""
    return beside(path, ".meters")


def attendance_folder(path: Path) -> Path:
    """Where those who are there around a ledger have their locks: runs, and keepers of its meters."""
    return beside(path, ".attendance")


def key_file(path: Path) -> Path:
    """Where the key of a ledger's fingerprints lies."""
    return beside(path, ".key")


def upkeep_lock(path: Path) -> Path:
    """Held by whoever backs a ledger up, puts it back or makes it smaller."""
    return beside(path, ".upkeep")


def backups_folder(path: Path) -> Path:
    """Where the backups of a ledger lie."""
    return path.parent / "backups"


def quarantine_folder(path: Path) -> Path:
    """Where damaged ledgers are moved, each into a folder of its own."""
    return path.parent / "quarantine"


def was_here(path: Path) -> bool:
    """Whether a ledger has been in use at this path. Raises OSError."""
    return (
        meters_folder(path).is_dir()
        or key_file(path).is_file()
        or any(quarantine_folder(path).glob(f"*/{path.name}*"))
        or any(backups_folder(path).glob(f"{path.stem}-*.sqlite"))
    )


def is_lost(path: Path) -> bool:
    """Whether there was a ledger and its file is gone or empty. Asked in this order, so that one which another process
    makes at this moment is not taken for lost. Raises OSError."""
    wal = beside(path, "-wal")
    is_known = was_here(path) or (wal.exists() and wal.stat().st_size > 0)
    return is_known and (not path.exists() or path.stat().st_size == 0)


def has_foreign_wal(file: Path) -> bool:
    """Whether a WAL lies beside a ledger that SQLite would pass over in silence, with all the commits in it: one that
    does not begin as a WAL does (SQLite's file format, “WAL File Format”)."""
    try:
        with beside(file, "-wal").open("rb") as wal:
            head = wal.read(4)
    except OSError:
        return False
    return 0 < len(head) < 4 or (len(head) == 4 and struct.unpack(">I", head)[0] not in _WAL_MAGIC)
