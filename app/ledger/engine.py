"""Opening the ledger file, and the two ways into it: `read` and `write`.

SQLAlchemy's own handling of SQLite transactions loses updates silently (900 of 1,000, measured), so the driver's is
switched off and BEGIN is said here: IMMEDIATE for every write, deferred for a read that wants one consistent picture.
Only the meter's writer checkpoints (`checkpoints=True`); elsewhere the WAL is left alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, InterfaceError

from app.core.errors import LedgerError
from app.ledger import migrations

BUSY_TIMEOUT_MS = 5_000

_CAUSES = (
    ("database is locked", "The ledger is busy", "Another program holds it. Close that program, or try again."),
    ("database or disk is full", "The disk is full", "Nothing can be recorded, so capped calls wait. Free some space."),
    ("disk I/O error", "The disk does not answer", "Nothing can be recorded, so capped calls wait. Check the disk."),
    ("readonly", "The ledger cannot be written", "Its file or folder is read-only. Make it writable for your user."),
    ("unable to open", "The ledger cannot be opened", "Its folder does not exist or belongs to another user."),
    (
        "malformed",
        "The ledger is damaged",
        "Move the file away and restore a backup; Bursar never starts an empty one over it.",
    ),
    ("not a database", "This file is not a ledger", "Move it away, or name another folder with BURSAR_HOME."),
)


class Ledger:
    """An open ledger. May be used from any thread; each `read` or `write` has a connection of its own."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self.engine = engine
        self._reading = engine.execution_options(bursar_begin="BEGIN")
        self._writing = engine.execution_options(bursar_begin="BEGIN IMMEDIATE")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent picture of the ledger. Raises LedgerError."""
        with explained(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One IMMEDIATE transaction, committed at the end, rolled back when the block raises. Raises LedgerError."""
        with explained(), self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections. Those in use close when they are given back."""
        self.engine.dispose()


def open_ledger(path: Path, *, checkpoints: bool = False) -> Ledger:
    """The ledger at `path`, created and brought to the newest schema. Raises LedgerError; a newer schema is refused."""
    _create_private(path)
    path = path.resolve()  # meters find one another's locks beside it, whichever link or working directory they came by
    engine = create_engine(
        URL.create("sqlite", database=str(path)),  # a text would be cut at a question mark in a folder's name
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
    )
    event.listen(engine, "connect", _pragmas(checkpoints))
    event.listen(engine, "begin", _begin)
    ledger = Ledger(path, engine)
    try:
        with ledger.read() as connection:
            is_current = migrations.is_current(connection)
        if not is_current:
            with ledger.write() as connection:
                migrations.migrate(connection)
    except BaseException:
        ledger.close()
        raise
    return ledger


def _create_private(path: Path) -> None:
    """Make the file with mode 0600 before anything is in it, and its folder where there is none."""
    try:
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
            ):
                driver_connection.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            driver_connection.close()  # the pool does not know it yet
            raise

    return on_connect


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("bursar_begin", "BEGIN IMMEDIATE"))


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the database says into an error a person can act on: LedgerError."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        said = str(error.orig)
        for sign, title, message in _CAUSES:
            if sign in said:
                raise LedgerError(title, message) from error
        raise
