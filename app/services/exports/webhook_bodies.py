"""An event as it goes over the wire: the two forms of its body, and the signature.

Version 1 of our own JSON: `version` (1), `id`, `type`, `occurred_at` (ISO 8601, UTC), `title`, `text` and `data`.
Within a version fields may be added, to the whole and to `data`; none changes its meaning. Amounts are whole
nano-dollars (`…_nano_usd`) with exact dollars as text beside them (`…_usd`); what is not known is null.

Signed as https://github.com/standard-webhooks/standard-webhooks says: `webhook-id`, `webhook-timestamp` (seconds since
1970) and `webhook-signature`, which is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, keyed with what
stands behind `whsec_` in the secret, decoded from base64. Slack's form follows
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: `text` is markup, the blocks are plain text.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping

from app.core.errors import InvalidInput
from app.core.webhooks import Event, WebhookFormat

VERSION = 1
SECRET_START = "whsec_"
_SECRET_BYTES, _FEWEST_SECRET_BYTES, _MOST_SECRET_BYTES = 32, 24, 64
_MOST_HEADER, _MOST_SECTION = 150, 3_000
_BEHIND_AT = "\u200b"


def body_of(event: Event, form: WebhookFormat) -> bytes:
    """What is posted."""
    made = _slack(event) if form is WebhookFormat.SLACK else _own(event)
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def signed_headers(event_id: str, body: bytes, secret: str, at_s: int) -> dict[str, str]:
    """The headers that tell who sent it and when. Raises InvalidInput for what is no secret."""
    signed = b".".join((event_id.encode(), str(at_s).encode(), body))
    digest = hmac.new(_key_of(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def new_secret() -> str:
    """A signing secret."""
    return SECRET_START + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def check_secret(text: str) -> str:
    """A signing secret as it is kept. Raises InvalidInput."""
    secret = text.strip()
    _key_of(secret)
    return secret


def _key_of(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_START), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _FEWEST_SECRET_BYTES <= len(key) <= _MOST_SECRET_BYTES:
        raise InvalidInput("Not a signing secret", "It is whsec_ and 24 to 64 bytes as base64.")
    return key


def _own(event: Event) -> Mapping[str, object]:
    return {
        "version": VERSION,
        "id": event.event_id,
        "type": event.kind,
        "occurred_at": event.happened_at.isoformat(),
        "title": event.title,
        "text": event.text,
        "data": dict(event.facts),
    }


def _slack(event: Event) -> Mapping[str, object]:
    header = {"type": "header", "text": _plain(event.title, _MOST_HEADER)}
    section = {"type": "section", "text": _plain(event.text, _MOST_SECTION)}
    return {"text": _escaped(f"{event.title}. {event.text}"), "blocks": [header, section]}


def _plain(text: str, most: int) -> Mapping[str, object]:
    return {"type": "plain_text", "text": text if len(text) <= most else f"{text[: most - 1]}…", "emoji": False}


def _escaped(text: str) -> str:
    """Agents choose some of these words: they are no markup, and call nobody's attention."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("@", f"@{_BEHIND_AT}")
