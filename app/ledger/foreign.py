"""Reading a table of another program's SQLite file, without changing a byte of it: opencode keeps its history so."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from app.core.errors import InvalidInput

_BUSY_S = 2


def read_table(file: Path, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of one table, in the file's own order; none where there is no such table, None for a missing column.

    Raises InvalidInput when the file is no database that can be read.
    """
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)) as connection:
            there = {row[1] for row in connection.execute("SELECT * FROM pragma_table_info(?)", (table,))}
            if not there:
                return
            names = ", ".join(_quoted(name) if name in there else "NULL" for name in columns)
            yield from connection.execute(f"SELECT {names} FROM {_quoted(table)}")
    except sqlite3.Error as error:
        raise InvalidInput("The file cannot be read", f"{file.name}: {error}.") from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
