"""Many small writes, one transaction: the ledger's side of the meter's writer.

Operations that come together each run in a savepoint of their own, so that one that fails takes nothing with it; all
are committed, and so made durable, together. The first needs none: when it fails, nothing else was written yet.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from app.core.caps import Cap
from app.core.errors import LedgerError
from app.ledger.cap_store import read_caps
from app.ledger.database_errors import explained
from app.ledger.engine import Changes, Ledger
from app.ledger.statement import savepoint


@dataclass(frozen=True, slots=True)
class Desk:
    """What an operation works on: the transaction at hand, the caps in force within it, and the ledger it is of.
    `memory` is what the operations themselves remember from one to the next."""

    connection: Connection
    caps: list[Cap]
    ledger: Ledger
    memory: Any = None


type Operation = Callable[[Desk], Any]


class Writing[T]:
    """The operation that calls a function of the ledger with the connection at hand and these values."""

    __slots__ = ("_function", "_named", "_values")

    def __init__(self, function: Callable[..., T], *values: Any, **named: Any) -> None:
        self._function, self._values, self._named = function, values, named

    def __call__(self, desk: Desk) -> T:
        return self._function(desk.connection, *self._values, **self._named)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an operation: its result, or the error it raised."""

    result: Any = None
    error: Exception | None = None


class GroupWriter:
    """Writes groups, from one thread."""

    def __init__(self, ledger: Ledger, memory: Any = None) -> None:
        self._ledger, self._pen, self._memory = ledger, ledger.pen(), memory

    def write(self, operations: list[Operation], late: Callable[[], list[Operation]] = list) -> list[Done]:
        """Run the operations in order, and after them those that `late` gives, in one IMMEDIATE transaction and commit.
        Raises LedgerError when nothing was committed; an error of one operation is its own and is returned in its
        place."""
        failed = list[Done]()
        while len(failed) < len(operations):
            try:
                return failed + self._write(operations[len(failed) :], late)
            except _FirstFailed as error:
                failed.append(Done(error=error.why))
        return failed

    def _write(self, operations: list[Operation], late: Callable[[], list[Operation]]) -> list[Done]:
        """Raises _FirstFailed, and LedgerError."""
        with self._pen.write() as connection:
            desk = Desk(connection, read_caps(connection), self._ledger, self._memory)
            done = [_run_first(desk, operations[0])]
            done += [_run(desk, operation) for operation in operations[1:]]
            return done + [_run(desk, operation) for operation in late()]

    def changes(self) -> Changes:
        """As of its `Pen`."""
        return self._pen.changes()

    def close(self) -> None:
        """Nothing more will be written."""
        self._pen.close()


class _FirstFailed(Exception):
    """Nothing was written yet, so nothing but it is taken back."""

    def __init__(self, why: Exception) -> None:
        self.why = why


def _run_first(desk: Desk, operation: Operation) -> Done:
    """The transaction is its own as yet. Raises _FirstFailed, and LedgerError."""
    try:
        with explained():
            return Done(operation(desk))
    except LedgerError:
        raise
    except Exception as error:
        raise _FirstFailed(error) from error


def _run(desk: Desk, operation: Operation) -> Done:
    try:
        with savepoint(desk.connection), explained():
            return Done(operation(desk))
    except LedgerError:
        raise  # no fault of this operation: a full or failing disk takes the whole transaction with it
    except Exception as error:  # noqa: BLE001 - it is handed to whoever asked for the operation
        return Done(error=error)
