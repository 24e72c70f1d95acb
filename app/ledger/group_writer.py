"""Many small writes, one transaction: the ledger's side of the meter's writer thread.

Operations that come together each run in a savepoint of their own, so that one that fails takes nothing with it; all
are committed, and so made durable, together. One that comes alone needs none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from app.core.caps import Cap
from app.core.errors import LedgerError
from app.ledger.cap_store import read_caps
from app.ledger.database_errors import explained
from app.ledger.engine import Ledger
from app.ledger.statement import savepoint


@dataclass(frozen=True, slots=True)
class Desk:
    """What an operation works on: the transaction at hand, the caps in force within it, and the ledger it is of."""

    connection: Connection
    caps: list[Cap]
    ledger: Ledger


type Operation = Callable[[Desk], Any]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an operation: its result, or the error it raised."""

    result: Any = None
    error: Exception | None = None


class GroupWriter:
    """Writes groups, from one thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._pen = ledger, ledger.pen()

    def write(self, operations: list[Operation]) -> list[Done]:
        """Run the operations in order in one IMMEDIATE transaction and commit. Raises LedgerError when nothing was
        committed; an error of one operation is its own and is returned in its place."""
        if len(operations) == 1:
            return [self._run_alone(operations[0])]
        with self._pen.write() as connection:
            desk = Desk(connection, read_caps(connection), self._ledger)
            return [_run(desk, operation) for operation in operations]

    def close(self) -> None:
        """Nothing more will be written."""
        self._pen.close()

    def _run_alone(self, operation: Operation) -> Done:
        try:
            with self._pen.write() as connection:
                return Done(operation(Desk(connection, read_caps(connection), self._ledger)))
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - it is handed to whoever asked for the operation
            return Done(error=error)


def _run(desk: Desk, operation: Operation) -> Done:
    try:
        with savepoint(desk.connection), explained():
            return Done(operation(desk))
    except LedgerError:
        raise  # no fault of this operation: a full or failing disk takes the whole transaction with it
    except Exception as error:  # noqa: BLE001 - it is handed to whoever asked for the operation
        return Done(error=error)
