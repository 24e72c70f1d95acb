"""What was read of the rules that people set, kept by a writer from one transaction to the next.

Caps, keys and stops are asked for with every call and change a few times a day. What a `Pen` read of them holds for as
long as nobody has written: at the beginning of each transaction SQLite says whether another connection has committed
since (`PRAGMA data_version`), and as it is an IMMEDIATE one, none can before its end. A write of its own to one of
`RULE_TABLES` makes it forget at once, and keep nothing more until the next transaction begins, since this one may be
rolled back. So nothing is ever older than the transaction it is used in.
"""

import sqlite3
from collections.abc import Callable, Hashable
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.sql.selectable import SelectBase

RULE_TABLES = frozenset({
    "caps", "cut_sessions", "line", "loops", "raises", "session_grants", "stopped_sessions", "switches", "tool_sets",
    "virtual_keys",
})  # fmt: skip
"""All that may be kept is read from these."""
_MOST = 1_000
_PLACE = "bursar_kept_reads"


class KeptReads:
    """What the writer of one connection keeps. To be used by its thread alone."""

    __slots__ = ("_found", "_is_current", "_version", "is_outdated")

    def __init__(self, connection: Connection) -> None:
        self._found: dict[Hashable, Any] = {}
        self._is_current = False
        self._version = -1
        self.is_outdated = True
        """Whether somebody else has committed, or rules were written here, since this was last set to False."""
        connection.info[_PLACE] = self
        event.listen(connection, "before_cursor_execute", self._see)

    def begin(self, driver: sqlite3.Connection) -> None:
        """To be called as the first thing within each transaction: forget what may have changed since the last."""
        self.look(driver)
        if not self._is_current or len(self._found) > _MOST:
            self._found = {}
        self._is_current = True

    def look(self, driver: sqlite3.Connection) -> None:
        """Whether somebody else has committed since the last look. What was kept is forgotten then."""
        version = driver.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._found, self._version, self.is_outdated = {}, version, True

    def forget(self) -> None:
        """This transaction changes what is kept."""
        self._found, self._is_current = {}, False

    def end(self) -> None:
        """To be called after each transaction that has changed anything."""
        self.is_outdated |= not self._is_current

    def get[T](self, name: Hashable, read: Callable[[], T]) -> T:
        """What is kept under a name, or else what `read` gives."""
        if name in self._found:
            found: T = self._found[name]
            return found
        found = read()
        if self._is_current:
            self._found[name] = found
        return found

    def _see(self, _connection: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _is_many: bool) -> None:
        """Whatever SQLAlchemy itself runs and is not seen to be a SELECT may write anything."""
        if not (context.compiled is not None and isinstance(context.compiled.statement, SelectBase)):
            self.forget()


def kept[T](connection: Connection, name: Hashable, read: Callable[[], T]) -> T:
    """What `read` gives, from `RULE_TABLES` alone, in the transaction at hand; kept under `name` where its writer
    keeps such things. What is given is shared and must not be changed."""
    keeper: KeptReads | None = connection.info.get(_PLACE)
    return read() if keeper is None else keeper.get(name, read)


def forget_kept(connection: Connection) -> None:
    """One of `RULE_TABLES` is about to be written."""
    keeper: KeptReads | None = connection.info.get(_PLACE)
    if keeper is not None:
        keeper.forget()
