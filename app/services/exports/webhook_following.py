"""One webhook's thread: looks, writes down, sends, as long as it is wanted; and tells of a ledger that fails, which
cannot be written down anywhere."""

import logging
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from app.core.errors import DiskFull, LedgerDamaged, LedgerError, LedgerGone, VaultError, told_of
from app.core.webhooks import Event, EventGroup, Webhook
from app.keys.vault import Vault
from app.ledger import places
from app.ledger.ballast import Room, room_for
from app.ledger.engine import Ledger
from app.ledger.feed import ChangeWatch
from app.ledger.webhook_outbox import DeliveryState
from app.services.exports.webhook_delivery import collect, pause_after, receiver_of, send_due
from app.services.exports.webhook_events import ledger_event

LOOK_EVERY_S = 0.5
VAULT_EVERY_S = 15.0
LOOK_AT_LEAST_EVERY = timedelta(seconds=5)
"""A meter that is given up is told in a file, not in the ledger."""

type Tell = Callable[[str], object]

logger = logging.getLogger(__name__)


def follow_webhook(ledger: Ledger, webhook: Webhook, vault: Vault, stop: threading.Event, tell: Tell) -> None:
    """Until `stop` is set. `tell` is called with what keeps it from telling, empty when nothing does."""
    alarm = LedgerAlarm(webhook, vault)
    looking = _Looking(ledger, webhook)
    wait_s = 0.0
    try:
        while not stop.wait(wait_s):
            now = datetime.now(UTC)
            wait_s = LOOK_EVERY_S
            try:
                _look_at_room(ledger, alarm, now)
                looking.look(now)
                send_due(ledger, webhook, vault, now, is_wanted=lambda: not stop.is_set())
                tell("")
            except VaultError as error:
                tell(told_of(error))
                wait_s = VAULT_EVERY_S
            except LedgerError as error:
                tell(told_of(error))
                if isinstance(error, LedgerDamaged | LedgerGone | DiskFull):
                    alarm.raise_for(ledger, error.title, error.message, now)
    finally:
        looking.close()


class _Looking:
    """Looks where somebody wrote, and now and then where nobody did."""

    def __init__(self, ledger: Ledger, webhook: Webhook) -> None:
        self._ledger = ledger
        self._webhook = webhook
        self._watch: ChangeWatch | None = None
        self._looked_at: datetime | None = None

    def look(self, now: datetime) -> None:
        """Raises LedgerError."""
        is_changed = self._watch is None or self._watch.changed()
        if not is_changed and self._looked_at is not None and abs(now - self._looked_at) < LOOK_AT_LEAST_EVERY:
            return
        collect(self._ledger, self._webhook, now)
        if self._watch is None:
            self._watch = ChangeWatch(self._ledger)
        else:
            self._looked_at = now

    def close(self) -> None:
        """Give the connection back."""
        if self._watch is not None:
            self._watch.close()


class LedgerAlarm:
    """Tells of a ledger that fails, once a day for each trouble and each file; the id is the same over restarts."""

    def __init__(self, webhook: Webhook, vault: Vault) -> None:
        self._webhook = webhook
        self._vault = vault
        self._told: set[str] = set()
        self._tries = 0
        self._next_at: datetime | None = None

    def raise_for(self, ledger: Ledger, title: str, message: str, now: datetime) -> None:
        """Tell it, unless it was told, or is not to be tried again yet."""
        event = ledger_event(str(places.identity(ledger.path)), title, message, now)
        is_early = self._next_at is not None and now < self._next_at
        if EventGroup.METER not in self._webhook.events or event.event_id in self._told or is_early:
            return
        if self._is_told(event):
            self._told.add(event.event_id)
            self._tries, self._next_at = 0, None
        else:
            self._next_at = now + pause_after(self._tries, random.uniform)
            self._tries += 1

    def _is_told(self, event: Event) -> bool:
        try:
            verdict = receiver_of(self._webhook, self._vault).send(event)
        except VaultError as error:
            logger.warning("%s was not told that the ledger fails: %s", self._webhook.name, error.title)
            return False
        return verdict.outcome is not DeliveryState.WAITING


def _look_at_room(ledger: Ledger, alarm: LedgerAlarm, now: datetime) -> None:
    room = room_for(ledger.path)
    if room is Room.FULL:
        alarm.raise_for(ledger, room.heading, room.meaning, now)
