"""What is still known of calls that were dropped for their age: from which instant on all calls are kept, and what the
dropped ones cost, by the sums that stay.

Only calls that are summed, and whose caps carry exactly their cost, are ever dropped (`retention`), so what was dropped
is the difference between the sums before that instant and the calls that are left there.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, func, select, type_coerce
from sqlalchemy.dialects.sqlite import insert as upsert

from app.ledger.instants import QUARTER_MICROS
from app.ledger.rollup import THROUGH, as_sum, rollups
from app.ledger.tables import calls, micros, switches

KEPT_SINCE = "calls_kept_since"
_KEPT = select(switches.c.changed_at).where(switches.c.name == KEPT_SINCE)


def kept_since(connection: Connection) -> datetime | None:
    """The instant from which on every call is kept, the beginning of a quarter of an hour; None when none was ever
    dropped."""
    return connection.execute(_KEPT).scalar_one_or_none()


def note_kept_since(connection: Connection, instant: datetime) -> None:
    """Say that calls before this instant may be missing. Never goes back."""
    row = upsert(switches).values(name=KEPT_SINCE, is_on=True, changed_at=instant, changed_by="")
    later = func.max(switches.c.changed_at, row.excluded.changed_at)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"changed_at": later}))


def dropped_costs(
    connection: Connection, column: str, starts_at: datetime | None, ends_at: datetime | None, *billing: str
) -> dict[str, int]:
    """Nano-dollars that dropped calls of [starts_at, ends_at) cost, by a column of the sums (`model` is the one that
    answered), or under "" in all where none is named; of these kinds of billing, or any."""
    since = kept_since(connection)
    if since is None or (starts_at is not None and starts_at >= since):
        return {}
    first, last = (0 if at is None else micros(at) // QUARTER_MICROS for at in (starts_at, since))
    last = last if ends_at is None else min(last, micros(ends_at) // QUARTER_MICROS)
    one = as_sum(calls.c)
    quarter = type_coerce(calls.c.started_at, BigInteger) // QUARTER_MICROS
    summed = _by_label(connection, rollups.c, rollups.c.quarter, column, (first, last), billing)
    left = _by_label(connection, one, quarter, column, (first, last), billing, calls.c.row_id <= THROUGH)
    return {label: cost - left.get(label, 0) for label, cost in summed.items()}


def _by_label(
    connection: Connection, columns: Any, quarter: Any, name: str, between: tuple[int, int], billing: Any, *more: Any
) -> dict[str, int]:
    label = [columns[name]] if name else []
    wanted = [quarter >= between[0], quarter < between[1], *more]
    if billing:
        wanted.append(columns["billing"].in_(billing))
    found = select(func.coalesce(func.sum(columns["cost_nano_usd"]), 0), *label).where(*wanted).group_by(*label)
    return {(row[1] if name else ""): int(row[0]) for row in connection.execute(found)}
