"""Days counted three ways: by the meter, by agents' logs, by providers' exports."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, case, func, select, type_coerce

from app.core.call import Basis, Outcome
from app.core.day_count import DayCount
from app.ledger.engine import Ledger
from app.ledger.import_tables import billed_amounts, imported_calls
from app.ledger.spend import IS_MONEY
from app.ledger.tables import calls

_MICROS = 1_000_000


def day_counts(ledger: Ledger, start: datetime) -> list[DayCount]:
    """Each UTC day and provider since `start` that any of the three knows, in order."""
    with ledger.read() as connection:
        found: dict[tuple[str, str], dict[str, int]] = {}
        for row in (*_wire(connection, start), *_logs(connection, start), *_billed(connection, start)):
            values = dict(row)
            found.setdefault((values.pop("day"), values.pop("provider")), {}).update(values)
    return [DayCount(date.fromisoformat(day), provider, **values) for (day, provider), values in sorted(found.items())]


def _day(column: Any) -> Any:
    return func.strftime("%Y-%m-%d", type_coerce(column, BigInteger) // _MICROS, "unixepoch")


def _sum(column: Any) -> Any:
    return func.coalesce(func.sum(column), 0)


def _wire(connection: Connection, start: datetime) -> list[Any]:
    day = _day(calls.c.started_at)
    grouped = (
        select(
            day.label("day"),
            calls.c.provider.label("provider"),
            func.count().label("wire_calls"),
            _sum(calls.c.cost_nano_usd).label("wire_nano_usd"),
            func.count().filter(calls.c.cost_basis == Basis.UNPRICED).label("wire_unpriced"),
            func.count().filter(calls.c.cost_basis == Basis.ESTIMATED).label("wire_estimated"),
            func.count().filter(~IS_MONEY).label("subscription_calls"),
            func.coalesce(func.sum(calls.c.cost_nano_usd).filter(~IS_MONEY), 0).label("subscription_nano_usd"),
        )
        .where(calls.c.started_at >= start, calls.c.outcome != Outcome.REFUSED)
        .group_by(day, calls.c.provider)
    )
    return list(connection.execute(grouped).mappings())


def _logs(connection: Connection, start: datetime) -> list[Any]:
    """A tied call counts on the day and at the provider that the meter saw."""
    joined = imported_calls.outerjoin(calls, calls.c.call_id == imported_calls.c.wire_call_id)
    day = _day(func.coalesce(calls.c.started_at, imported_calls.c.started_at))
    provider = func.coalesce(calls.c.provider, imported_calls.c.provider)
    cost, is_alone = imported_calls.c.cost_nano_usd, calls.c.call_id.is_(None)
    grouped = (
        select(
            day.label("day"),
            provider.label("provider"),
            func.count().label("log_calls"),
            _sum(cost).label("log_nano_usd"),
            func.count().filter(cost.is_(None)).label("log_unpriced"),
            func.count().filter(is_alone).label("log_only_calls"),
            _sum(case((is_alone, cost), else_=0)).label("log_only_nano_usd"),
            _sum(case((is_alone | calls.c.cost_nano_usd.is_(None), 0), else_=cost)).label("tied_log_nano_usd"),
            _sum(case((cost.is_(None), 0), else_=calls.c.cost_nano_usd)).label("tied_wire_nano_usd"),
        )
        .select_from(joined)
        .where(imported_calls.c.started_at >= start)
        .group_by(day, provider)
    )
    return list(connection.execute(grouped).mappings())


def _billed(connection: Connection, start: datetime) -> list[Any]:
    grouped = (
        select(
            billed_amounts.c.day,
            billed_amounts.c.provider,
            func.sum(billed_amounts.c.amount_nano_usd).label("billed_nano_usd"),
        )
        .where(billed_amounts.c.day >= f"{start:%Y-%m-%d}")
        .group_by(billed_amounts.c.day, billed_amounts.c.provider)
    )
    return list(connection.execute(grouped).mappings())
