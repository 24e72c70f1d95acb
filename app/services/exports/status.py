"""How the exports stand, in words: for the command line, the doctor and the window."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.webhooks import Webhook
from app.core.wording import counted
from app.ledger.engine import Ledger
from app.ledger.webhook_outbox import WebhookCount, webhook_counts
from app.services.exports.parts import LOOPBACK, Part, parts_of
from app.services.exports.running import Running, running_exports
from app.services.settings import Settings

LOST_COUNTS_FOR = timedelta(days=7)
_NOTHING = WebhookCount(0, 0, 0, None, "", "")


@dataclass(frozen=True, slots=True)
class ExportState:
    """One part: its name, where it leads, how it stands, and what is wrong, empty when nothing is. `webhook` is the
    one it is, None for the others; `lost` are events that it was never told of, in the last days."""

    name: str
    place: str
    state: str
    trouble: str
    webhook: Webhook | None
    lost: int


@dataclass(frozen=True, slots=True)
class ExportStates:
    """All parts, and who runs them; `running` is None when nobody does."""

    running: Running | None
    parts: tuple[ExportState, ...]


def export_states(ledger: Ledger, settings: Settings, now: datetime) -> ExportStates:
    """How all that the settings want stands. Raises LedgerError."""
    running = running_exports(ledger.path)
    counts = webhook_counts(ledger) if settings.webhooks else {}
    parts = parts_of(settings).values()
    return ExportStates(running, tuple(_state_of(part, running, counts, now) for part in parts))


def _state_of(part: Part, running: Running | None, counts: dict[str, WebhookCount], now: datetime) -> ExportState:
    trouble = "" if running is None else running.troubles.get(part.name, "")
    if part.webhook is None:
        place = part.endpoint or f"http://{LOOPBACK}:{part.port}/metrics"
        return ExportState(part.name, place, _word(running, trouble), trouble, None, 0)
    count = counts.get(part.webhook.name, _NOTHING)
    lost = count.lost if count.lost_at is not None and now - count.lost_at <= LOST_COUNTS_FOR else 0
    waiting = f", {count.waiting:,} to go" if count.waiting else ""
    gone = f", {count.lost:,} never arrived" if count.lost else ""
    state = f"{_word(running, trouble)}: {counted(count.delivered, 'event')} told{waiting}{gone}"
    why = trouble or count.trouble or (count.lost_trouble if lost else "")
    return ExportState(part.name, part.webhook.host, state, why, part.webhook, lost)


def _word(running: Running | None, trouble: str) -> str:
    if running is None:
        return "Not running"
    return "In trouble" if trouble else "Running"
