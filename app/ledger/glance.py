"""Reading the ledger by the driver alone, for commands that ask it one question and leave.

The database library takes a third of a second to load, several times what such a question takes. So what is asked
here is written as SQL, and whatever is more than reading a sound ledger of the newest schema (making one, changing its
schema, telling what is wrong with it) stays with `open_ledger`, which is asked first where `is_plain` says no.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from app.ledger import places

SCHEMA = 16
"""The newest schema: how many migrations there are."""
BUSY_TIMEOUT_MS = 5_000

type Reader = sqlite3.Connection
"""The driver's connection within a transaction that reads."""


def is_plain(path: Path) -> bool:
    """Whether this is a ledger that can be read as it stands."""
    try:
        if places.is_lost(path) or places.has_foreign_wal(path) or not path.is_file():
            return False
        with closing(_opened(path)) as driver:
            [version] = driver.execute("PRAGMA user_version").fetchone()
            tables = driver.execute("SELECT 1 FROM sqlite_master WHERE name IN ('calls', 'rollups')").fetchall()
    except (OSError, sqlite3.Error):
        return False
    return version == SCHEMA and len(tables) == 2


@contextmanager
def glance(path: Path) -> Iterator[Reader]:
    """One consistent picture of a plain ledger. Raises LedgerError."""
    try:
        with closing(_opened(path)) as driver:
            driver.execute("BEGIN")
            yield driver
    except sqlite3.Error:
        from app.ledger.database_errors import explained

        with explained():
            raise


def _opened(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(path.resolve()))}?mode=rw"  # to ask for a file that is not there would make one
    driver = sqlite3.connect(address, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
    driver.execute("PRAGMA query_only = ON")
    return driver
