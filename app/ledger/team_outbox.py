"""What the team is still to be told of this laptop's calls, in order.

An end is written here by the transaction that settles the call, whoever settles it, and taken out once the team has
it. So nothing is lost while the team cannot be reached, or when a meter dies; and since the team takes each call once,
it does no harm to tell it twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from app.core.reservations import ReservationState
from app.core.team import Ended
from app.ledger.engine import Ledger
from app.ledger.rows import call_of
from app.ledger.statement import Statement, insertion
from app.ledger.tables import calls
from app.ledger.team_tables import lease_draws, team_leases, team_outbox

NOT_SENT = "not_sent"
"""The state of a call that was not sent although the team may hold money for it."""
AT_ONCE = 200

_PUT = Statement(insert(team_outbox), insertion(team_outbox))
_DRAWN_FROM = Statement(select(lease_draws.c.lease_id).where(lease_draws.c.call_id == bindparam("of_call")))


@dataclass(frozen=True, slots=True)
class Untold:
    """One end that the team was not told. `ended` is None for a call that was not sent."""

    row_id: int
    call_id: str
    ended: Ended | None


def tell_team(connection: Connection, call_id: str, state: str, charged_nano_usd: int) -> None:
    """Have the team told that a call has ended. What it held of leases is what it took from them now."""
    lease_ids = [row.lease_id for row in _DRAWN_FROM.rows(connection, {"of_call": call_id})]
    if lease_ids:
        drawn = update(lease_draws).where(lease_draws.c.call_id == call_id)
        connection.execute(drawn.values(amount_nano_usd=charged_nano_usd))
    told = {"call_id": call_id, "state": state, "charged_nano_usd": charged_nano_usd, "lease_ids": " ".join(lease_ids)}
    _PUT.run(connection, told)


def untold(ledger: Ledger, after_row: int = 0, most: int = AT_ONCE) -> list[Untold]:
    """The next ends that the team was not told, oldest first. Raises LedgerError."""
    next_ones = select(team_outbox).where(team_outbox.c.row_id > after_row).order_by(team_outbox.c.row_id).limit(most)
    with ledger.read() as connection:
        rows = connection.execute(next_ones).mappings().all()
        ended = select(calls).where(calls.c.call_id.in_([row["call_id"] for row in rows]))
        found = {row["call_id"]: row for row in connection.execute(ended).mappings()} if rows else {}
    return [Untold(row["row_id"], row["call_id"], _ended(row, found.get(row["call_id"]))) for row in rows]


def count_untold(ledger: Ledger) -> int:
    """How many ends the team was not told. Raises LedgerError."""
    with ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(team_outbox)).scalar_one())


def forget_told(connection: Connection, told: Sequence[Untold]) -> None:
    """The team has these. What they took from leases is gone from them there, and so here."""
    connection.execute(delete(team_outbox).where(team_outbox.c.row_id.in_([one.row_id for one in told])))
    mine = lease_draws.c.call_id.in_([one.call_id for one in told])
    for row in connection.execute(select(lease_draws).where(mine)).all():
        left = team_leases.c.amount_nano_usd - row.amount_nano_usd
        which = team_leases.c.lease_id == row.lease_id
        connection.execute(update(team_leases).where(which).values(amount_nano_usd=func.max(0, left)))
    connection.execute(delete(lease_draws).where(mine))


def forget_team(connection: Connection) -> None:
    """This laptop has left: nothing of the team is kept here, told or not."""
    connection.execute(delete(team_outbox))
    connection.execute(delete(lease_draws))
    connection.execute(delete(team_leases))


def _ended(row: Any, call: Any) -> Ended | None:
    """None for a call that was not sent; a refusal may have been written of it since."""
    if row["state"] == NOT_SENT or call is None:
        return None
    lease_ids = tuple(row["lease_ids"].split())
    return Ended(call_of(call), row["charged_nano_usd"], ReservationState(row["state"]), lease_ids)
