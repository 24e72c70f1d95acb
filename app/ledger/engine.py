"""Opening the ledger file, and the two ways into it: `read` and `write`.

SQLAlchemy's own handling of SQLite transactions loses updates silently (900 of 1,000, measured), so the driver's is
switched off and BEGIN is said here: IMMEDIATE for every write, deferred for a read that wants one consistent picture.
Only the meter checkpoints (`checkpoints=True`); elsewhere the WAL is left alone.

Which file the path leads to is looked at before each read and write (a microsecond or two): one that was moved away is
never written again, and one that was put in its place, by `bursar ledger restore`, is taken up where it was. (SQLite
itself sees to it that closing a file that was moved leaves the WAL of its successor alone.)
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from app.core.errors import LedgerError
from app.ledger import migrations, places
from app.ledger.backups import back_up_before_migration
from app.ledger.database_errors import damaged, explained, gone
from app.ledger.glance import Reader
from app.ledger.kept_reads import KeptReads

BUSY_TIMEOUT_MS = 5_000
_CACHE_KIB = 2_000
"""Pages that a connection keeps in memory: SQLite's own measure."""
_METER_CACHE_KIB = 256
"""The same of a meter's many readers, which read little each: it runs for weeks, and its memory is to stay flat."""


class Ledger:
    """An open ledger. May be used from any thread; each `read` or `write` has a connection of its own.

    `taken_up` is called after another file was put in the place of this one's and is read from now on.
    """

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self.engine = engine
        self.taken_up: Callable[[], object] = lambda: None
        self._reading = engine.execution_options(bursar_begin="BEGIN")
        self._writing = engine.execution_options(bursar_begin="BEGIN IMMEDIATE")
        self._identity = places.identity(path)
        self._changing = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent picture of the ledger. Raises LedgerError."""
        self.follow_file()
        with explained(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def glance(self) -> Iterator[Reader]:
        """The same, for what is asked by the driver itself. Raises LedgerError."""
        with self.read() as connection:
            connection.begin()
            driver: Any = connection.connection.dbapi_connection
            yield driver

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One IMMEDIATE transaction, committed at the end, rolled back when the block raises. Raises LedgerError."""
        self.follow_file()
        with explained(), self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections. Those in use close when they are given back."""
        self.engine.dispose()

    def pen(self) -> "Pen":
        """A writer that keeps its connection, for one that writes much."""
        return Pen(self, self.engine.execution_options(bursar_begin=""))

    @property
    def identity(self) -> places.Identity | None:
        """Which file is open."""
        return self._identity

    def follow_file(self) -> None:
        """Take up a file that was put in the place of ours. Raises LedgerError, and LedgerGone while there is none."""
        if self._identity is not None and places.identity(self.path) == self._identity:
            return
        with self._changing:
            seen = places.identity(self.path)
            if seen is None:
                raise gone(self.path)
            if seen == self._identity:
                return
            self.engine.dispose()
            with explained(), self._reading.connect() as connection:
                is_current = migrations.is_current(connection)
            if not is_current:
                raise LedgerError("Another ledger was put here", "It is an older Bursar's. Start Bursar anew.")
            self._identity = seen
        self.taken_up()


@dataclass(frozen=True, slots=True)
class Changes:
    """Of a ledger, by whoever. `may_be_rules`: they may be more than what a pen has itself written of calls."""

    are_any: bool
    may_be_rules: bool


class Pen:
    """Writes one transaction after the other on a connection of its own, for one thread: to borrow one for each and to
    have SQLAlchemy begin and end it takes longer than what most calls write."""

    def __init__(self, ledger: Ledger, engine: Engine) -> None:
        self._ledger, self._engine = ledger, engine
        self._has_looked = self._has_written = False
        self._kept: tuple[Connection, KeptReads, places.Identity | None] | None = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """As `Ledger.write`."""
        self._ledger.follow_file()
        with explained():
            connection, kept = self._connection()
            driver: Any = connection.connection.dbapi_connection
            try:
                driver.execute("BEGIN IMMEDIATE")
                kept.begin(driver)
                self._has_looked = True
                before = driver.total_changes
                yield connection
                driver.execute("COMMIT")
                if driver.total_changes != before:
                    self._has_written = True
                    kept.end()
            except BaseException as error:
                self._take_back(driver, error)
                raise

    def changes(self) -> Changes:
        """What was committed since the last ask: by others, until a transaction began since then, or, where none has,
        until now. Of a ledger that cannot be asked only its rules may have changed: whoever reads them learns why, and
        no call could go on; what was written is told once it can be."""
        has_looked, self._has_looked = self._has_looked, False
        try:
            self._ledger.follow_file()
            connection, kept = self._connection()
            if not has_looked:
                driver: Any = connection.connection.dbapi_connection
                kept.look(driver)
        except (LedgerError, DBAPIError, sqlite3.Error):
            return Changes(are_any=False, may_be_rules=True)
        changes = Changes(are_any=kept.is_outdated or self._has_written, may_be_rules=kept.is_outdated)
        kept.is_outdated = self._has_written = False
        return changes

    def close(self) -> None:
        """Give the connection up, and with it what it has not committed."""
        if self._kept is not None:
            connection, self._kept = self._kept[0], None
            connection.invalidate()
            connection.close()

    def _take_back(self, driver: Any, error: BaseException) -> None:
        """Undo what was written. After an error of the database nobody can say what state its connection is in."""
        if driver.in_transaction and not isinstance(error, DBAPIError | sqlite3.Error | LedgerError):
            driver.execute("ROLLBACK")
        else:
            self.close()

    def _connection(self) -> tuple[Connection, KeptReads]:
        """The one that is kept, or one to the file that was put in the place of its file; and what was read by it."""
        if self._kept is not None and self._kept[2] != self._ledger.identity:
            self.close()
        if self._kept is None:
            connection = self._engine.connect()
            connection.begin()
            connection.exec_driver_sql(f"PRAGMA cache_size = {-_CACHE_KIB}")
            self._kept = connection, KeptReads(connection), self._ledger.identity
        return self._kept[:2]


def open_ledger(path: Path, *, checkpoints: bool = False, is_first: bool = False) -> Ledger:
    """The ledger at `path`, created and brought to the newest schema, after a backup of what it was. Raises
    LedgerError; a newer schema is refused, and so is making one where one was lost, unless it `is_first`."""
    _create_private(path, is_first)
    ledger = _ledger_at(path, checkpoints)
    try:
        with ledger.read() as connection:
            is_current = migrations.is_current(connection)
        if not is_current:
            with ledger.write() as connection:
                _migrate(connection, path, is_first)
    except BaseException:
        ledger.close()
        raise
    return ledger


def await_ledger(path: Path, *, checkpoints: bool = False) -> Ledger:
    """A ledger whose file is not there: reading and writing raise LedgerGone until somebody has put one back, which is
    then taken up."""
    return _ledger_at(path, checkpoints)


def _ledger_at(path: Path, checkpoints: bool) -> Ledger:
    path = path.resolve()  # meters find one another's locks beside it, whichever link or working directory they came by
    engine = create_engine(
        URL.create("sqlite", database=str(path)),  # a text would be cut at a question mark in a folder's name
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
    )
    event.listen(engine, "connect", _pragmas(checkpoints))
    event.listen(engine, "begin", _begin)
    return Ledger(path, engine)


def _migrate(connection: Connection, path: Path, is_first: bool) -> None:
    """With nobody else writing: nothing is lost between the backup and the new schema."""
    version = migrations.schema_version(connection)
    if version == 0 and not is_first and places.was_here(path):
        raise gone(path)  # what was in it stood in a WAL that is not there any more
    if version and not is_first:
        back_up_before_migration(path, version)
    migrations.migrate(connection)


def _create_private(path: Path, is_first: bool) -> None:
    """Make the file with mode 0600 before anything is in it, and its folder where there is none."""
    try:
        if not is_first and places.is_lost(path):
            raise gone(path)
        if places.has_foreign_wal(path):
            raise damaged()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise LedgerError(
            "The ledger cannot be opened", f"{why}: {path}. Name another folder with BURSAR_HOME."
        ) from error


def _pragmas(checkpoints: bool) -> Any:
    def on_connect(driver_connection: Any, _record: Any) -> None:
        driver_connection.isolation_level = None
        try:
            for pragma in (
                f"busy_timeout = {BUSY_TIMEOUT_MS}",
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
                f"wal_autocheckpoint = {1000 if checkpoints else 0}",
                f"cache_size = {-_METER_CACHE_KIB if checkpoints else -_CACHE_KIB}",
            ):
                driver_connection.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            driver_connection.close()  # the pool does not know it yet
            raise

    return on_connect


def _begin(connection: Connection) -> None:
    if beginning := connection.get_execution_options().get("bursar_begin", "BEGIN IMMEDIATE"):
        connection.exec_driver_sql(beginning)
