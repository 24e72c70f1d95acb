"""What webhooks are to be told: written down before it is sent, and marked once it has arrived.

So an event that was sent and not marked yet is sent again, with the same id, and none is lost. How far the ledger was
looked through is noted in the transaction that writes the events down.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, bindparam, case, delete, func, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlmodel import Field, SQLModel

from app.core.webhooks import Event, EventKind
from app.ledger.engine import Ledger
from app.ledger.export_places import export_places
from app.ledger.tables import Instant, instant, table_of

KEPT = timedelta(days=30)
"""How long what has ended is kept. A cap's alert stays: it is told once for each window, and some windows never end."""


class DeliveryState(StrEnum):
    """What became of it. `known`: it stood when the webhook was added, and is not told."""

    WAITING = ""
    DELIVERED = "delivered"
    REFUSED = "refused"
    GIVEN_UP = "given up"
    KNOWN = "known"


class WebhookDeliveryRow(SQLModel, table=True):
    """An event for one webhook. `told` is its content as JSON; `trouble` why the last try failed, in words of ours."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("webhook_deliveries_due", "webhook", "next_try_at", sqlite_where=text("ended_at IS NULL")),)
    webhook: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    kind: str
    happened_at: datetime = instant()
    told: str
    tries: int
    first_tried_at: datetime | None = instant(nullable=True)
    next_try_at: datetime = instant()
    ended_at: datetime | None = instant(nullable=True)
    outcome: str
    trouble: str


webhook_deliveries = table_of(WebhookDeliveryRow)
_D = webhook_deliveries.c


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that a webhook is to be told, and how often that was tried, since when."""

    webhook: str
    event: Event
    tries: int
    first_tried_at: datetime | None


@dataclass(frozen=True, slots=True)
class WebhookCount:
    """How a webhook stands. `lost` were refused or given up, the last of them at `lost_at`; `trouble` is why one of
    those that wait did not arrive yet, and `lost_trouble` why the last of the lost never did."""

    waiting: int
    delivered: int
    lost: int
    lost_at: datetime | None
    trouble: str
    lost_trouble: str


def place_name(webhook: str, source: str) -> str:
    """What a webhook's place in one source of events is called among the places of exporters."""
    return f"webhook {webhook} {source}"


def places_of(ledger: Ledger, webhook: str) -> dict[str, int]:
    """How far each source was looked through for a webhook; empty for one that is new."""
    start = place_name(webhook, "")
    asked = select(export_places).where(func.substr(export_places.c.receiver, 1, len(start)) == start)
    with ledger.read() as connection:
        return {row.receiver.removeprefix(start): row.row_id for row in connection.execute(asked)}


def put_events(
    ledger: Ledger, webhook: str, events: Iterable[Event], places: Mapping[str, int], now: datetime, *, known: bool
) -> None:
    """Write down events, each once, and how far the sources were looked through. `known`: they are not to be told."""
    ended = {"ended_at": now if known else None, "outcome": DeliveryState.KNOWN if known else DeliveryState.WAITING}
    rows = [_row(webhook, event) | {"next_try_at": now} | ended for event in events]
    with ledger.write() as connection:
        for row in rows:
            connection.execute(upsert(webhook_deliveries).values(row).on_conflict_do_nothing())
        for source, place in places.items():
            noted = upsert(export_places).values(receiver=place_name(webhook, source), row_id=place)
            connection.execute(noted.on_conflict_do_update(index_elements=["receiver"], set_={"row_id": place}))
        old = (_D.webhook == webhook, _D.ended_at < now - KEPT, _D.kind != EventKind.CAP_ALERT)
        connection.execute(delete(webhook_deliveries).where(*old))


def is_new_to(ledger: Ledger, webhook: str, event_ids: Iterable[str]) -> set[str]:
    """Those of these events that are not written down yet."""
    wanted = set(event_ids)
    if not wanted:
        return wanted
    written = select(_D.event_id).where(_D.webhook == webhook, _D.event_id.in_(wanted))
    with ledger.read() as connection:
        return wanted - set(connection.execute(written).scalars())


def due_deliveries(ledger: Ledger, webhook: str, now: datetime, most: int) -> list[Delivery]:
    """What is to be sent now, what is due longest first, at most so many."""
    due = (_D.webhook == webhook, _D.ended_at.is_(None), _D.next_try_at <= now)
    asked = select(webhook_deliveries).where(*due).order_by(_D.next_try_at, _D.happened_at).limit(most)
    with ledger.read() as connection:
        return [_delivery(row) for row in connection.execute(asked).mappings()]


def note_ended(ledger: Ledger, delivery: Delivery, now: datetime, outcome: DeliveryState, trouble: str = "") -> None:
    """Mark a delivery that is not tried again, with why it did not arrive."""
    _note(ledger, [delivery], now, {"ended_at": now, "outcome": outcome, "trouble": trouble})


def note_failed(ledger: Ledger, deliveries: Sequence[Delivery], now: datetime, next_at: datetime, trouble: str) -> None:
    """Mark deliveries that did not arrive and are tried again at `next_at`."""
    _note(ledger, deliveries, now, {"next_try_at": next_at, "trouble": trouble})


def _note(ledger: Ledger, deliveries: Sequence[Delivery], now: datetime, values: Mapping[str, Any]) -> None:
    ids = [delivery.event.event_id for delivery in deliveries]
    these = (_D.webhook == deliveries[0].webhook, _D.event_id.in_(ids))
    tried = {
        "tries": _D.tries + 1,
        "first_tried_at": func.coalesce(_D.first_tried_at, bindparam("tried_at", now, Instant)),
    }
    with ledger.write() as connection:
        connection.execute(update(webhook_deliveries).where(*these).values(tried | dict(values)))


def webhook_counts(ledger: Ledger) -> dict[str, WebhookCount]:
    """How each webhook stands that was ever told something."""
    lost = _D.outcome.in_((DeliveryState.REFUSED, DeliveryState.GIVEN_UP))
    delivered = _D.outcome == DeliveryState.DELIVERED
    sums = (
        func.count().filter(_D.ended_at.is_(None)),
        func.count().filter(delivered),
        func.count().filter(lost),
        func.max(case((lost, _D.ended_at))),
    )
    last = select(_D.webhook, _D.ended_at.is_(None), _D.trouble).where(_D.trouble != "").order_by(_D.first_tried_at)
    with ledger.read() as connection:
        why = {(name, bool(waits)): trouble for name, waits, trouble in connection.execute(last)}
        rows = connection.execute(select(_D.webhook, *sums).group_by(_D.webhook)).all()
    return {
        name: WebhookCount(
            *(int(waiting), int(done), int(gone), lost_at),
            *(why.get((name, waits), "") for waits in (True, False)),
        )
        for name, waiting, done, gone, lost_at in rows
    }


def forget_webhook(ledger: Ledger, webhook: str) -> int:
    """Drop all that stands here of a webhook. Returns how many events it was still to be told."""
    start = place_name(webhook, "")
    waits = select(func.count()).where(_D.webhook == webhook, _D.ended_at.is_(None))
    with ledger.write() as connection:
        left = int(connection.execute(waits).scalar_one())
        connection.execute(delete(webhook_deliveries).where(_D.webhook == webhook))
        places = func.substr(export_places.c.receiver, 1, len(start)) == start
        connection.execute(delete(export_places).where(places))
    return left


def _row(webhook: str, event: Event) -> dict[str, Any]:
    told = {"title": event.title, "text": event.text, "facts": dict(event.facts)}
    return {
        "webhook": webhook,
        "event_id": event.event_id,
        "kind": event.kind,
        "happened_at": event.happened_at,
        "told": json.dumps(told, ensure_ascii=False),
        "tries": 0,
        "trouble": "",
    }


def _delivery(row: Any) -> Delivery:
    told = json.loads(row["told"])
    event = Event(row["event_id"], EventKind(row["kind"]), row["happened_at"], **told)
    return Delivery(row["webhook"], event, row["tries"], row["first_tried_at"])
