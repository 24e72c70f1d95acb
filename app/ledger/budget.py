"""What an agent may know of the money it works with: its own caps, and what its session or task has cost."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, literal_column, select

from app.core.caps import Cap, Payer
from app.core.tags import Scope, Tags
from app.ledger.cap_store import CapStatus, read_caps
from app.ledger.key_tables import may_be_of_key
from app.ledger.spend import IS_MONEY
from app.ledger.statement import Statement
from app.ledger.tables import calls, totals
from app.ledger.window_totals import spent_in

_SPENT = select(func.coalesce(func.sum(calls.c.cost_nano_usd), 0)).where(
    IS_MONEY, calls.c.virtual_key_id == bindparam("of_key")
)
_COST = {
    Scope.SESSION: Statement(_SPENT.where(calls.c.session == bindparam("label"))),
    # A task may be a branch that is worked on for years: only calls that the key can have made are gone through.
    Scope.TASK: Statement(
        _SPENT.where(
            calls.c.task == bindparam("label"),
            calls.c.task != literal_column("''"),
            may_be_of_key(calls.c.started_at, bindparam("of_key")),
        )
    ),
}


def budget_of(connection: Connection, payer: Payer, now: datetime) -> list[CapStatus]:
    """Every cap that a call of this payer counts in, with the window it would count in; tightest first.

    Where the payer names no provider or model, caps of a single provider or model are listed too: its calls may count
    in them.
    """
    found = [_status(connection, cap, payer, now) for cap in read_caps(connection) if _may_apply(cap, payer)]
    return sorted(found, key=lambda status: status.share, reverse=True)


def cost_of_label(connection: Connection, scope: Scope, tags: Tags) -> int:
    """What ended calls with this session (or task) and this virtual key have cost, as far as they have a price.
    Those that a subscription paid for have cost nothing."""
    of_label = {"label": getattr(tags, scope.value), "of_key": tags.virtual_key_id}
    return int(_COST[scope].value(connection, of_label))


def _may_apply(cap: Cap, payer: Payer) -> bool:
    unsaid = {Scope.PROVIDER: payer.provider, Scope.MODEL: payer.model}.get(cap.scope) == ""
    return cap.applies_to(payer) or (unsaid and cap.scope_key != "*")


def _status(connection: Connection, cap: Cap, payer: Payer, now: datetime) -> CapStatus:
    span = cap.span(now, payer)
    running = select(totals).where(totals.c.cap_id == cap.cap_id, totals.c.window_key == span.key)
    row = connection.execute(running).one_or_none()
    if row is None:
        spent, unpriced = spent_in(connection, cap, span, payer)
        return CapStatus(cap, span.key, spent, 0, cap.limit_nano_usd, span.starts_at, span.ends_at, unpriced)
    return CapStatus(
        cap, span.key, row.posted_nano_usd, row.held_nano_usd, row.limit_nano_usd,
        span.starts_at, span.ends_at, row.unpriced_calls,
    )  # fmt: skip
