"""Telling the team of calls that have ended, in order, each until the team has it."""

import contextlib
from collections.abc import Callable

from app.core.errors import LedgerError
from app.ledger.engine import Ledger
from app.ledger.group_writer import Operation, Writing
from app.ledger.team_outbox import AT_ONCE, Untold, forget_told, untold
from proxy_addon.team_seat import Team


class Telling:
    """What one meter has told. `post` has the laptop's ledger written by its one writer, as long as that is there."""

    def __init__(self, ledger: Ledger, post: Callable[[Operation], object]) -> None:
        self._ledger = ledger
        self._post = post
        self._has_writer = True
        self._through = 0

    def tell(self, team: Team) -> None:
        """Tell the team what it does not know, all of it. Raises LedgerError."""
        while rows := untold(self._ledger, self._through):
            for ended, group in _runs(rows):
                if ended:
                    team.settle([one.ended for one in group if one.ended is not None])
                else:
                    team.release([one.call_id for one in group])
            self._forget(rows)
            self._through = rows[-1].row_id
            if len(rows) < AT_ONCE:
                return

    def writer_has_ended(self) -> None:
        """What is told from now on is written here."""
        self._has_writer = False

    def is_done(self) -> bool:
        """Whether nothing is left, or nothing can be read."""
        with contextlib.suppress(LedgerError):
            return not untold(self._ledger, self._through, 1)
        return True

    def _forget(self, told: list[Untold]) -> None:
        if self._has_writer:
            self._post(Writing(forget_told, told))
            return
        with self._ledger.write() as connection:
            forget_told(connection, told)


def _runs(rows: list[Untold]) -> list[tuple[bool, list[Untold]]]:
    """The rows in order, cut where calls that have ended and calls that were not sent take turns."""
    runs: list[tuple[bool, list[Untold]]] = []
    for row in rows:
        is_ended = row.ended is not None
        if not runs or runs[-1][0] is not is_ended:
            runs.append((is_ended, []))
        runs[-1][1].append(row)
    return runs
