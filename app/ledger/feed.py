"""Noticing that another process wrote: `PRAGMA data_version`, 5 microseconds a look (measured)."""

import sqlite3

from sqlalchemy.exc import DatabaseError

from app.core.errors import LedgerError
from app.ledger import places
from app.ledger.engine import Ledger


class ChangeWatch:
    """Tells whether the ledger changed since the last ask. Holds a connection of its own; use it from one thread.

    A commit on any other connection counts, one of this connection's own would not (it makes none).
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._file = places.identity(ledger.path)
        # to ask for a file that is not there would make one
        self._connection = None if self._file is None else ledger.engine.raw_connection()
        self._seen = self._version()

    def changed(self) -> bool:
        """True once for each time somebody committed since the last ask or another file was put in the ledger's place,
        and while the file cannot be asked: whoever then reads it learns why."""
        if self._connection is None or places.identity(self._ledger.path) != self._file:
            self._follow()
            return True
        try:
            version = self._version()
        except sqlite3.Error:
            return True
        changed, self._seen = version != self._seen, version
        return changed

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()

    def _follow(self) -> None:
        """Ask the file that stands there now; while there is none, that is for the next time."""
        file = places.identity(self._ledger.path)
        if file is None:
            return
        try:
            self._ledger.follow_file()
            following = self._ledger.engine.raw_connection()
        except (LedgerError, DatabaseError):
            return
        if self._connection is not None:
            self._connection.invalidate()
        self._connection, self._file = following, file

    def _version(self) -> int:
        if self._connection is None:
            return 0
        cursor = self._connection.cursor()
        try:
            return int(cursor.execute("PRAGMA data_version").fetchone()[0])
        finally:
            cursor.close()
