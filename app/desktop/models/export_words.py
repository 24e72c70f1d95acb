"""Exports and webhooks in words."""

from app.core.errors import InvalidInput
from app.core.webhooks import EventGroup, Webhook, WebhookFormat
from app.services.exports.status import ExportStates
from app.services.setting_checks import MAX_PORT

FORMATS = {WebhookFormat.SLACK: "Slack’s messages", WebhookFormat.JSON: "Bursar’s JSON, signed"}
GROUPS = {
    EventGroup.CAPS: "A cap at an alert level, or at its limit",
    EventGroup.WAITING: "A call that waits for you",
    EventGroup.LOOPS: "An agent that repeats itself",
    EventGroup.METER: "A meter or ledger that fails",
}
_SHORT = {WebhookFormat.SLACK: "Slack", WebhookFormat.JSON: "JSON"}
_GROUP_WORDS = {
    EventGroup.CAPS: "caps",
    EventGroup.WAITING: "waiting calls",
    EventGroup.LOOPS: "loops",
    EventGroup.METER: "the meter",
}


def webhook_words(webhook: Webhook) -> str:
    """`Slack at hooks.slack.com, told of all` or `…of caps, loops`."""
    is_all = set(webhook.events) == set(EventGroup)
    groups = "all" if is_all else ", ".join(_GROUP_WORDS[group] for group in webhook.events)
    return f"{_SHORT[webhook.format]} at {webhook.host or 'an address in the keyring'}, told of {groups}"


def running_words(states: ExportStates) -> str:
    """Who runs what is exported, and what is wrong with that which is no webhook."""
    if not states.parts:
        return "Nothing is exported by itself."
    if states.running is None:
        return "Not running yet."
    troubles = [f"{one.name}: {one.trouble}" for one in states.parts if one.webhook is None and one.trouble]
    return " ".join(troubles) or f"Run by {states.running.holder}."


def exporter_port(typed: str) -> int:
    """The port for Prometheus; empty is none. Raises InvalidInput."""
    text = typed.strip()
    if text and (not text.isdecimal() or int(text) > MAX_PORT):
        raise InvalidInput("Not a port", f"A port is a number up to {MAX_PORT}; leave it empty for none.")
    return int(text or 0)
