"""Telling one webhook of what happens: found in the ledger, written down there, sent, and marked once it arrived.

Each event is told at least once, also over restarts, and always with the same id. What does not arrive because the
receiver is away, overloaded or at fault (no connection, status 408, 429 or 5xx) is tried again after pauses that grow,
for a day; any other answer is final. What ended without arriving is said: in the log, by `bursar export status` and by
the doctor.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from app.core.errors import ExportError, InvalidInput, KeyMissing, told_of
from app.core.webhooks import Event, EventGroup, Webhook
from app.keys.vault import Vault
from app.ledger.alert_store import alerts_after, last_alert_id, reached_limits
from app.ledger.asked_questions import asked_since
from app.ledger.engine import Ledger
from app.ledger.loop_store import loops_told_after
from app.ledger.webhook_outbox import (
    Delivery,
    DeliveryState,
    due_deliveries,
    is_new_to,
    note_ended,
    note_failed,
    places_of,
    put_events,
)
from app.services.exports.webhook_bodies import body_of, signed_headers
from app.services.exports.webhook_events import alert_event, loop_event, meter_event, waiting_event
from app.services.exports.webhook_sending import Reply, post
from app.services.keeper import blocked_keeper

OVERLAP = timedelta(minutes=2)
"""What was written down late may bear an earlier time; what is found again is known by its id."""
NOTE_EVERY = timedelta(minutes=10)
MOST_AT_ONCE = 50
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 3_600.0
TRIED_FOR, TRIED_AT_LEAST = timedelta(days=1), 12
"""A machine that slept for a day has not tried for a day."""
FAILURES_IN_A_ROW = 2
"""After so many the receiver is taken to be away, and the rest waits with them."""
_RETRIED = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)

logger = logging.getLogger(__name__)

type Jitter = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of sending once. `wait`: how long the receiver wants to be left alone."""

    outcome: DeliveryState
    trouble: str = ""
    wait: timedelta = timedelta(0)


def collect(ledger: Ledger, webhook: Webhook, now: datetime) -> None:
    """Write down what happened since the last look; of a webhook that is new, that it need not be told of the past.
    Raises LedgerError."""
    before = places_of(ledger, webhook.name)
    events, places = _found(ledger, webhook, before, now)
    fresh_ids = is_new_to(ledger, webhook.name, (event.event_id for event in events))
    fresh = [event for event in events if event.event_id in fresh_ids]
    noted_at = _EPOCH + before.get("looked", 0) * _MICROSECOND
    timeless = {name: place for name, place in places.items() if name != "looked"}
    is_moved = any(before.get(name) != place for name, place in timeless.items())
    if fresh or is_moved or abs(now - noted_at) >= NOTE_EVERY:
        put_events(ledger, webhook.name, fresh, places, now, known=not before)


def _found(
    ledger: Ledger, webhook: Webhook, before: dict[str, int], now: datetime
) -> tuple[list[Event], dict[str, int]]:
    """What happened, some of it known, and how far was looked."""
    looked = (now - _EPOCH) // _MICROSECOND
    since = _EPOCH + before.get("looked", looked) * _MICROSECOND - OVERLAP
    last = before.get("alerts")
    alerts = alerts_after(ledger, last_alert_id(ledger) if last is None else last)
    keeper = blocked_keeper(ledger.path)
    events: dict[EventGroup, list[Event]] = {
        EventGroup.CAPS: [*map(alert_event, alerts), *map(alert_event, reached_limits(ledger, now))],
        EventGroup.WAITING: [waiting_event(ask) for ask in asked_since(ledger, since)],
        EventGroup.LOOPS: [loop_event(loop) for loop in loops_told_after(ledger, since)],
        EventGroup.METER: [meter_event(keeper, now)] if keeper is not None and not before.get("meter") else [],
    }
    newest = alerts[-1].alert_id if alerts else last_alert_id(ledger) if last is None else last
    places = {"looked": looked, "alerts": newest, "meter": int(keeper is not None)}
    once = {event.event_id: event for group in webhook.events for event in events[group]}
    return list(once.values()), places


def send_due(
    ledger: Ledger, webhook: Webhook, vault: Vault, now: datetime, jitter: Jitter = random.uniform,
    *, is_wanted: Callable[[], bool] = lambda: True,
) -> str:  # fmt: skip
    """Send what is due, as long as it `is_wanted`. Returns why something did not arrive; empty when all did. Raises
    LedgerError, and VaultError while the address cannot be had: that is no try."""
    due = due_deliveries(ledger, webhook.name, now, MOST_AT_ONCE)
    if not due:
        return ""
    trouble, in_a_row = "", 0
    receiver = receiver_of(webhook, vault)
    for place, delivery in enumerate(due):
        if not is_wanted():
            break
        verdict = receiver.send(delivery.event)
        if verdict.outcome is not DeliveryState.WAITING:
            in_a_row = 0
            note_ended(ledger, delivery, now, verdict.outcome, verdict.trouble)
            trouble = _said(delivery, verdict) or trouble
            continue
        in_a_row += 1
        left = due[place:] if in_a_row >= FAILURES_IN_A_ROW else [delivery]
        trouble = _put_off(ledger, left, verdict, now, jitter)
        if in_a_row >= FAILURES_IN_A_ROW:
            break
    return trouble


def _put_off(ledger: Ledger, left: Sequence[Delivery], verdict: Verdict, now: datetime, jitter: Jitter) -> str:
    """What did not arrive is tried again later, or given up."""
    for delivery in left:
        if _is_over(delivery, now):
            note_ended(ledger, delivery, now, DeliveryState.GIVEN_UP, verdict.trouble)
            _said(delivery, Verdict(DeliveryState.GIVEN_UP, verdict.trouble))
    going_on = [delivery for delivery in left if not _is_over(delivery, now)]
    if going_on:
        longest = max(one.tries for one in going_on)
        pause = max(pause_after(longest, jitter), min(verdict.wait, TRIED_FOR))
        note_failed(ledger, going_on, now, now + pause, verdict.trouble)
    return verdict.trouble


def _is_over(delivery: Delivery, now: datetime) -> bool:
    """Whether the try that failed just now was the last."""
    return now - (delivery.first_tried_at or now) >= TRIED_FOR and delivery.tries + 1 >= TRIED_AT_LEAST


def pause_after(tries: int, jitter: Jitter = random.uniform) -> timedelta:
    """How long to wait after a try that failed, with so many before it: twice as long each time, and a little other
    than all others wait."""
    most_s = min(FIRST_PAUSE_S * 2 ** min(tries, 30), LONGEST_PAUSE_S)
    return timedelta(seconds=most_s * jitter(0.5, 1.0))


@dataclass(frozen=True, slots=True)
class Receiver:
    """A webhook with its address and its secret, which is empty where nothing is signed."""

    webhook: Webhook
    address: str
    secret: str

    def send(self, event: Event) -> Verdict:
        """Send once, signed as of now."""
        try:
            body = body_of(event, self.webhook.format)
            headers = {"user-agent": "bursar"}
            if self.secret:
                headers |= signed_headers(event.event_id, body, self.secret, int(time.time()))
            reply = post(self.address, body, headers, reaches_private=self.webhook.reaches_private)
        except (ExportError, InvalidInput) as error:
            return Verdict(DeliveryState.WAITING, told_of(error))
        return _verdict(reply)


def _verdict(reply: Reply) -> Verdict:
    if reply.status // 100 == 2:
        return Verdict(DeliveryState.DELIVERED)
    words = f"The receiver answered with status {reply.status}"
    if reply.status in _RETRIED or reply.status // 100 == 5:
        return Verdict(DeliveryState.WAITING, f"{words}.", timedelta(seconds=min(reply.retry_after_s or 0.0, 1e6)))
    unfollowed = "; redirects are not followed" if reply.status // 100 == 3 else ""
    return Verdict(DeliveryState.REFUSED, f"{words}{unfollowed}.")


def receiver_of(webhook: Webhook, vault: Vault) -> Receiver:
    """Where it is, out of the vault; nobody is asked to open one. Raises VaultError."""
    vault.look()
    address = vault.get(webhook.address_entry)
    if not address:
        fix = f"bursar webhooks remove {webhook.name}, then bursar webhooks add {webhook.name}"
        raise KeyMissing(f"The address of {webhook.name} is gone from the keyring", f"Give it again: {fix}.")
    return Receiver(webhook, address, vault.get(webhook.secret_entry) or "")


def _said(delivery: Delivery, verdict: Verdict) -> str:
    if verdict.trouble:
        what = f"{delivery.event.kind} {delivery.event.event_id}"
        logger.warning("%s was not told of %s (%s): %s", delivery.webhook, what, verdict.outcome, verdict.trouble)
    return verdict.trouble
