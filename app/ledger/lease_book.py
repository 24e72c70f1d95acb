"""What may be spent under a team's caps while the team cannot be asked: the leases it gave to this laptop before.

Money is held of a lease as it is held of a cap: within the transaction at hand, in every window that the call counts
in or in none.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.core.caps import Cap
from app.core.reservations import CapWindow, Draft
from app.core.team import Lease
from app.ledger.cap_store import cap_columns, cap_of
from app.ledger.tables import switches
from app.ledger.team_outbox import forget_team
from app.ledger.team_tables import lease_draws, team_caps, team_leases

_CAPS_KNOWN = "team_caps_known"


class Drawn(StrEnum):
    """Whether a call may go without the team: no hard cap of it counts the call, leases pay for it, or neither."""

    FREE = "free"
    PAID = "paid"
    SHORT = "short"


def keep_caps(connection: Connection, caps: Sequence[Cap]) -> None:
    """Note the team's caps as they are now."""
    connection.execute(delete(team_caps))
    if caps:
        connection.execute(insert(team_caps), [cap_columns(cap) for cap in caps])
    known = upsert(switches).values(name=_CAPS_KNOWN, is_on=True, changed_at=datetime.now(UTC), changed_by="")
    connection.execute(known.on_conflict_do_nothing())


def read_team_caps(connection: Connection) -> list[Cap] | None:
    """The team's caps as they were when it was last asked; None when it never was."""
    if connection.execute(select(switches.c.is_on).where(switches.c.name == _CAPS_KNOWN)).scalar() is None:
        return None
    return [cap_of(row) for row in connection.execute(select(team_caps)).mappings()]


def keep_leases(connection: Connection, leases: Sequence[Lease]) -> None:
    """Note the leases as the team has them now: what calls took that it was not told of is still to come off."""
    connection.execute(delete(team_leases))
    if leases:
        columns = ("lease_id", "cap_id", "window_key", "amount_nano_usd", "ends_at")
        connection.execute(insert(team_leases), [{name: getattr(one, name) for name in columns} for one in leases])


def lease_ids(connection: Connection) -> list[str]:
    """The leases that this laptop has."""
    return list(connection.execute(select(team_leases.c.lease_id)).scalars())


def draw(connection: Connection, draft: Draft, now: datetime) -> Drawn:
    """Hold the most a call can cost of a lease in each hard window that it counts in, or of none."""
    caps = read_team_caps(connection)
    if caps is None:
        return Drawn.SHORT
    windows = [
        (one.cap_id, one.span(now, draft.payer).key) for one in caps if one.is_hard and one.applies_to(draft.payer)
    ]
    if not windows:
        return Drawn.FREE
    if draft.worst_nano_usd is None:
        return Drawn.SHORT
    found = [_lease_with(connection, window, draft.worst_nano_usd, now) for window in windows]
    drawn = [one for one in found if one is not None]
    if len(drawn) < len(windows):
        return Drawn.SHORT
    held = {"call_id": draft.call_id, "amount_nano_usd": draft.worst_nano_usd}
    connection.execute(insert(lease_draws), [held | {"lease_id": one} for one in drawn])
    return Drawn.PAID


def leave_team(connection: Connection) -> None:
    """Keep nothing of the team here."""
    forget_team(connection)
    connection.execute(delete(team_caps))
    connection.execute(delete(switches).where(switches.c.name == _CAPS_KNOWN))


def _lease_with(connection: Connection, window: CapWindow, needed: int, now: datetime) -> str | None:
    """A lease in this window from which so much can still be taken."""
    taken = (
        select(func.coalesce(func.sum(lease_draws.c.amount_nano_usd), 0))
        .where(lease_draws.c.lease_id == team_leases.c.lease_id)
        .scalar_subquery()
    )
    wide = select(team_leases.c.lease_id).where(
        team_leases.c.cap_id == window[0],
        team_leases.c.window_key == window[1],
        team_leases.c.ends_at.is_(None) | (team_leases.c.ends_at > now),
        team_leases.c.amount_nano_usd - taken >= needed,
    )
    return connection.execute(wide.limit(1)).scalar()
