"""Every call, and every day's sums, as flat rows for other programs: what was metered, and what logs alone tell."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Select, String, func, literal, null, select, type_coerce, union_all

from app.core.call import Basis, Outcome
from app.core.tags import Billing
from app.ledger.engine import Ledger
from app.ledger.import_tables import imported_calls
from app.ledger.instants import QUARTER
from app.ledger.summed_calls import summed_calls
from app.ledger.tables import EPOCH, calls

METER = "meter"
"""The source of a call that the meter saw itself; else it is the agent whose log tells of it."""
_PAYER = {name: name for name in ("project", "agent", "team", "task", "session", "virtual_key_id")} | {
    "user": "user_name"
}
_SHARED = (
    *("call_id", "started_at", "request_class", "agent_id", "parent_agent_id", "agent_kind", "provider"),
    *("api_shape", "operation", "request_model", "response_model", "response_id", "is_stream", "outcome"),
    *("status_code", "error_type", "duration_ms", "time_to_first_chunk_ms", "input_tokens", "output_tokens"),
    *("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "reasoning_tokens", "input_audio_tokens"),
    *("cache_audio_read_tokens", "output_audio_tokens", "web_searches", "cost_nano_usd", "cost_basis"),
    "price_version",
)
_DAY_LABELS = {name: name for name in ("project", "agent", "team", "provider", "model")} | {"user": "user_name"}
_DAY_COUNTS = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    "web_searches",
)
_PAGE = 2_000


def exported_calls(ledger: Ledger, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
    """The calls begun in [start, end), refused ones too, in the order of time, one page in memory at a time.

    `charged_nano_usd` is what caps carry for a metered call; a call out of a log has none, and no known billing.
    """
    metered = _flat(calls, literal(METER), calls.c.charged_nano_usd, calls.c.billing)
    alone = imported_calls.c.wire_call_id == ""
    logged = _flat(
        imported_calls, imported_calls.c.source, type_coerce(null(), BigInteger), type_coerce(null(), String)
    )
    arms = (
        arm.where(table.c.started_at >= start, table.c.started_at < end)
        for table, arm in ((calls, metered), (imported_calls, logged.where(alone)))
    )
    source = union_all(*arms).subquery("exported")
    with ledger.read() as connection:
        ordered = select(source).order_by(source.c.started_at, source.c.call_id)
        rows = connection.execution_options(stream_results=True, yield_per=_PAGE).execute(ordered)
        for row in rows.mappings():
            yield dict(row)


def exported_days(ledger: Ledger, start: datetime, end: datetime, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The sums of the calls begun in [start, end) by day in `zone` and by who paid for what, in the order of days.

    `calls` were sent, `refused_calls` were not; `cost_nano_usd` is what the API was paid, `subscription_nano_usd` what
    it would have asked for calls that a subscription covered.
    """
    columns = _day_sums(start, end)
    days: dict[tuple[date, tuple[str, ...]], list[int]] = {}
    with ledger.read() as connection:
        for row in connection.execute(columns):
            quarter, *rest = row
            labels, figures = tuple(rest[: len(_DAY_LABELS)]), rest[len(_DAY_LABELS) :]
            day = (EPOCH + QUARTER * quarter).astimezone(zone).date()
            sums = days.setdefault((day, labels), [0] * len(figures))
            days[day, labels] = [known + int(more) for known, more in zip(sums, figures, strict=True)]
    names = ("calls", "refused_calls", "unpriced_calls", *_DAY_COUNTS, "cost_nano_usd", "subscription_nano_usd")
    return [
        {"day": day, **dict(zip(_DAY_LABELS, labels, strict=True)), **dict(zip(names, sums, strict=True))}
        for (day, labels), sums in sorted(days.items())
    ]


def _day_sums(start: datetime, end: datetime) -> Select[Any]:
    names = ("quarter", *_DAY_LABELS.values(), "outcome", "cost_basis", "billing", "number", "cost_nano_usd")
    one = summed_calls((*names, *_DAY_COUNTS), start, end, with_logs=True).c
    keys = [one.quarter, *(one[column] for column in _DAY_LABELS.values())]
    sent, was_sent = one.outcome != Outcome.REFUSED, func.coalesce
    figures = (
        was_sent(func.sum(one.number).filter(sent), 0),
        was_sent(func.sum(one.number).filter(~sent), 0),
        was_sent(func.sum(one.number).filter(sent & (one.cost_basis == Basis.UNPRICED)), 0),
        *(func.sum(one[name]) for name in _DAY_COUNTS),
        was_sent(func.sum(one.cost_nano_usd).filter(one.billing == Billing.API), 0),
        was_sent(func.sum(one.cost_nano_usd).filter(one.billing == Billing.SUBSCRIPTION), 0),
    )
    return select(*keys, *figures).group_by(*keys)


def _flat(table: Any, source: Any, charged: Any, billing: Any) -> Select[Any]:
    named = {**{name: table.c[name] for name in _SHARED}, **{name: table.c[column] for name, column in _PAYER.items()}}
    extra = {"source": source, "charged_nano_usd": charged, "billing": billing}
    return select(*(column.label(name) for name, column in (named | extra).items()))
