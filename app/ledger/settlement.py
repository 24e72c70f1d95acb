"""What becomes of a reservation: posted, voided, or uncertain; each at most once.

The state guard (`WHERE state = 'held'`) makes every ending a no-op the second time, so a settle that is delivered
twice, or after a crash was already cleaned up, changes nothing.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, delete, insert, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert as upsert

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.caps import Cap, cap_name
from app.core.reservations import ReservationState
from app.core.tags import Billing
from app.core.usage import Usage
from app.ledger.limit_tables import observations
from app.ledger.rows import call_columns, origin_of, tags_of
from app.ledger.statement import Statement, insertion
from app.ledger.tables import alerts, calls, holds, reservations, totals
from app.ledger.team_outbox import NOT_SENT, tell_team
from app.ledger.team_tables import lease_draws

# Built once: to build a statement takes longer than to run it.
_WRITE = Statement(insert(calls), insertion(calls))
_TAKE = Statement(
    update(reservations)
    .where(reservations.c.call_id == bindparam("of_call"), reservations.c.state == ReservationState.HELD)
    .values(state=bindparam("state"))
    .returning(reservations.c.worst_nano_usd, reservations.c.held_nano_usd, reservations.c.is_of_team)
)
# Looks the few windows up by their key; an EXISTS would walk through all there ever were (50 ms at 50,000).
_HELD_BY = tuple_(totals.c.cap_id, totals.c.window_key).in_(
    select(holds.c.cap_id, holds.c.window_key).where(holds.c.call_id == bindparam("of_call"))
)
_RELEASE = Statement(
    update(totals)
    .where(_HELD_BY)
    .values(
        held_nano_usd=totals.c.held_nano_usd - bindparam("held", type_=BigInteger),
        posted_nano_usd=totals.c.posted_nano_usd + bindparam("charged", type_=BigInteger),
        unpriced_calls=totals.c.unpriced_calls + bindparam("unpriced", type_=BigInteger),
    )
    .returning(totals.c.cap_id, totals.c.window_key, totals.c.posted_nano_usd, totals.c.limit_nano_usd)
)


def settle(connection: Connection, caps: list[Cap], call: Call, now: datetime, *, is_certain: bool = True) -> bool:
    """Turn the held money into the call's cost and write the call. False when it was settled before.

    `is_certain` False: nobody can tell what the call cost (a stream cut in half), so the caps carry what was held
    while `call.cost_nano_usd` keeps the best estimate. Without an estimate (the meter died, or the answer came from a
    model without a price) they carry the worst case. A call that had no price from the start charges nothing; all
    calls without a cost are counted.
    """
    state = ReservationState.POSTED if is_certain else ReservationState.UNCERTAIN
    row = _take_held(connection, call.call_id, state)
    if row is None:
        return False
    held, cost = row.held_nano_usd, call.cost_nano_usd
    if cost is None:
        charged = max(held, row.worst_nano_usd or 0)
    else:
        charged = cost if is_certain else max(held, cost)
    windows = _release(connection, call.call_id, held, charged, unpriced=cost is None)
    _WRITE.run(connection, call_columns(call, charged))
    if row.is_of_team:
        tell_team(connection, call.call_id, state, charged)
    _raise_alerts(connection, caps, windows, now)
    return True


def void(connection: Connection, call: Call) -> bool:
    """Give the held money back: the call cost nothing. The call is written. False when it was settled before."""
    row = _take_held(connection, call.call_id, ReservationState.VOIDED)
    if row is None:
        return False
    _release(connection, call.call_id, row.held_nano_usd, 0, unpriced=False)
    _WRITE.run(connection, call_columns(call, 0))
    if row.is_of_team:
        tell_team(connection, call.call_id, ReservationState.VOIDED, 0)
    return True


def release(connection: Connection, call_id: str, *, is_told: bool) -> bool:
    """Take back what is held for a call that was not sent, as if it had never been: it may come again. False when it
    is not held. `is_told`: the team may hold it too, and is told."""
    row = _take_held(connection, call_id, ReservationState.VOIDED)
    if row is None:
        return False
    _release(connection, call_id, row.held_nano_usd, 0, unpriced=False)
    for table in (holds, reservations, observations, lease_draws):
        connection.execute(delete(table).where(table.c.call_id == call_id))
    if is_told:
        tell_team(connection, call_id, NOT_SENT, 0)
    return True


def write_refused(connection: Connection, call: Call) -> None:
    """Write a call that was never sent. It holds and costs nothing."""
    _WRITE.run(connection, call_columns(call, 0))


def abandon(connection: Connection, caps: list[Cap], instance_id: str, now: datetime) -> int:
    """End all held reservations of a meter that died: uncertain, at the worst case. Returns how many.

    Never to zero: the provider may have answered, and billed, after the meter was gone.
    """
    held = select(reservations).where(
        reservations.c.instance_id == instance_id, reservations.c.state == ReservationState.HELD
    )
    rows = connection.execute(held).mappings().all()
    for row in rows:
        settle(connection, caps, _lost_call(row), now, is_certain=False)
    return len(rows)


def holding_meters(connection: Connection) -> set[str]:
    """The instances of meters whose calls hold money."""
    held = select(reservations.c.instance_id).where(reservations.c.state == ReservationState.HELD)
    return set(connection.execute(held.distinct()).scalars())


def _lost_call(row: Any) -> Call:
    """All that is known of a call whose meter died."""
    return Call(
        call_id=row["call_id"],
        started_at=row["reserved_at"],
        provider=row["provider"],
        api_shape=ApiShape(row["api_shape"]),
        operation=row["operation"],
        request_model=row["request_model"],
        tags=tags_of(row),
        outcome=Outcome.INTERRUPTED,
        usage=Usage(),
        cost_nano_usd=None,
        cost_basis=Basis.UNPRICED,
        is_stream=row["is_stream"],
        error_type="meter_died",
        billing=Billing(row["billing"]),
        origin=origin_of(row),
    )


def _take_held(connection: Connection, call_id: str, state: ReservationState) -> Any:
    """Move one reservation out of `held`; None when it is not held."""
    return _TAKE.first(connection, {"of_call": call_id, "state": state})


def _release(connection: Connection, call_id: str, held: int, charged: int, *, unpriced: bool) -> list[Any]:
    """Move money from held to posted in the windows the reservation remembers. Returns what stands in them now."""
    amounts = {"held": held, "charged": charged, "unpriced": int(unpriced)}
    return _RELEASE.rows(connection, {"of_call": call_id} | amounts)


def _raise_alerts(connection: Connection, caps: list[Cap], windows: list[Any], now: datetime) -> None:
    """Note each alert level that spend has reached, once for each window."""
    by_id = {cap.cap_id: cap for cap in caps}
    for row in windows:
        cap = by_id.get(row.cap_id)
        if cap is None:
            continue
        for percent in cap.alert_percents:
            if row.posted_nano_usd * 100 >= percent * row.limit_nano_usd:
                _alert_once(connection, cap, row, percent, now)


def _alert_once(connection: Connection, cap: Cap, row: Any, percent: int, now: datetime) -> None:
    connection.execute(
        upsert(alerts)
        .values(
            cap_id=cap.cap_id,
            cap_name=cap_name(cap),
            window_key=row.window_key,
            percent=percent,
            spent_nano_usd=row.posted_nano_usd,
            limit_nano_usd=row.limit_nano_usd,
            told_at=now,
        )
        .on_conflict_do_nothing()
    )
