"""Statements of the meter's every call: compiled once, then run by the driver itself.

SQLAlchemy takes some 150 microseconds to run a statement that SQLite runs in five, and a call is some thirty of them.
So what is run for each call is written with SQLAlchemy like any other statement, made a `Statement`, and run on the
driver's connection, within the transaction at hand. Errors are SQLAlchemy's own, without the values.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Table, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import CompilerElement

from app.ledger.kept_reads import RULE_TABLES, forget_kept

_DIALECT = create_engine("sqlite://", paramstyle="qmark").dialect
"""By place: the driver looks names up one by one."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What the driver is given: the text, the values that stand fixed, how all are put in the order of their places,
    and how those at some places, and what is read, are turned."""

    sql: str
    fixed: dict[str, Any]
    in_order: Callable[[Mapping[str, Any]], Sequence[Any]]
    binds: list[tuple[int, Any]]
    changes_rules: bool
    row: Any
    results: list[tuple[int, Any]]


class Statement:
    """One statement. The values of its parameters are given by name. A row is a tuple that is read by attribute, a
    mapping a dict of the columns by their names."""

    def __init__(self, statement: CompilerElement, columns: Iterable[str] | None = None) -> None:
        """`columns`: those that an INSERT fills; None for what says its values itself."""
        self._statement = statement
        self._columns = None if columns is None else list(columns)

    @cached_property
    def _compiled(self) -> "_Compiled":
        """Made at the first use: a command that runs none should not wait for it. Raises ValueError for a list of
        values whose length is not known."""
        compiled: Any = self._statement.compile(dialect=_DIALECT, column_keys=self._columns)
        if compiled.post_compile_params:
            raise ValueError("a list of values whose length is not known cannot be compiled once")
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        places = [binds[name] for name in compiled.positiontup]
        converters = [bind.type.bind_processor(_DIALECT) for bind in places]
        read = _columns_of(self._statement)
        processors = [column.type.result_processor(_DIALECT, None) for column in read]
        names = [getattr(column, "name", "") for column in read]
        return _Compiled(
            sql=str(compiled),
            fixed={name: bind.value for name, bind in binds.items() if not bind.required},
            in_order=_in_order(compiled.positiontup),
            binds=_those_there(converters),
            changes_rules=isinstance(self._statement, UpdateBase) and _table_of(self._statement) in RULE_TABLES,
            row=namedtuple("Row", names, rename=True),
            results=_those_there(processors),
        )

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """How many rows were changed."""
        return self._execute(connection, values).rowcount

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Once for each of these. Returns how many rows were changed in all."""
        driver = self._begin(connection)
        bound = [self._bound(values) for values in rows]
        try:
            return driver.executemany(self._compiled.sql, bound).rowcount
        except sqlite3.Error as error:
            raise _wrapped(self._compiled.sql, error) from error

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """All rows."""
        make = self._compiled.row._make
        return [make(self._read(row)) for row in self._execute(connection, values).fetchall()]

    def each(self, connection: Connection, values: Mapping[str, Any]) -> Iterator[Any]:
        """All rows, each read as it is asked for."""
        make = self._compiled.row._make
        for row in self._execute(connection, values):
            yield make(self._read(row))

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The first row, None where there is none."""
        row = self._execute(connection, values).fetchone()
        return None if row is None else self._compiled.row._make(self._read(row))

    def mappings(self, connection: Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All rows as mappings."""
        names = self._compiled.row._fields
        found = self._execute(connection, values).fetchall()
        return [dict(zip(names, self._read(row), strict=True)) for row in found]

    def mapping(self, connection: Connection, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The first row as a mapping, None where there is none."""
        row = self._execute(connection, values).fetchone()
        return None if row is None else dict(zip(self._compiled.row._fields, self._read(row), strict=True))

    def value(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The first column of the first row, None where there is none."""
        row = self._execute(connection, values).fetchone()
        return None if row is None else self._read(row)[0]

    def _execute(self, connection: Connection, values: Mapping[str, Any]) -> sqlite3.Cursor:
        driver = self._begin(connection)
        try:
            return driver.execute(self._compiled.sql, self._bound(values))
        except sqlite3.Error as error:
            raise _wrapped(self._compiled.sql, error) from error

    def _begin(self, connection: Connection) -> sqlite3.Connection:
        """What it is run on. What a writer keeps of the rules is forgotten before they are written."""
        if self._compiled.changes_rules:
            forget_kept(connection)
        return _driver(connection)

    def _bound(self, values: Mapping[str, Any]) -> Sequence[Any]:
        compiled = self._compiled
        bound = compiled.in_order({**compiled.fixed, **values} if compiled.fixed else values)
        return _turned(bound, compiled.binds)

    def _read(self, row: tuple[Any, ...]) -> Sequence[Any]:
        return _turned(row, self._compiled.results)


def _turned(values: Sequence[Any], converters: list[tuple[int, Any]]) -> Sequence[Any]:
    if not converters:
        return values
    turned = list(values)
    for place, convert in converters:
        turned[place] = convert(turned[place])
    return turned


def _in_order(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    """What takes the values of these names out of a mapping."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: [values[name] for name in names]


def _those_there(converters: list[Any]) -> list[tuple[int, Any]]:
    return [(place, convert) for place, convert in enumerate(converters) if convert is not None]


def insertion(table: Table) -> list[str]:
    """The columns of a table that an INSERT fills: all but the number of the row."""
    return [column.name for column in table.columns if column is not table.autoincrement_column]


def savepoint(connection: Connection) -> "_Savepoint":
    """What the block writes is kept whole, or taken back when it raises."""
    return _Savepoint(connection)


class _Savepoint:
    """A class, since a generator takes three times as long to enter and leave, and each call has three."""

    __slots__ = ("_driver",)

    def __init__(self, connection: Connection) -> None:
        self._driver = _driver(connection)

    def __enter__(self) -> None:
        _say(self._driver, "SAVEPOINT bursar")

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if error is None:
            _say(self._driver, "RELEASE bursar")
        elif self._driver.in_transaction:  # a full disk takes the whole transaction with it
            _say(self._driver, "ROLLBACK TO bursar")
            _say(self._driver, "RELEASE bursar")


def _say(driver: sqlite3.Connection, sql: str) -> None:
    try:
        driver.execute(sql)
    except sqlite3.Error as error:
        raise _wrapped(sql, error) from error


def _driver(connection: Connection) -> sqlite3.Connection:
    """The driver's connection of a transaction, which is begun where there is none yet."""
    if not connection.in_transaction():
        connection.begin()
    driver: Any = connection.connection.dbapi_connection
    return driver  # type: ignore[no-any-return]


def _wrapped(sql: str, error: sqlite3.Error) -> BaseException:
    """As SQLAlchemy would raise it, without the values: they may be a person's own names."""
    return DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True)


def _table_of(statement: Any) -> str:
    """The name of the table that a statement writes."""
    return str(statement.table.name)


def _columns_of(statement: Any) -> list[Any]:
    """What a statement reads; nothing for one that only writes."""
    return list(statement.exported_columns)
