"""Webhooks: who is told, of what, in which form; and what happened, as it is told to all of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.errors import InvalidInput

_WEBHOOK_ENTRIES = "webhook/"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class WebhookFormat(StrEnum):
    """What is sent: messages as Slack's incoming webhooks take them, or Bursar's own JSON, signed."""

    SLACK = "slack"
    JSON = "json"


class EventGroup(StrEnum):
    """What a webhook can be told of. `meter` is what keeps calls from being metered, the ledger's state too."""

    CAPS = "caps"
    WAITING = "waiting"
    LOOPS = "loops"
    METER = "meter"


class EventKind(StrEnum):
    """What happened."""

    CAP_ALERT = "cap.alert"
    CALL_WAITING = "call.waiting"
    LOOP_FOUND = "loop.found"
    METER_STOPPED = "meter.stopped"
    LEDGER_TROUBLE = "ledger.trouble"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One receiver. Its address and its signing secret lie in the keyring; `host` is all of the address that may be
    shown. `reaches_private`: a person said that it lies on this machine's network."""

    name: str
    format: WebhookFormat
    host: str
    events: tuple[EventGroup, ...] = tuple(EventGroup)
    reaches_private: bool = False

    @property
    def address_entry(self) -> str:
        """Its address in the vault. No provider is called so."""
        return f"{_WEBHOOK_ENTRIES}{self.name}/address"

    @property
    def secret_entry(self) -> str:
        """Its signing secret in the vault."""
        return f"{_WEBHOOK_ENTRIES}{self.name}/secret"


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. `event_id` is the same however often it is told. `facts` are plain values by name, `title` and
    `text` the same in words; none of them holds a prompt, an answer or a key."""

    event_id: str
    kind: EventKind
    happened_at: datetime
    title: str
    text: str
    facts: Mapping[str, str | int | bool | None]


def clean_webhook_name(text: str) -> str:
    """A name as it is kept. Raises InvalidInput."""
    if not _NAME.fullmatch(text.strip()):
        raise InvalidInput("Not a webhook's name", "Use letters, digits, dots and dashes, 40 at most, like team-slack.")
    return text.strip()


OTLP_HEADERS_ENTRY = "otlp/headers"
"""The vault's entry for the headers that a collector wants."""


def is_export_entry(entry: str) -> bool:
    """Whether an entry of the vault is a secret of exports, which is no meter's business."""
    return entry == OTLP_HEADERS_ENTRY or entry.startswith(_WEBHOOK_ENTRIES)
