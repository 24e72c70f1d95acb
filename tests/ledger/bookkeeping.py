"""Calls to put into a ledger, and its totals derived a second time, by core's rules in the place of SQL."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.caps import Action, Cap, Payer
from app.core.origin import MAIN_ORIGIN, Origin
from app.core.reservations import CapWindow, Draft, ReservationState, Verdict
from app.core.tags import Billing, Scope, Tags
from app.core.usage import Usage
from app.core.windows import Window
from app.ledger import cap_store
from app.ledger.admission import admit
from app.ledger.cap_store import CapStatus, cap_statuses, read_caps
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.rows import tags_of
from app.ledger.settlement import settle, void
from app.ledger.tables import calls, reservations, totals

NOTHING_EXCUSED: frozenset[CapWindow] = frozenset()


@dataclass(frozen=True, slots=True)
class Total:
    """What one window of one cap carries."""

    posted: int
    held: int
    unpriced: int


def make_draft(
    worst: int | None = 100,
    *,
    at: datetime | None = None,
    call_id: str = "",
    model: str = "opus",
    tags: Tags | None = None,
    billing: Billing = Billing.API,
    origin: Origin = MAIN_ORIGIN,
    **labels: str,
) -> Draft:
    return Draft(
        call_id=call_id or new_id(),
        at=at or datetime.now(UTC),
        provider="anthropic",
        api_shape=ApiShape.ANTHROPIC_MESSAGES,
        operation="chat",
        request_model=model,
        is_stream=True,
        tags=tags or Tags(**labels),
        worst_nano_usd=worst,
        billing=billing,
        origin=origin,
    )


def make_call(draft: Draft, cost: int | None, **values: Any) -> Call:
    call = Call(
        call_id=draft.call_id,
        started_at=draft.at,
        provider=draft.provider,
        api_shape=draft.api_shape,
        operation=draft.operation,
        request_model=draft.request_model,
        tags=draft.tags,
        outcome=Outcome.COMPLETED,
        usage=Usage(),
        cost_nano_usd=cost,
        cost_basis=Basis.UNPRICED if cost is None else Basis.TABLE,
        billing=draft.billing,
        origin=draft.origin,
    )
    return replace(call, **values)


def reserve(
    ledger: Ledger, draft: Draft, *, instance: str = "meter", excused: frozenset[CapWindow] = NOTHING_EXCUSED
) -> Verdict:
    with ledger.write() as connection:
        return admit(connection, read_caps(connection), draft, instance_id=instance, excused=excused)


def end(ledger: Ledger, draft: Draft, cost: int | None, *, is_certain: bool = True, **values: Any) -> bool:
    call = make_call(draft, cost, **values)
    with ledger.write() as connection:
        return settle(connection, read_caps(connection), call, datetime.now(UTC), is_certain=is_certain)


def void_call(ledger: Ledger, draft: Draft) -> bool:
    with ledger.write() as connection:
        return void(connection, make_call(draft, 0, outcome=Outcome.FAILED))


def spend_money(ledger: Ledger, cost: int | None, *, worst: int | None = None, **draft_values: Any) -> Draft:
    """One call from beginning to end, whatever caps say."""
    draft = make_draft(cost if worst is None else worst, **draft_values)
    excused = frozenset((cap.cap_id, cap.span(draft.at, draft.payer).key) for cap in cap_store.list_caps(ledger))
    assert reserve(ledger, draft, excused=excused).is_admitted
    assert end(ledger, draft, cost)
    return draft


def set_cap(ledger: Ledger, limit: int, **values: Any) -> Cap:
    asked: dict[str, Any] = {
        "scope": Scope.EVERYTHING,
        "scope_key": "",
        "window": Window.TOTAL,
        "action": Action.BLOCK,
        "time_zone": "UTC",
    }
    return cap_store.add_cap(ledger, limit_nano_usd=limit, **(asked | values))


def status_of(ledger: Ledger, cap: Cap, now: datetime | None = None) -> CapStatus:
    return next(one for one in cap_statuses(ledger, now or datetime.now(UTC)) if one.cap.cap_id == cap.cap_id)


def money_in(ledger: Ledger, cap: Cap, now: datetime | None = None) -> tuple[int, int]:
    """Spent and held in the running window."""
    status = status_of(ledger, cap, now)
    return status.spent_nano_usd, status.held_nano_usd


def written_totals(ledger: Ledger) -> dict[CapWindow, Total]:
    """The totals as they stand in their rows."""
    with ledger.read() as connection:
        rows = connection.execute(select(totals)).all()
    return {
        (row.cap_id, row.window_key): Total(row.posted_nano_usd, row.held_nano_usd, row.unpriced_calls) for row in rows
    }


def derived_totals(ledger: Ledger) -> dict[CapWindow, Total]:
    """The same windows, counted again from the calls and from what is on its way."""
    posted: Counter[CapWindow] = Counter()
    held: Counter[CapWindow] = Counter()
    unpriced: Counter[CapWindow] = Counter()
    running = select(reservations).where(reservations.c.state == ReservationState.HELD)
    with ledger.read() as connection:
        caps = read_caps(connection)
        ended_rows = connection.execute(select(calls)).mappings().all()
        running_rows = connection.execute(running).mappings().all()
    for row in ended_rows:
        for window in _windows(caps, row, row["started_at"]):
            posted[window] += row["charged_nano_usd"]
            unpriced[window] += row["cost_nano_usd"] is None
    for row in running_rows:
        for window in _windows(caps, row, row["reserved_at"]):
            held[window] += row["held_nano_usd"]
    return {window: Total(posted[window], held[window], unpriced[window]) for window in written_totals(ledger)}


def _windows(caps: list[Cap], row: Any, instant: datetime) -> list[CapWindow]:
    payer = Payer(tags_of(row), row["provider"], row["request_model"], Billing(row["billing"]))
    return [(cap.cap_id, cap.span(instant, payer).key) for cap in caps if cap.applies_to(payer)]
