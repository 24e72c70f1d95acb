"""Webhooks as they stand in the settings' file: objects without a secret."""

from collections.abc import Iterable
from typing import Any

from app.core.errors import InvalidInput
from app.core.webhooks import EventGroup, Webhook, WebhookFormat, clean_webhook_name


def webhooks_of(values: object) -> tuple[Webhook, ...]:
    """Webhooks, of what the file holds. Raises InvalidInput."""
    if not isinstance(values, list | tuple):
        raise _wrong("It must list webhooks.")
    found = tuple(value if isinstance(value, Webhook) else _webhook_of(value) for value in values)
    if len({one.name for one in found}) != len(found):
        raise _wrong("Two have the same name.")
    return found


def webhook_values(webhooks: Iterable[Webhook]) -> list[dict[str, Any]]:
    """The same for the file."""
    return [
        {
            "name": one.name,
            "format": one.format,
            "host": one.host,
            "events": list(one.events),
            "reaches_private": one.reaches_private,
        }
        for one in webhooks
    ]


def _webhook_of(value: object) -> Webhook:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise _wrong("Each must be an object with a name. Add one with: bursar webhooks add")
    try:
        name, form = clean_webhook_name(value["name"]), WebhookFormat(value.get("format", WebhookFormat.JSON))
        events = tuple(EventGroup(one) for one in value.get("events", tuple(EventGroup)))
    except (InvalidInput, ValueError, TypeError):
        groups = ", ".join(EventGroup)
        raise _wrong(f"“{value['name'][:40]}”: format is slack or json, events are of {groups}.") from None
    return Webhook(name, form, str(value.get("host", "")), events, value.get("reaches_private") is True)


def _wrong(message: str) -> InvalidInput:
    return InvalidInput("webhooks", message)
