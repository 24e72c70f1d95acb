"""What can still be read of a damaged ledger, laid over a backup.

Calls are only ever added, so those after the backup's are taken. Of every other table the damaged ledger has the newer
state: one that reads whole takes the place of the backup's, of one that does not the rows that can be read are laid
over it. A range of rows that cannot be read is halved until it is found which ones they are. Sums are not taken: they
are derived again from what there is.
"""

import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    Connection,
    MetaData,
    Table,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError

from app.core.call import Outcome
from app.ledger import import_tables, input_tables, key_tables, limit_tables, loop_tables, tables, team_tables
from app.ledger.assurance_store import key_levels
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.export_places import export_places
from app.ledger.tables import calls, caps
from app.ledger.tool_tables import tool_calls
from app.ledger.webhook_outbox import webhook_deliveries

STATE = (
    *(caps, tables.totals, tables.reservations, tables.holds, tables.approvals, tables.alerts, tables.instances),
    *(tables.switches, tables.price_overrides, tables.price_data, key_levels, tool_calls),
    *(key_tables.virtual_keys, key_tables.provider_keys, key_tables.project_keys),
    *(
        limit_tables.raises,
        limit_tables.session_grants,
        limit_tables.stopped_sessions,
        limit_tables.cut_sessions,
        limit_tables.advice,
    ),
    *(limit_tables.observations, limit_tables.line, limit_tables.line_windows),
    *(input_tables.call_inputs, input_tables.tool_sets, input_tables.conversations),
    *(loop_tables.loops, loop_tables.loop_rules),
    *(team_tables.team_outbox, team_tables.team_caps, team_tables.team_leases, team_tables.lease_draws),
    *(import_tables.imported_calls, import_tables.billed_amounts, export_places, webhook_deliveries),
)
"""All tables but the calls and what is derived from them."""
_AT_ONCE = 1_000
_MOST_TRIES = 100_000
_HEADER_BYTES = 100
_COLUMNS = text("SELECT name FROM pragma_table_info(:name)")
_LAST_CALL = text("SELECT seq FROM sqlite_sequence WHERE name = 'calls'")


@dataclass(frozen=True, slots=True)
class Salvage:
    """How many calls were taken, and which could not be, as ranges of row ids (both ends included)."""

    calls: int
    unread: tuple[tuple[int, int], ...]


def lay_over(ledger: Ledger, damaged: Path) -> Salvage | None:
    """Take what a damaged file still tells into this ledger. None when nothing of it can be read. Raises LedgerError
    for this ledger and OSError."""
    with _readable_copy(damaged, ledger.path) as copy:
        engine = create_engine(URL.create("sqlite", database=str(copy)))
        event.listen(engine, "connect", _read_any_text)
        try:
            with engine.connect() as lost, ledger.write() as connection:
                return _take_all(lost, connection)
        except _NothingRead:
            return None
        finally:
            engine.dispose()


class _NothingRead(Exception):
    """Not even the list of tables can be read."""


def _take_all(lost: Connection, connection: Connection) -> Salvage:
    """All tables. Raises _NothingRead."""
    if not _names_of(lost, calls):
        raise _NothingRead
    for table in STATE:
        if _names_of(lost, table):
            _take_table(lost, connection, table)
    source = _Source(lost, calls)
    newest = connection.execute(select(func.coalesce(func.max(calls.c.row_id), 0))).scalar_one()
    last = _number(lost, _LAST_CALL) or source.last_row() or 0
    unread = tuple(source.copy(connection, newest + 1, last))
    taken = connection.execute(select(func.count()).where(calls.c.row_id > newest)).scalar_one()
    return Salvage(taken, unread)


def _take_table(lost: Connection, connection: Connection, table: Table) -> None:
    """The whole of it in the place of what is here, or over it, or nothing where it would make no sense."""
    source = _Source(lost, table)
    last = source.last_row()
    if last is None:
        return
    savepoint = connection.begin_nested()
    connection.execute(delete(table))
    if list(source.copy(connection, 1, last)) or not _makes_sense(connection, table):
        savepoint.rollback()
        savepoint = connection.begin_nested()
        list(source.copy(connection, 1, last))
        if not _makes_sense(connection, table):
            savepoint.rollback()
            return
    savepoint.commit()


def _makes_sense(connection: Connection, table: Table) -> bool:
    """Nothing works with caps that nobody can read."""
    try:
        return table is not caps or read_caps(connection) is not None
    except (ValueError, TypeError):
        return False


class _Source:
    """A table of the damaged ledger, with the columns it has there. Values pass as they are stored."""

    def __init__(self, lost: Connection, table: Table) -> None:
        names = _names_of(lost, table)
        bare = Table(table.name, MetaData(), *(Column(column.name) for column in table.columns if column.name in names))
        self._lost = lost
        self._row_id: Any = literal_column("rowid")
        self._bare = bare
        self._read = select(bare).where(self._row_id.between(bindparam("low"), bindparam("high")))
        if table is calls:
            self._read = self._read.where(bare.c.outcome.in_([outcome.value for outcome in Outcome]))
        self._write = insert(bare).prefix_with("OR REPLACE")
        self._tries = 0

    def last_row(self) -> int | None:
        """The highest row id, 0 for an empty table; None where that cannot be read."""
        return _number(self._lost, select(func.coalesce(func.max(self._row_id), 0)).select_from(self._bare))

    def copy(self, connection: Connection, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Copy the rows with these ids. Gives the ranges that cannot be read or stored, in order."""
        for start in range(low, high + 1, _AT_ONCE):
            yield from self._copy_some(connection, start, min(high, start + _AT_ONCE - 1))

    def _copy_some(self, connection: Connection, low: int, high: int) -> Iterator[tuple[int, int]]:
        self._tries += 1
        if self._is_copied(connection, low, high):
            return
        if low == high or self._tries > _MOST_TRIES:
            yield low, high
            return
        middle = (low + high) // 2
        yield from self._copy_some(connection, low, middle)
        yield from self._copy_some(connection, middle + 1, high)

    def _is_copied(self, connection: Connection, low: int, high: int) -> bool:
        try:
            rows = self._lost.execute(self._read, {"low": low, "high": high}).mappings().all()
        except DatabaseError:
            self._lost.rollback()
            return False
        savepoint = connection.begin_nested()
        try:
            if rows:
                connection.execute(self._write, [dict(row) for row in rows])
        except DatabaseError:  # nonsense that a constraint does not let in
            savepoint.rollback()
            return False
        savepoint.commit()
        return True


def _names_of(lost: Connection, table: Table) -> set[str]:
    try:
        return set(lost.execute(_COLUMNS, {"name": table.name}).scalars())
    except DatabaseError:
        raise _NothingRead from None


def _number(lost: Connection, question: Any) -> int | None:
    try:
        found: int | None = lost.execute(question).scalar_one_or_none()
    except DatabaseError:
        lost.rollback()
        return None
    return found


def _read_any_text(driver_connection: Any, _record: Any) -> None:
    driver_connection.text_factory = lambda stored: stored.decode(errors="replace")


@contextmanager
def _readable_copy(damaged: Path, sound: Path) -> Iterator[Path]:
    """A copy that may be opened and changed, with its WAL; where its header is not one, with that of a sound ledger.
    Raises OSError."""
    copy = damaged.with_name(f".{damaged.name}.read")
    pairs = [(damaged, copy), (_wal(damaged), _wal(copy))]
    try:
        for source, target in pairs:
            if source.exists():
                shutil.copyfile(source, target)
                target.chmod(0o600)
        _mend_header(copy, sound)
        yield copy
    finally:
        for remains in (copy, _wal(copy), copy.with_name(f"{copy.name}-shm")):
            remains.unlink(missing_ok=True)


def _wal(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _mend_header(copy: Path, sound: Path) -> None:
    """Give a file without SQLite's header that of a sound one, with the size the file has (SQLite's file format: page
    size at byte 16, change counter at 24, size in pages at 28, counter that this size is valid for at 92)."""
    with copy.open("r+b") as file, sound.open("rb") as other:
        head, good = file.read(_HEADER_BYTES), bytearray(other.read(_HEADER_BYTES))
        if head[:16] == good[:16] or len(head) < _HEADER_BYTES:
            return
        page_bytes = struct.unpack(">H", good[16:18])[0]
        good[28:32] = struct.pack(">I", copy.stat().st_size // (65_536 if page_bytes == 1 else page_bytes))
        good[92:96] = good[24:28]
        file.seek(0)
        file.write(good)
