"""Moving a laptop's calls into a team's ledger, and a member's calls back out: every call, as it is, and none twice.

What is moved in was spent before, so it counts in none of the team's caps; what is moved out counts in the laptop's own
caps, as if it had always been there. A call that is there already is left alone, so moving again changes nothing.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from app.ledger.cap_store import count_all_anew
from app.ledger.engine import Ledger
from app.ledger.tables import EPOCH, calls
from app.ledger.team.ledger import TeamLedger

PAGE = 500
COLUMNS = tuple(column.name for column in calls.columns if column.name != "row_id")


def move_calls_in(ledger: Ledger, team: TeamLedger) -> int:
    """Copy all calls of a laptop's ledger into a team's. Returns how many were not there yet. Raises LedgerError."""
    return sum(team.move_in(page) for page in _local_pages(ledger))


def move_calls_out(team: TeamLedger, ledger: Ledger) -> int:
    """Copy all own calls of a team's ledger into a laptop's, whose caps are then counted anew; a raise of one is taken
    back. Returns how many were not there yet. Raises LedgerError."""
    added, after = 0, 0
    while page := team.move_out(after, PAGE):
        with ledger.write() as connection:
            added += _add(connection, page)
        after = page[-1]["row_id"]
    if added:
        with ledger.write() as connection:
            count_all_anew(connection)
    return added


def _local_pages(ledger: Ledger) -> Iterator[list[dict[str, Any]]]:
    after = 0
    while True:
        following = select(calls).where(calls.c.row_id > after).order_by(calls.c.row_id).limit(PAGE)
        with ledger.read() as connection:
            rows = connection.execute(following).mappings().all()
        if not rows:
            return
        yield [{name: row[name] for name in COLUMNS} for row in rows]
        after = rows[-1]["row_id"]


def _add(connection: Connection, page: list[dict[str, Any]]) -> int:
    ids = [row["call_id"] for row in page]
    known = set(connection.execute(select(calls.c.call_id).where(calls.c.call_id.in_(ids))).scalars())
    new = [_local_row(row) for row in page if row["call_id"] not in known]
    if new:
        connection.execute(insert(calls), new)
    return len(new)


def _local_row(row: dict[str, Any]) -> dict[str, Any]:
    started_at = EPOCH + timedelta(microseconds=row["started_at"])
    return {name: row[name] for name in COLUMNS} | {"started_at": started_at}
