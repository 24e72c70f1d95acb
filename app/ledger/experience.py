"""What past calls of an agent and a model tell about the next one: how much they answered, and how well that held.

Used by caps with `hold` learned. Looks at a fixed number of the newest calls, by an index, whatever the ledger's size.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from app.core.call import Outcome
from app.core.caps import Cap
from app.core.reservations import Draft, ReservationState
from app.ledger.engine import Ledger
from app.ledger.tables import calls, holds, reservations

LOOKED_AT = 200
FEWEST = 20
"""With fewer calls than this nothing is concluded, and the whole worst case is held."""
QUANTILE_PERCENT = 95


@dataclass(frozen=True, slots=True)
class LearnedBound:
    """How holding by experience went in one cap's last thousand calls.

    `extended_calls` needed more than was held at first and got it or were cut; `cut_calls` were cut.
    `largest_excess_nano_usd` is the most that one call cost above what was held for it in the end, and
    `excess_nano_usd` all of that together: so far the cap could be passed by that much, and no more.
    """

    calls: int
    cut_calls: int
    largest_excess_nano_usd: int
    excess_nano_usd: int


def likely_output(connection: Connection, draft: Draft) -> int | None:
    """Tokens of output that 95 % of the newest calls of this agent and model stayed within; None with too few calls."""
    newest = (
        select(calls.c.output_tokens)
        .where(
            calls.c.agent == draft.tags.agent,
            calls.c.request_model == draft.request_model,
            calls.c.provider == draft.provider,
            calls.c.outcome == Outcome.COMPLETED,
            calls.c.output_tokens.is_not(None),
        )
        .order_by(calls.c.row_id.desc())
        .limit(LOOKED_AT)
    )
    counts = sorted(connection.execute(newest).scalars())
    if len(counts) < FEWEST:
        return None
    return int(counts[-(-len(counts) * QUANTILE_PERCENT // 100) - 1])


def learned_bound(ledger: Ledger, cap: Cap, *, newest: int = 1000) -> LearnedBound:
    """What holding less than the worst case has come to in a cap so far."""
    less = (
        select(calls.c.charged_nano_usd, calls.c.error_type, reservations.c.held_nano_usd)
        .join(reservations, reservations.c.call_id == calls.c.call_id)
        .join(holds, and_(holds.c.call_id == calls.c.call_id, holds.c.cap_id == cap.cap_id))
        .where(
            reservations.c.state != ReservationState.HELD,
            reservations.c.held_nano_usd < reservations.c.worst_nano_usd,
        )
        .order_by(calls.c.row_id.desc())
        .limit(newest)
        .subquery()
    )
    excess = func.max(less.c.charged_nano_usd - less.c.held_nano_usd, 0)
    cut = func.count().filter(less.c.error_type == CUT_ERROR)
    with ledger.read() as connection:
        rows = connection.execute(
            select(
                func.count(), cut, func.coalesce(func.max(excess), 0), func.coalesce(func.sum(excess), 0)
            ).select_from(less)
        ).one()
    return LearnedBound(*(int(value) for value in rows))


CUT_ERROR = "cap_cut"
"""The `error_type` of a call whose answer was cut because its money ran out."""
