"""Which caps a call counts in."""

from dataclasses import dataclass

from sqlalchemy import select

from app.core.call import Call, Outcome
from app.core.caps import Cap, Payer
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.tables import totals


@dataclass(frozen=True, slots=True)
class CountedIn:
    """A cap in force, and the window of it that a call counts in. Amounts in nano-dollars, as they stand now."""

    cap: Cap
    window_key: str
    spent_nano_usd: int
    limit_nano_usd: int


def caps_counting(ledger: Ledger, call: Call) -> tuple[CountedIn, ...]:
    """The caps in force that carry this call, oldest first. One that was never sent counts in none."""
    if call.outcome is Outcome.REFUSED:
        return ()
    payer = Payer(call.tags, call.provider, call.request_model, call.billing)
    found = []
    with ledger.read() as connection:
        for cap in read_caps(connection):
            if not cap.applies_to(payer):
                continue
            key = cap.span(call.started_at, payer).key
            window = select(totals).where(totals.c.cap_id == cap.cap_id, totals.c.window_key == key)
            row = connection.execute(window).one_or_none()
            if row is not None:
                found.append(CountedIn(cap, key, row.posted_nano_usd, row.limit_nano_usd))
    return tuple(found)
